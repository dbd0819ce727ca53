"""The four sums of blocks of a uint8 B that Strassen's algorithm multiplies, on outer panels.

T1 = B12 - B11, T2 = B22 - T1, T3 = B22 - B12, T4 = T2 - B21 (S. Winograd's form; see Higham, Accuracy and
Stability of Numerical Algorithms, section 23.1). The values are in -510..510.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.gemm import STRASSEN_SUMS
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_outer import BLOCK, pack_b, pairs_of

NAME = "strassen_sums_u8_x4"
UNROLL = 4


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    size = (2 * shape["k2"], 2 * shape["n2"])
    if extreme:
        return {"b": rng.choice(np.array([0, 255], np.uint8), size=size)}
    return {"b": rng.integers(0, 256, size, dtype=np.uint8)}


def blocks(b: np.ndarray) -> list[np.ndarray]:
    """Panels of B11, B12, B21, B22 of B[K,N] uint8, K and N even."""
    k2, n2 = b.shape[0] // 2, b.shape[1] // 2
    return [pack_b(b[i : i + k2, j : j + n2].astype(np.int16)) for i in (0, k2) for j in (0, n2)]


def lower(operands: Operands) -> Call:
    """Pack the blocks of B[K,N] (uint8, K and N even)."""
    b = array(NAME, "b", operands["b"], np.uint8, 2)
    for axis, size in enumerate(b.shape):
        word(NAME, f"half of axis {axis}", size / 2 if size % 2 else size // 2, 1, 65535)
    b11, b12, b21, b22 = blocks(b)
    sums = {name: room(b11.size, np.uint32) for name in ("t1", "t2", "t4")}
    buffers = {"b11": given(b11), "b12": given(b12, "inout"), "b21": given(b21), "b22": given(b22)}
    return Call(buffers | sums, {"words": b11.size})


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The panels of T1, T2, T3, T4: uint32 [4, words]."""
    return np.stack([outputs["t1"], outputs["t2"], outputs["b12"], outputs["t4"]])


@njit(cache=True)
def _sums(b: np.ndarray, t: np.ndarray) -> None:
    k2, n2 = t.shape[1:]
    for k in range(k2):
        for j in range(n2):
            b12, b22 = np.int16(b[k, n2 + j]), np.int16(b[k2 + k, n2 + j])
            t[0, k, j] = b12 - np.int16(b[k, j])
            t[1, k, j] = b22 - t[0, k, j]
            t[2, k, j] = b22 - b12
            t[3, k, j] = t[1, k, j] - np.int16(b[k2 + k, j])


def twin(operands: Operands) -> np.ndarray:
    """The panels of T1, T2, T3, T4: uint32 [4, words]."""
    b = operands["b"]
    t = np.empty((4, b.shape[0] // 2, b.shape[1] // 2), np.int16)
    _sums(b, t)
    return np.stack([pack_b(x) for x in t])


def _words(shape: Shape) -> int:
    return -(-shape["n2"] // BLOCK) * BLOCK * pairs_of(shape["k2"]) + 1


def features(shape: Shape) -> tuple[float, ...]:
    """Call, words in fours, words left over (one or three)."""
    return 1, *divmod(_words(shape), UNROLL)


def work(shape: Shape) -> Work:
    """20 cycles a word of two halves."""
    return Work(0, 4 * shape["k2"] * shape["n2"], 20 * _words(shape))


KERNEL = Kernel(
    name=NAME,
    args=STRASSEN_SUMS,
    dims={"k2": (1, 40), "n2": (1, 12)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"k2": 128, "n2": 18},),
)
