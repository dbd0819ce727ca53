"""Winograd F(2x2,3x3) weight transform on the core, into the panels of the product."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.winograd import WINOGRAD_WEIGHT
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_outer import BLOCK, UNROLL, chunks_of, pairs_of
from spinntensor.kernels.winograd_pack import F2X2, pack_u

NAME = "winograd_weight_s8_2x2"


def lower(operands: Operands) -> Call:
    """w[M,C,3,3] int8, as ONNX stores the weights of a convolution."""
    w = array(NAME, "w", operands["w"], np.int8, 4, {2: 3, 3: 3})
    return Call(
        {"w": given(w), "u": room(F2X2.u_words(*w.shape[:2]), np.uint32)},
        {"m": w.shape[0], "channels": w.shape[1]},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    pairs = pairs_of(operands["w"].shape[1])
    return outputs["u"].reshape(-1, F2X2.positions, 3 * pairs + chunks_of(pairs))


@njit(cache=True)
def _transform(w: np.ndarray, u: np.ndarray) -> None:
    t = np.empty((4, 3), np.int32)
    for m in range(w.shape[0]):
        for c in range(w.shape[1]):
            for j in range(3):
                a, b, d = np.int32(w[m, c, 0, j]), np.int32(w[m, c, 1, j]), np.int32(w[m, c, 2, j])
                t[0, j], t[1, j], t[2, j], t[3, j] = 2 * a, a + b + d, a - b + d, 2 * d
            for i in range(4):
                a, b, d = t[i, 0], t[i, 1], t[i, 2]
                u[4 * i, m, c], u[4 * i + 1, m, c] = 2 * a, a + b + d
                u[4 * i + 2, m, c], u[4 * i + 3, m, c] = a - b + d, 2 * d


def twin(operands: Operands) -> np.ndarray:
    """The panels of U, chunk words included: uint32 [ceil(M/3), 16, 3 * pairs + chunks]."""
    w = operands["w"]
    u = np.empty((F2X2.positions, *w.shape[:2]), np.int16)
    _transform(w, u)
    return pack_u(u)


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    size = (shape["m"], shape["c"], 3, 3)
    if extreme:
        return {"w": rng.choice(np.array([-128, 127], np.int8), size)}
    return {"w": rng.integers(-128, 127, size, np.int8, endpoint=True)}


def features(shape: Shape) -> tuple[float, ...]:
    """Call; panels, words behind their chunks; output channels that exist: runs of pairs, pairs, odd rests, zeros.

    Then output channels that do not exist, and pairs of zeros in them, which step over chunks too.
    """
    m, c = shape["m"], shape["c"]
    pairs, panels = pairs_of(c), -(-m // BLOCK)
    chunks = chunks_of(pairs)
    first = pairs - (chunks - 1) * UNROLL
    runs = sum(c // 2 > first + UNROLL * i for i in range(chunks - 1)) + (c > 1)
    none = BLOCK * panels - m
    return (
        1,
        panels,
        panels * chunks,
        m,
        m * runs,
        m * (c // 2),
        m * (c % 2),
        m * (2 * pairs - c),
        none,
        none * pairs,
    )


def work(shape: Shape) -> Work:
    """58 cycles a 3x3: 9 loads, 33 for the arithmetic, 16 stores."""
    count = shape["m"] * shape["c"]
    return Work(0, F2X2.positions * count, 58 * count)


KERNEL = Kernel(
    name=NAME,
    args=WINOGRAD_WEIGHT,
    dims={"m": (1, 5), "c": (1, 80)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"m": 6, "c": 64}, {"m": 3, "c": 128}, {"m": 7, "c": 30}),
)
