"""Counting a module that has no closed form, on torch's meta device: no memory, no arithmetic.

There every attention is plain matmuls, so torch's counter sees all of it. Elsewhere it does not: a
CPU's fused attention counts as nothing, and a GPU's costs 3.5 forwards in training, since it
recomputes. So nothing that is counted may leave the meta device, and nothing that costs matmuls may
go by unseen. One formula of torch's is replaced: see ``convolution_backward``.
"""

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from ditlaw.errors import BadInput, DitlawError
from ditlaw.families import Counts, Geometry, Own, Shape
from ditlaw.flow import training_loss
from ditlaw.models.condition import Condition
from ditlaw.models.own import OwnModel, build_on_meta, reason

BATCH = 2  # samples that are counted at once; their FLOPs are shared out evenly
# Products that torch's counter has no formula for, by the name of torch's operator.
UNSEEN = {"mv", "addmv", "dot", "vdot", "_trilinear", "_cdist_forward", "_sparse_addmm"}
MEND = "mend its forward: no .item(), no numpy, new tensors with device=x.device"
ANOTHER = "use another class, or a factory of your own that makes it run"
REST = "rest"  # FLOPs and params of the module's own code and parameters, outside its children


def count_module(family: Own, shape: Shape, geometry: Geometry) -> Counts:
    """Counts of a user's module, per sample.

    ``params`` are the trainable ones without the weights of ``nn.Embedding``; ``params_total``
    holds these too. FLOPs are those of ``FlopCounterMode``: a forward pass in evaluation mode, and
    in training mode the loss with its backward pass. The breakdowns are by the module's children.

    Raises:
        BadInput: the module cannot be made or run on the meta device, or does what cannot be
            counted; the message names the family and what to mend.
    """
    named = f"family: {family.path} at {shape}"
    model = build_on_meta(family, shape, geometry)
    total, params = _params(model)
    if not params:
        raise BadInput(f"{named} has no trainable params; return a module that has")
    x, t, condition, order = _sample(geometry)
    try:
        with torch.device("meta"):
            forward, _ = _count(model.eval(), lambda: model(x, t, condition))
            buffers = {name: (b, b._version) for name, b in model.named_buffers()}
            train, parts = _count(
                model.train(),
                lambda: torch.autograd.backward(
                    training_loss(model, x, x, t, condition, order).mean()
                ),
            )
    except DitlawError:
        raise
    except Exception as error:
        raise BadInput(
            f"{named} does not run on torch's meta device, where it is counted ({reason(error)}); "
            + (ANOTHER if family.of_diffusers else MEND)
        ) from None
    for name, (buffer, version) in buffers.items():
        if buffer._version != version:
            raise BadInput(
                f"{named} changes its buffer {_stripped(name)} as it trains, which a run does not "
                "keep; use layers without running statistics"
            )
    if not forward:
        raise BadInput(f"{named} multiplies no matrices: there are no FLOPs to count")
    return Counts(
        params=sum(params.values()),
        params_total=total,
        params_breakdown=params,
        flops_breakdown=_shared(parts, train),
        tokens_per_sample=geometry.tokens,
        flops_forward=_each(forward, named),
        flops_train=_each(train, named),
    )


def _count(model: OwnModel, run: Any) -> tuple[int, dict[str, int]]:
    """FLOPs of a batch, and the same by the module's children."""
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


def _each(flops: int, named: str) -> int:
    if flops % BATCH:
        raise BadInput(f"{named} does not cost every sample of a batch the same; mend its forward")
    return flops // BATCH


def _shared(parts: dict[str, int], total: int) -> dict[str, int]:
    """The children's FLOPs per sample, if they make up the whole."""
    each = {part: flops // BATCH for part, flops in parts.items() if flops}
    return each if sum(each.values()) == total // BATCH else {"all": total // BATCH}


def _params(model: OwnModel) -> tuple[int, dict[str, int]]:
    """All trainable parameters, and those outside look-up tables by the module's children."""
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    total, params = 0, defaultdict[str, int](int)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            total += parameter.numel()
            if id(parameter) not in tables:
                params[_child(name)] += parameter.numel()
    return total, dict(params)


def _stripped(name: str) -> str:
    """A name inside the user's module or, for diffusers, inside the class's."""
    while name.startswith("model."):
        name = name.removeprefix("model.")
    return name


def _child(name: str) -> str:
    """The child of the module that a parameter or a module inside it belongs to."""
    return _stripped(name).split(".")[0]


def _sample(geometry: Geometry) -> tuple[Tensor, Tensor, Condition, Tensor]:
    """A batch of x, t, condition and order, without memory behind it."""
    frames = (geometry.frames,) if geometry.frames > 1 else ()
    with torch.device("meta"):
        text = pooled = None
        if geometry.words:
            text = torch.zeros(BATCH, geometry.text_tokens, dtype=torch.long)
        elif geometry.text_tokens:
            text = torch.empty(BATCH, geometry.text_tokens, geometry.text_dim)
        if geometry.pooled_dim:
            pooled = torch.empty(BATCH, geometry.pooled_dim)
        x = torch.empty(BATCH, geometry.channels, *frames, geometry.height, geometry.width)
        order = torch.empty(BATCH, geometry.image_tokens)
        return x, torch.empty(BATCH), Condition(text, pooled), order


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
            if (child := _child(name)) and child != "model":
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
