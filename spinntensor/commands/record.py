"""Records of what a command did, as JSON: whole files or none, and numbers that JSON has."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from spinntensor.nn.files import replacing


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write a record; numbers that are not finite become null. OutputError, and the old file, when that fails."""
    with replacing(path) as file:
        file.write((json.dumps(_finite(record), indent=1) + "\n").encode())


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
