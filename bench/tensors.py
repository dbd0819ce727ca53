"""Overhead of tensors on the host: a cached small graph, and a large graph traced, verified and optimised.

    python bench/tensors.py

Prints one line a figure: median, target, verdict. Times depend on the machine; run it on a quiet one.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np

import spinntensor as st
from spinntensor.graph.graph import Graph
from spinntensor.machine.host import optimised
from spinntensor.tensors.expression import Expression
from spinntensor.tensors.lowering import lower

NODES = 10_000


def small(x: st.Tensor, y: st.Tensor) -> st.Tensor:
    """Ten operations on four elements."""
    for _ in range(3):
        x = st.tanh(x * y + y)
    return st.maximum(x, y)


def chain(x: st.Tensor) -> list[Expression]:
    """A graph of 10,000 operations, branches included."""
    y = x
    for _ in range(NODES // 4):
        x, y = x * y, st.maximum(x + y, y - x)
    return [x.node, y.node]


def seconds(run: Callable[[], object], times: int) -> float:
    """Median of several runs."""
    found = []
    for _ in range(times):
        start = perf_counter()
        run()
        found.append(perf_counter() - start)
    return median(found)


def traced() -> Graph:
    """Traced, verified and optimised."""
    return optimised(lower(chain(st.tensor(np.float32([1, 2, 3, 4])))).graph)


def line(name: str, value: float, target: float, unit: str) -> None:
    """One figure beside its target."""
    verdict = "PASS" if value < target else "MISS"
    print(f"{name:<52} {value:9.1f} {unit}   target < {target:g} {unit}   {verdict}")


def main() -> None:
    """Print all lines."""
    x, y = st.tensor(np.float32([1, 2, 3, 4])), st.tensor(np.float32([4, 3, 2, 1]) / 8)
    compiled = st.compile(small)
    for _ in range(50):
        compiled(x, y).numpy()
        small(x, y).numpy()
    line(
        "compiled graph of 10 nodes, one call", seconds(lambda: compiled(x, y).numpy(), 500) * 1e6, 200, "us"
    )
    line("the same, lazy: traced and looked up", seconds(lambda: small(x, y).numpy(), 500) * 1e6, 200, "us")
    traced()
    line(f"{NODES:,} nodes traced, verified, optimised", seconds(traced, 5), 2, "s")


if __name__ == "__main__":
    main()
