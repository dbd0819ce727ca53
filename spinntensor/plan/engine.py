"""Cycles of the tile engine itself: what a core spends on the commands of its program beside kernels and transfers.

Fitted from programs that ran on the emulated chip (`bench/engine.py`), interrupts of transfers included; what a command
computes and how often it accesses a register of the core's devices are kept apart, because the time of an access is an
assumption (`facts.peripheral_cycles`). Waiting for a transfer is not in it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from spinntensor.machine.facts import Facts

WEIGHTS = Path(__file__).with_name("engine.json")
MEASURED = ("program", "move", "wait", "call")
"""A whole program, and a command of each kind: the share of the command's own fetch included."""


@lru_cache(maxsize=1)
def weights() -> dict[str, tuple[float, float]]:
    """For each name of `MEASURED`, its cycles without peripheral accesses, and its peripheral accesses."""
    found = json.loads(WEIGHTS.read_text())
    return {name: (found[name][0], found[name][1]) for name in MEASURED}


@lru_cache(1 << 10)
def _each(peripheral_cycles: int) -> tuple[float, float, float]:
    """Cycles of a move, a wait and a call."""
    move, wait, call = (weights()[name] for name in MEASURED[1:])
    return tuple(issued + peripheral_cycles * accesses for issued, accesses in (move, wait, call))  # type: ignore[return-value]


def engine_cycles(moves: int, waits: int, calls: int, facts: Facts) -> float:
    """Model cycles of so many commands, transfers and kernels themselves left out."""
    move, wait, call = _each(facts.peripheral_cycles)
    return moves * move + waits * wait + calls * call
