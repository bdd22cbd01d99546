"""Carry one run to its last budget, from wherever it stands."""

import contextlib

import torch

from ditlaw.study import RunSpec
from ditlaw.tracking import mirrored
from ditlaw.training import stopping
from ditlaw.training.device import pick_device
from ditlaw.training.folder import RunFolder
from ditlaw.training.parallel import Alone
from ditlaw.training.session import Session


def train(folder: RunFolder, device: torch.device | None = None, ranks: Alone | None = None) -> str:
    """Train the run of a folder from wherever it stands; returns ``done``, ``diverged``
    or, asked by SIGTERM or ``stopping.ask``, ``stopped``.

    Of several ``ranks`` that share it each calls this; see ``ditlaw.training.ranks``.

    Observations are a pure function of the spec on one machine: a run that was killed and resumed
    writes the same bytes as one that was not.

    Raises:
        Refused: another process is training it.
    """
    ranks, spec = ranks or Alone(), folder.spec()
    mirrors = mirrored(folder, spec) if ranks.first else contextlib.nullcontext()
    with stopping.heeding(), folder.lock(), mirrors:
        return _train(folder, spec, device or pick_device(), ranks)


def _train(folder: RunFolder, spec: RunSpec, device: torch.device, ranks: Alone) -> str:
    session = Session(folder, spec, device, ranks)
    try:
        for stop in spec.stops:
            ended = session.train_to(spec.branch(stop).start)
            # Where a resumed state lies past a budget, its row is there.
            missing = folder.missing(spec.model_copy(update={"stops": [stop]}), stop.step)
            if ranks.heard(bool(missing))[0] and not ended:
                ended = session.cool_down(stop) or session.observe(stop)
            if ended:
                return ended
        session.finish()
        return "done"
    finally:
        session.trunk.close()
