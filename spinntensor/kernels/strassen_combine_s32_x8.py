"""What four of Strassen's seven products add to the blocks of C: P1, P6, P7, P5 to C11, C12, C21, C22.

C12 = P1 + P6 + P5, C21 = P1 + P6 + P7, C22 = C21 + P5; the other three products are added where they are made.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.gemm import STRASSEN_COMBINE
from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, largest
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given

NAME = "strassen_combine_s32_x8"
UNROLL = 8


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    top = (1 << 29) - 1
    values = rng.integers(-top, top + 1, (4, shape["n"]), dtype=np.int32)
    if extreme:
        values = np.where(values < 0, -top, top).astype(np.int32)
    return dict(zip(("p1", "p6", "p7", "p5"), values, strict=True))


def lower(operands: Operands) -> Call:
    """P1, P6, P7, P5: int32 [n]. RangeError unless the sum of their largest magnitudes stays below 2**31."""
    p1 = array(NAME, "p1", operands["p1"], np.int32, 1)
    others = [array(NAME, x, operands[x], np.int32, 1, {0: p1.size}) for x in ("p6", "p7", "p5")]
    bound = sum(largest(x) for x in (p1, *others))
    if bound >= 1 << 31:
        raise RangeError(NAME, bound, (1 << 31) - 1, "the sum of four products: use the plain product")
    inout = {f"c{at}": given(x, "inout") for at, x in zip((12, 21, 22), others, strict=True)}
    return Call({"c11": given(p1), **inout}, {"count": p1.size})


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """C12, C21, C22 as far as they are: int32 [3, n]."""
    return np.stack([outputs["c12"], outputs["c21"], outputs["c22"]])


@njit(cache=True)
def _combine(p1: np.ndarray, p6: np.ndarray, p7: np.ndarray, p5: np.ndarray, c: np.ndarray) -> None:
    for i in range(p1.size):
        both = p1[i] + p6[i]
        c[0, i] = both + p5[i]
        c[1, i] = both + p7[i]
        c[2, i] = both + p7[i] + p5[i]


def twin(operands: Operands) -> np.ndarray:
    """C12, C21, C22 as far as they are: int32 [3, n]."""
    p1 = operands["p1"]
    c = np.empty((3, p1.size), np.int32)
    _combine(p1, operands["p6"], operands["p7"], operands["p5"], c)
    return c


def features(shape: Shape) -> tuple[float, ...]:
    """Call, elements in eights, any elements left over, their number, any eights."""
    eights, rest = divmod(shape["n"], UNROLL)
    return 1, eights, int(rest > 0), rest, int(eights > 0)


def work(shape: Shape) -> Work:
    """11 cycles an element: 4 loads, 4 additions, 3 stores."""
    return Work(0, shape["n"], 11 * shape["n"])


KERNEL = Kernel(
    name=NAME,
    args=STRASSEN_COMBINE,
    dims={"n": (1, 100)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 594},),
)
