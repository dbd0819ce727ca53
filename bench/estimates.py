"""Compares the cycle estimators, on which plans rest, with the emulated core: every kernel, shapes drawn at random.

Where cycles depend on the numbers, as those of a logarithm do, the estimate is compared with their mean over draws.

Run it: `python bench/estimates.py [--shapes N] [--seed S] [--only PATTERN]`. It prints the largest error of each
kernel, and fails when one exceeds 2 %. Each seed draws other shapes than the weights were fitted on.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
from collections.abc import Sequence

import numpy as np
from fit import measure
from rich.progress import track

from spinntensor.emulator.core import Core
from spinntensor.kernels import Kernel, kernels
from spinntensor.kernels.estimate import estimate
from spinntensor.machine.call import run

TOLERANCE = 0.02
"""Largest error that a plan can live with, as a part of the cycles."""
STRETCHES = (1.0, 3.0)
DRAWS = 48
"""Draws of operands of a kernel whose cycles they change."""


def errors(name: str, shapes: int, seed: int) -> list[tuple[float, dict[str, int], int]]:
    """For each shape the error of the estimate as a part of the cycles, the shape, and its cycles; the worst first."""
    kernel, rng, core = kernels()[name], np.random.default_rng(seed), Core()
    found = []
    for stretch in STRETCHES:
        for shape, cycles in measure(kernel, rng, shapes // len(STRETCHES), stretch):
            seen = [cycles, _cycles(kernel, rng, shape, core)]
            if seen[0] != seen[1]:
                seen += [_cycles(kernel, rng, shape, core) for _ in range(DRAWS)]
            mean = float(np.mean(seen))
            found.append((estimate(kernel, shape) / mean - 1, shape, round(mean)))
    return sorted(found, key=lambda f: -abs(f[0]))


def _cycles(kernel: Kernel, rng: np.random.Generator, shape: dict[str, int], core: Core) -> int:
    return run(kernel, kernel.sample(rng, shape, False), core=core).counters.cycles


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a kernel is off by more than the tolerance."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", type=int, default=20, help="drawn for each kernel (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="of the shapes (default: 1)")
    parser.add_argument("--only", default="*", help="kernels whose name matches this pattern")
    args = parser.parse_args(argv)
    chosen = fnmatch.filter(kernels(), args.only)
    rows = {
        name: errors(name, args.shapes, args.seed)
        for name in track(chosen, "running", disable=not sys.stderr.isatty())
    }
    for name, found in sorted(rows.items(), key=lambda r: -abs(r[1][0][0])):
        error, shape, cycles = found[0]
        at = " ".join(f"{key}={value}" for key, value in shape.items())
        mean = np.mean([abs(e) for e, _, _ in found])
        print(f"{name:36} largest {error:+8.3%}, mean {mean:7.3%}; {cycles:9,} cycles at {at}")
    wrong = [name for name, found in rows.items() if abs(found[0][0]) > TOLERANCE]
    count = f"{len(rows)} kernels, {args.shapes} shapes each"
    print(f"{count}: {len(wrong)} off by more than {TOLERANCE:.0%} {wrong or ''}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
