"""Emulated SpiNNaker cores: ARM code runs on Unicorn, time comes from a model of the ARM9E-S pipeline.

Names are imported on first use: importing the package needs neither numba nor unicorn.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Core": "core",
    "CoreFault": "faults",
    "Counters": "counters",
    "StrictError": "faults",
    "new_sdram": "memory",
}

__all__ = ["Core", "CoreFault", "Counters", "StrictError", "new_sdram"]


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first asked for."""
    if name in __all__:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
