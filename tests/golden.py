"""Golden loss curves: twenty steps of each family in float64.

``python tests/golden.py`` writes them anew; do so only when a change of numbers is meant.
"""

import json
from pathlib import Path

import torch
from family_cases import MEMBERS, make

from ditlaw.data.scenes import Scenes
from ditlaw.flow import stratified, training_loss
from ditlaw.models import Condition

FOLDER = Path(__file__).parent / "data" / "golden"
STEPS, BATCH = 20, 4


def curve(family) -> list[float]:
    """The training loss of the first steps, on scenes, with AdamW."""
    torch.set_num_threads(1)
    model = make(family).double()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98))
    generator, scenes, losses = torch.Generator().manual_seed(11), Scenes(3), []
    for step in range(STEPS):
        drawn = scenes.read(step * BATCH, BATCH)
        x0 = torch.from_numpy(drawn.images).double()
        noise = torch.randn(x0.shape, generator=generator, dtype=torch.float64)
        t = stratified(BATCH, generator)
        order = torch.rand(BATCH, model.geometry.image_tokens, generator=generator)
        condition = Condition(torch.from_numpy(drawn.words))
        value = training_loss(model, x0, noise, t, condition, order).mean()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        losses.append(value.item())
    return losses


def path(family) -> Path:
    return FOLDER / f"{family.label.replace('=', '-').replace(',', '-')}.json"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for member in MEMBERS:
        path(member).write_text(json.dumps(curve(member), indent=1) + "\n")
