"""Counting a module that has no closed form: params as they are, FLOPs on torch's meta device.

Nothing there has memory behind it and nothing is computed, so that any size is counted at once.
"""

from collections import defaultdict

import torch
from torch import Tensor, nn

from ditlaw.errors import BadInput, DitlawError
from ditlaw.families import Counts, Geometry, Own, Shape
from ditlaw.flow import training_loss
from ditlaw.models.condition import Condition
from ditlaw.models.flops import child_of, count_flops, inner_name
from ditlaw.models.own import OwnModel, build_on_meta, reason

BATCH = 2  # samples that are counted at once; their FLOPs are shared out evenly
MEND = "mend its forward: no .item(), no numpy, new tensors with device=x.device"
ANOTHER = "use another class, or a factory of your own that makes it run"


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
            forward, _ = count_flops(model.eval(), lambda: model(x, t, condition))
            buffers = {name: (b, b._version) for name, b in model.named_buffers()}
            train, parts = count_flops(
                model.train(),
                lambda: torch.autograd.backward(
                    training_loss(model, x, x, t, condition, order).mean()
                ),
            )
    except DitlawError:
        raise
    except (Exception, SystemExit) as error:
        raise BadInput(
            f"{named} does not run on torch's meta device, where it is counted ({reason(error)}); "
            + (ANOTHER if family.of_diffusers else MEND)
        ) from None
    after = dict(model.named_buffers())
    for name, (buffer, version) in buffers.items():
        if after.get(name) is not buffer or buffer._version != version:
            raise BadInput(
                f"{named} changes its buffer {inner_name(name)} as it trains, which a run does not "
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
                params[child_of(name)] += parameter.numel()
    return total, dict(params)


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
