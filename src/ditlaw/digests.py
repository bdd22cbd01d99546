"""The digest of plain data: what freezes a study, a forecast, a cache."""

import hashlib
import json
from typing import Any


def digest(content: Any) -> str:
    """SHA-256 of plain data, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
