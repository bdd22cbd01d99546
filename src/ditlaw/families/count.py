"""Counting one model for the command line: what ``ditlaw count`` answers."""

from ditlaw.errors import BadInput
from ditlaw.families import Geometry, get_family
from ditlaw.results import CountResult, FlopsPerSample


def count_model(
    family: str, depth: int, width: int | None, heads: int | None, geometry: Geometry
) -> CountResult:
    """Exact counts of one member of a family, FLOPs per sample.

    Raises:
        BadInput: unknown family or a shape that cannot be built.
    """
    chosen = get_family(family)
    shape = chosen.shape(depth, width, heads)
    counts = chosen.counts(shape, geometry)
    return CountResult(
        family=family,
        depth=shape.depth,
        width=shape.width,
        heads=shape.heads,
        params=counts.params,
        params_total=counts.params_total,
        params_breakdown=counts.params_breakdown,
        tokens_per_sample=counts.tokens_per_sample,
        flops=FlopsPerSample(forward=counts.flops_forward, train=counts.flops_train),
        flops_6nd=counts.flops_6nd,
    )


def parse_latent(text: str) -> tuple[int, int, int]:
    """Read ``HxWxC``: height, width and channels of one sample.

    Raises:
        BadInput: not of that form.
    """
    try:
        rows, columns, channels = (int(side) for side in text.lower().split("x"))
        if min(rows, columns, channels) < 1:
            raise ValueError
    except ValueError:
        raise BadInput(f"--latent: '{text}' is not HxWxC, as 32x32x4") from None
    return rows, columns, channels
