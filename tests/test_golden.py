"""Numbers that only a meant change may move: each family's first twenty losses in float64."""

import json

import numpy as np
from family_cases import each_family
from golden import STEPS, curve, path


@each_family()
def test_the_first_losses_are_the_recorded_ones(family):
    recorded = json.loads(path(family).read_text())
    assert len(recorded) == STEPS
    # Another processor rounds the pictures, which are float32, otherwise in a last bit.
    np.testing.assert_allclose(curve(family), recorded, rtol=2e-6)
    assert recorded[-1] < recorded[0]
