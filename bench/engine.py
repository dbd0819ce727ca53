"""Measures what the tile engine itself costs: cycles of a command of each kind beside kernels and transfers.

Random programs run on one core of the emulated chip, at two times of a peripheral access. What the core executes beside
the kernels - commands, the queue of transfers and its interrupts, falling asleep and waking - is fitted by the numbers
of commands. Writes `spinntensor/plan/engine.json`: `python bench/engine.py [--check]`.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from spinntensor.image.emit.action import Where
from spinntensor.image.overlap import Call, Move, Row
from spinntensor.kernels import kernel
from spinntensor.machine.alone import Alone
from spinntensor.machine.call import run
from spinntensor.machine.facts import facts
from spinntensor.plan.engine import MEASURED, WEIGHTS
from spinntensor.plan.recipes.parts import OPERANDS_AT

SEED, PROGRAMS, ROUNDS, TASKS = 5, 24, (3, 12), 6
PERIPHERAL = (3, 10)
"""Cycles of a peripheral access at which programs run: two points give what a command computes and what it accesses."""

CALLED, SHAPE = "clamp_s32_x8", {"n": 512}


def program(rng: np.random.Generator) -> Row:
    """Tasks of rounds: moves or none, then one or more calls, some of which wait for all moves so far."""
    words = {"x": OPERANDS_AT, "n": SHAPE["n"], "low": 0, "high": 0xFFFFFFFF >> 1}
    commands: list[Move | Call] = []
    ends = []
    for task in range(TASKS):
        for _ in range(int(rng.integers(*ROUNDS))):
            for _ in range(int(rng.integers(0, 4))):
                commands.append(Move(task, "x", Where(0), OPERANDS_AT + 4 * SHAPE["n"], 8))
            for _ in range(int(rng.integers(1, 4))):
                left = int(rng.choice([0, -1]))
                commands.append(Call(task, CALLED, words, None if left < 0 else left))
        ends.append(len(commands))
    return Row(tuple(commands), tuple(ends))


def own(row: Row, peripheral: int) -> float:
    """Cycles that a core executes to walk a row, without its kernels'."""
    one = kernel(CALLED)
    figures = facts().with_(peripheral_cycles=peripheral)
    called = run(one, one.sample(np.random.default_rng(0), SHAPE, False)).counters.cycles
    return Alone(row, figures.chip()).run() - called * counts(row)[3]


def counts(row: Row) -> list[int]:
    """1, and the numbers of moves, of calls that wait, and of calls."""
    calls = [c for c in row.commands if isinstance(c, Call)]
    return [1, len(row.commands) - len(calls), sum(c.left is not None for c in calls), len(calls)]


def fit() -> dict[str, list[float]]:
    """For each name of `MEASURED`, cycles without peripheral accesses and accesses; and the worst error's share."""
    rng = np.random.default_rng(SEED)
    rows = [program(rng) for _ in range(PROGRAMS)]
    table = np.array([counts(row) for row in rows], float)
    at = [np.array([own(row, cycles) for row in rows]) for cycles in PERIPHERAL]
    accesses = (at[1] - at[0]) / (PERIPHERAL[1] - PERIPHERAL[0])
    issued = at[0] - PERIPHERAL[0] * accesses
    fitted = [np.linalg.lstsq(table, y, rcond=None)[0] for y in (issued, accesses)]
    worst = max(
        float(np.max(np.abs(table @ (fitted[0] + cycles * fitted[1]) / y - 1)))
        for cycles, y in zip(PERIPHERAL, at, strict=True)
    )
    found = {n: [round(float(f[i]), 3) for f in fitted] for i, n in enumerate(MEASURED)}
    return found | {"worst_error": [round(worst, 4)]}


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
