"""Measures what the tile engine itself costs: cycles of a command of each kind beside kernels and transfers.

Random programs run on the emulated core, at two times of a peripheral access, with calls between moves so long that no
transfer is waited for. What is left of their cycles without the kernels' is fitted by the commands' numbers.
Writes `spinntensor/plan/engine.json`: `python bench/engine.py [--check]`.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from spinntensor.emulator.core import Core
from spinntensor.emulator.facts import CoreFacts
from spinntensor.emulator.memory import SDRAM_BASES
from spinntensor.image.program import Command, Invoke, Move, Wait
from spinntensor.kernels import kernel
from spinntensor.machine.call import run
from spinntensor.machine.tile_engine import OPERANDS_AT, execute
from spinntensor.plan.engine import MEASURED, WEIGHTS

SEED, PROGRAMS, ROUNDS = 5, 24, (3, 40)
PERIPHERAL = (3, 10)
"""Cycles of a peripheral access at which programs run: two points give what a command computes and what it accesses."""

CALLED, SHAPE = "clamp_s32_x8", {"n": 512}
PROGRAM_AT, DATA_AT = SDRAM_BASES[0], SDRAM_BASES[0] + 0x100000


def program(rng: np.random.Generator) -> list[Command]:
    """Rounds of a move or none, one or more calls, then perhaps a wait for all moves so far.

    One move at a time: the queue holds two transfers, and one of them may be the engine's fetch of its next commands.
    """
    words = {"x": OPERANDS_AT, "n": SHAPE["n"], "low": 0, "high": 0xFFFFFFFF >> 1}
    commands: list[Command] = []
    moves = 0
    for _ in range(int(rng.integers(*ROUNDS))):
        if rng.integers(2):
            commands.append(Move("move", DATA_AT, OPERANDS_AT + 4 * SHAPE["n"], 8))
            moves += 1
        commands += [Invoke("call", CALLED, words)] * int(rng.integers(1, 4))
        if moves and rng.integers(2):
            commands.append(Wait("wait", moves))
    return commands


def own(commands: list[Command], peripheral: int) -> float:
    """Cycles of a program's run that are neither its kernels' nor the trace's."""
    core = Core(CoreFacts(peripheral_cycles=peripheral))
    one = kernel(CALLED)
    called = run(one, one.sample(np.random.default_rng(0), SHAPE, False), core=core).counters.cycles
    total = execute(core, commands, PROGRAM_AT, {}).counters.cycles
    return total - called * sum(isinstance(c, Invoke) for c in commands)


def counts(commands: list[Command]) -> list[int]:
    """1, and the numbers of moves, waits and calls."""
    return [1, *(sum(isinstance(c, kind) for c in commands) for kind in (Move, Wait, Invoke))]


def fit() -> dict[str, list[float]]:
    """For each name of `MEASURED`, cycles without peripheral accesses and accesses; and the worst error's share."""
    rng = np.random.default_rng(SEED)
    programs = [program(rng) for _ in range(PROGRAMS)]
    table = np.array([counts(p) for p in programs], float)
    at = [np.array([own(p, cycles) for p in programs]) for cycles in PERIPHERAL]
    accesses = (at[1] - at[0]) / (PERIPHERAL[1] - PERIPHERAL[0])
    issued = at[0] - PERIPHERAL[0] * accesses
    fitted = [np.linalg.lstsq(table, y, rcond=None)[0] for y in (issued, accesses)]
    worst = max(
        float(np.max(np.abs(table @ (fitted[0] + cycles * fitted[1]) / y - 1)))
        for cycles, y in zip(PERIPHERAL, at, strict=True)
    )
    rows = {n: [round(float(f[i]), 3) for f in fitted] for i, n in enumerate(MEASURED)}
    return rows | {"worst_error": [round(worst, 4)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed file, write nothing")
    arguments = parser.parse_args()
    found = fit()
    if arguments.check and json.loads(WEIGHTS.read_text()) != found:
        raise SystemExit(f"{WEIGHTS} differs from a new measurement {found}: run without --check")
    if not arguments.check:
        WEIGHTS.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
