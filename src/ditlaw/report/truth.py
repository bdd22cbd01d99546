"""The held-out pictures and captions of a study on prepared data, while its cache is there."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ditlaw.data.cache import Cache, HeldOut
from ditlaw.data.places import prepared_folder, study_root
from ditlaw.errors import BadInput
from ditlaw.study.schema import Data


def held_out_truth(
    run: Path, data: Data, count: int
) -> tuple[list[str], NDArray[np.float32]] | None:
    """The first held-out samples' captions, and pictures (n, 3, height, width) in [−1, 1].

    None of latents, which are no pictures, and where the cache is gone: a report needs neither.

    Args:
        run: the folder of a run of the study.
        data: what it was trained on.
        count: how many.
    """
    try:
        cache = Cache(prepared_folder(study_root(run), data.label))
        held_out = HeldOut(cache, data.held_out)
        if not held_out.pixels:
            return None
        images = held_out.read(0, count).images
        said = cache.said(held_out.rows(0, count))
    except BadInput:
        return None
    return said, np.repeat(images, 3 // images.shape[1], axis=1)
