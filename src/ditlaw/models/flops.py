"""FLOPs of a user's module by torch's counter on the meta device, and what it would leave out.

There every attention is plain matmuls, so the counter sees all of it. Elsewhere it does not: a
CPU's fused attention counts as nothing, and a GPU's costs 3.5 forwards in training, since it
recomputes. So nothing that is counted may leave the meta device, and nothing that costs matmuls may
go by unseen.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from ditlaw.errors import BadInput
from ditlaw.models.own import OwnModel

# Products that torch's counter has no formula for, by the name of torch's operator.
UNSEEN = {"mv", "addmv", "dot", "vdot", "addbmm", "_trilinear", "_cdist_forward", "_sparse_addmm"}
NORMS = {"linalg_vector_norm", "linalg_cross"}  # of torch.linalg, and no products of matrices
REST = "rest"  # FLOPs and params of the module's own code and parameters, outside its children


def count_flops(model: OwnModel, run: Callable[[], Any]) -> tuple[int, dict[str, int]]:
    """FLOPs of a batch, and the same by the module's children.

    Raises:
        BadInput: it does something whose FLOPs would not be counted.
    """
    mapping = {torch.ops.aten.convolution_backward: convolution_backward}
    counter = FlopCounterMode(display=False, custom_mapping=mapping)
    with _Parts(model, counter.flop_registry) as parts, counter:
        run()
    return counter.get_total_flops(), dict(parts.flops)


def convolution_backward(
    grad_shape: Any, x_shape: Any, weight_shape: Any, *args: Any, out_shape: Any, **kwargs: Any
) -> int:
    """Each gradient that a convolution is asked for costs what its forward does.

    torch's own formula (2.13) is the same, but takes the weight gradient of a grouped convolution
    for a dense one's: a depthwise one then costs as many times too much as it has channels.
    """
    transposed, wanted = args[4], args[7]
    return sum(map(bool, wanted[:2])) * conv_flop_count(
        x_shape, weight_shape, grad_shape, transposed
    )


def inner_name(name: str) -> str:
    """A name inside the user's module or, for diffusers, inside the class's."""
    while name.startswith("model."):
        name = name.removeprefix("model.")
    return name


def child_of(name: str) -> str:
    """The child of the module that a parameter or a module inside it belongs to."""
    return inner_name(name).split(".")[0]


class _Parts(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """FLOPs by the module's children, and a guard: what the counter cannot see is an error.

    In the backward pass an operation belongs to the child whose forward made the node that runs;
    nodes are numbered in the order in which they are made.
    """

    def __init__(self, model: OwnModel, formulas: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.formulas = formulas
        self.flops: dict[str, int] = defaultdict(int)
        self.path = model.path
        self.model = model
        self.inside: list[str] = []
        self.spans: list[tuple[int, int, str]] = []  # first node, node after the last, child

    def __enter__(self) -> "_Parts":
        self.hooks = []
        for name, module in self.model.named_modules():
            if (child := child_of(name)) and child != "model":
                enter, leave = self._hooks(child)
                self.hooks.append(module.register_forward_pre_hook(enter))
                self.hooks.append(module.register_forward_hook(leave))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for hook in self.hooks:
            hook.remove()

    def _hooks(self, child: str) -> tuple[Any, Any]:
        def enter(module: nn.Module, inputs: Any) -> None:
            if not self.inside:
                self.first = _nodes_made()
            self.inside.append(child)

        def leave(module: nn.Module, inputs: Any, output: Any) -> None:
            self.inside.pop()
            if not self.inside:
                self.spans.append((self.first, _nodes_made(), child))

        return enter, leave

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        packet = func._overloadpacket
        formula, name = self.formulas.get(packet), packet.__name__
        unseen = name in UNSEEN or "attention" in name
        unseen |= name.lstrip("_").startswith("linalg_") and name not in NORMS
        if formula is not None or unseen:
            tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
            if not all(tensor.is_meta for tensor in tensors):
                raise BadInput(
                    f"family: {self.path} computes outside torch's meta device, where it is "
                    "counted; mend its forward: new tensors with device=x.device"
                )
        if formula is not None:
            self.flops[self._now()] += formula(*args, **kwargs, out_val=out)
        elif unseen or func.namespace not in ("aten", "prim", "prims"):
            raise BadInput(
                f"family: {self.path} uses torch.ops.{func.namespace}.{name}, whose FLOPs torch's "
                "counter leaves out; use matmuls or scaled_dot_product_attention in its place"
            )
        return out

    def _now(self) -> str:
        """The child that the operation which is running belongs to."""
        if self.inside:
            return self.inside[0]
        node = torch._C._current_autograd_node()
        if node is not None:
            number = node._sequence_nr()
            for first, after, child in self.spans:
                if first <= number < after:
                    return child
        return REST


def _nodes_made() -> int:
    return int(torch._C._autograd._get_sequence_nr())
