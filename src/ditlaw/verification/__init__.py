"""Freeze a forecast, train the runs that check it, compare; and check that a frozen one is sound.

DIR/verify/FLOPS/forecast.json   written before any verifying run starts, never changed after
DIR/verify/FLOPS/runs/ID/        the verifying runs; no fit ever reads them

In a study that compares FLOPS is FLOPS-NAME, of the variant that the check is of.
"""

from ditlaw.verification.checking import check_frozen, require_sound
from ditlaw.verification.comparing import compare
from ditlaw.verification.freezing import freeze_forecast
from ditlaw.verification.frozen import FORECAST_FILE, Frozen, read_frozen
from ditlaw.verification.listing import tally, verifications
from ditlaw.verification.places import checked_variant, variant_name, verify_folder
from ditlaw.verification.running import verify

__all__ = [
    "FORECAST_FILE",
    "Frozen",
    "check_frozen",
    "checked_variant",
    "compare",
    "freeze_forecast",
    "read_frozen",
    "require_sound",
    "tally",
    "variant_name",
    "verifications",
    "verify",
    "verify_folder",
]
