"""Measures the host's exact products beside NumPy's float32, one thread each: matrix products and convolutions.

Run ``python bench/products.py``. Each line: case, milliseconds of ours and of NumPy (medians of calls that take
turns), the ratio of the rates, its target and PASS or MISS. A convolution stands beside the bare float32 product of
its im2col sizes, whose operands are there already; the ResNet-50 line sums up all its convolutions, batch 8.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from spinntensor.formats import Quantized, bfp16_grid
from spinntensor.ops import OPERATIONS

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "SPINNTENSOR_THREADS")
SIZE = 1024
BATCH = 8
RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Case:
    """ours : what is measured.    peer : what it stands beside.    target : the least ratio of their rates."""

    name: str
    ours: Callable[[], Any]
    peer: Callable[[], Any]
    target: float


def seconds(*calls: Callable[[], Any], turns: int = 9) -> list[float]:
    """The median of each call, all of them taking turns, so that a change of the machine's speed meets all."""
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()  # compiles
    for _ in range(turns):
        for call, found in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            found.append(time.perf_counter() - start)
    return [median(found) for found in times]


def integers(kind: Any, *shape: int) -> np.ndarray:
    """Random integers of all values of a type."""
    info = np.iinfo(kind)
    return RNG.integers(info.min, info.max + 1, shape).astype(kind)


def matrix_products(n: int = SIZE) -> Iterator[Case]:
    """The products of two n x n matrices in every format."""
    a, b = (RNG.standard_normal((n, n)).astype(np.float32) for _ in "ab")
    peer = partial(np.matmul, a, b)
    run = OPERATIONS["matmul"].run
    bytes_, unsigned = [integers(np.int8, n, n) for _ in "ab"], integers(np.uint8, n, n)
    p, q = (Quantized(bfp16_grid(0), integers(np.int16, n, n)) for _ in "ab")
    name = f"matmul {n}x{n}x{n}"
    yield Case(f"{name} int8 x int8 -> int32", partial(run, *bytes_, a_zero=0, b_zero=0), peer, 0.5)
    yield Case(
        f"{name} uint8 x int8 -> int32", partial(run, unsigned, bytes_[1], a_zero=7, b_zero=0), peer, 0.5
    )
    yield Case(f"{name} bfp16 -> float32", partial(run, p, q, format="float32"), peer, 0.35)
    yield Case(f"{name} bfp16 -> bfp16", partial(run, p, q, format="bfp16"), peer, 0.35)
    yield Case(f"{name} float32", partial(run, a, b), peer, 0.15)


def stage(
    size: int, inner: int, middle: int, outer: int, count: int, stride: int
) -> Iterator[tuple[int, ...]]:
    """The convolutions of `count` bottleneck blocks: size, channels, kernel, stride, channels out, how many."""
    yield size, inner, 1, 1, middle, 1
    yield size, middle, 3, stride, middle, 1
    yield size, inner, 1, stride, outer, 1
    small = size // stride
    yield small, middle, 1, 1, outer, count
    yield small, outer, 1, 1, middle, count - 1
    yield small, middle, 3, 1, middle, count - 1


RESNET50 = (
    (224, 3, 7, 2, 64, 1),
    *stage(56, 64, 64, 256, 3, 1),
    *stage(56, 256, 128, 512, 4, 2),
    *stage(28, 512, 256, 1024, 6, 2),
    *stage(14, 1024, 512, 2048, 3, 2),
)


def convolution(size: int, inner: int, kernel: int, stride: int, outer: int) -> tuple[Case, int]:
    """One int8 convolution on a batch, and its multiplications."""
    x = integers(np.uint8, BATCH, size, size, inner)
    w = np.clip(RNG.normal(0, 30, (kernel, kernel, inner, outer)).round(), -127, 127).astype(np.int8)
    geometry = {"stride": (stride, stride), "dilation": (1, 1), "padding": (kernel // 2,) * 4, "groups": 1}
    ours = partial(OPERATIONS["conv2d"].run, x, w, **geometry, x_zero=3)
    out = -(-size // stride)
    rows, k = BATCH * out * out, kernel * kernel * inner
    peer = partial(np.matmul, np.ones((rows, k), np.float32), np.ones((k, outer), np.float32))
    name = f"conv2d int8 {size}x{size}x{inner} {kernel}x{kernel}/{stride} -> {outer}"
    return Case(name, ours, peer, 0.5), rows * k * outer


def shown(name: str, ours: float, peer: float, target: float, more: str = "") -> bool:
    """Prints a line; whether the target is reached."""
    good = peer / ours >= target
    line = f"{name:<46} {ours * 1e3:9.2f} ms {peer * 1e3:9.2f} ms  {peer / ours:5.2f} (target {target:.2f})"
    print(f"{line} {'PASS' if good else 'MISS'}{more}", flush=True)
    return good


def network() -> bool:
    """All convolutions of ResNet-50, one by one and summed up; whether the sum reaches its target."""
    total = [0.0, 0.0]
    for *sizes, count in RESNET50:
        case, macs = convolution(*sizes)
        ours, peer = seconds(case.ours, case.peer, turns=3)
        shown(case.name, ours, peer, case.target, f"  {macs / ours / 1e9:.1f} GMAC/s")
        total = [total[0] + count * ours, total[1] + count * peer]
    rate = f"  {BATCH / total[0]:.1f} images/s"
    return shown("ResNet-50 int8, all convolutions, batch 8", *total, 0.5, rate)


def tiny() -> bool:
    """Products of two by two: microseconds a call."""
    good = True
    for case in matrix_products(2):
        ours, peer = seconds(case.ours, case.peer, turns=301)
        good &= ours < 20e-6
        name = case.name.replace("matmul", "tiny matmul")
        print(
            f"{name:<46} {ours * 1e6:9.2f} us {peer * 1e6:9.2f} us  (target 20 us) {'PASS' if ours < 20e-6 else 'MISS'}"
        )
    return good


def main() -> int:
    """All lines; 1 when a target was missed."""
    print(f"{'case':<46} {'ours':>12} {'NumPy float32':>13}  rate of ours / of NumPy")
    good = [shown(c.name, *seconds(c.ours, c.peer), c.target) for c in matrix_products()]
    return 0 if all([*good, tiny(), network()]) else 1


if __name__ == "__main__":
    if any(os.environ.get(name) != "1" for name in THREADS):  # NumPy has read them by now: start again
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | dict.fromkeys(THREADS, "1"))
    sys.exit(main())
