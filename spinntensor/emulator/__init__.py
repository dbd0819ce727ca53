"""Emulated SpiNNaker cores and chips: ARM code runs on Unicorn, time comes from a model of the ARM9E-S pipeline.

A ``Core`` stands alone and is called function by function. A ``Chip`` has eighteen of them with all their devices,
a router and shared memories; a ``Monitor`` loads programs into it and talks to them as SC&MP would.

Names are imported on first use: importing the package needs neither numba nor unicorn.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Chip": "chip",
    "ChipFacts": "facts",
    "Core": "core",
    "CoreFacts": "facts",
    "CoreFault": "faults",
    "Counters": "counters",
    "Disturbance": "disturb",
    "Monitor": "monitor",
    "Outcome": "chip",
    "StrictError": "faults",
    "new_sdram": "memory",
}

__all__ = [
    "Chip",
    "ChipFacts",
    "Core",
    "CoreFacts",
    "CoreFault",
    "Counters",
    "Disturbance",
    "Monitor",
    "Outcome",
    "StrictError",
    "new_sdram",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first asked for."""
    if name in __all__:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
