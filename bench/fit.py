"""Fits the cycle estimators: executes every kernel on the emulated core over drawn shapes, solves for the weights.

Writes `spinntensor/kernels/cycles.json`. Run it after a kernel or the cycle model has changed:
`python bench/fit.py [--only PATTERN]`.
"""

from __future__ import annotations

import argparse
import fnmatch
import json

import numpy as np
from rich.progress import track

from spinntensor.emulator.core import Core
from spinntensor.errors import DTCMError, RangeError
from spinntensor.kernels import Kernel, kernels
from spinntensor.kernels.estimate import WEIGHTS
from spinntensor.kernels.kernel import draw_shape
from spinntensor.machine.call import run

SEED = 20
SHAPES = 240
STRETCHES = (1.0, 2.0, 4.0)


def measure(
    kernel: Kernel, rng: np.random.Generator, count: int, stretch: float
) -> list[tuple[dict[str, int], int]]:
    """`count` shapes that the kernel takes, with the model cycles of one call each."""
    core, found = Core(), []
    while len(found) < count:
        shape = draw_shape(kernel, rng, stretch)
        try:
            found.append((shape, run(kernel, kernel.sample(rng, shape, False), core=core).counters.cycles))
        except (DTCMError, RangeError):
            continue
    return found


def fit(kernel: Kernel, seed: int = SEED) -> list[float]:
    """Least-squares weights of the kernel's features, relative errors weighted equally."""
    rng = np.random.default_rng(seed)
    points = [p for stretch in STRETCHES for p in measure(kernel, rng, SHAPES // len(STRETCHES), stretch)]
    counts = np.array([kernel.features(shape) for shape, _ in points], np.float64)
    cycles = np.array([c for _, c in points], np.float64)
    solution = np.linalg.lstsq(counts / cycles[:, None], np.ones(len(points)), rcond=1e-9)[0]
    return [round(float(w), 4) for w in solution]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="*", help="fit the kernels whose name matches this pattern")
    only = parser.parse_args().only
    known = json.loads(WEIGHTS.read_text()) if WEIGHTS.is_file() else {}
    table = kernels()
    chosen = fnmatch.filter(table, only)
    for name in track(chosen, "fitting"):
        known[name] = fit(table[name])
    kept = {name: known[name] for name in table if name in known}
    WEIGHTS.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
