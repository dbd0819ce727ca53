"""int16 mantissas to 13 bits in place, rounded half to even: a tile that goes into panels more than once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.bfp import BFP_ROUND
from spinntensor.errors import RangeError
from spinntensor.kernels._bfp16 import flat, rounded
from spinntensor.kernels.bfp16_round13_outer_u32 import MAX_SHIFT, largest_for, round13, shift_for
from spinntensor.kernels.check import largest, word
from spinntensor.kernels.gemm_s16_fold_3x3_outer_u32 import TOP
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given

NAME = "bfp16_round13"
QUAD, UNROLL = 4, 4


def _shift(shape: Shape) -> int:
    return shape["shift"] % (MAX_SHIFT + 1)


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    n, shift = shape["n"], _shift(shape)
    low, high = -largest_for(shift), min(largest_for(shift), 32767)
    if extreme:
        x = rng.choice(np.array([low, low + 1, -1, 0, 1, high - 1, high], np.int16), n)
    else:
        x = rng.integers(low, high, n, dtype=np.int16, endpoint=True)
    return {"x": x, "shift": shift}


def _checked(operands: Operands) -> tuple[np.ndarray, int]:
    x = flat(NAME, "x", operands["x"], np.int16)
    shift = word(NAME, "shift", operands["shift"], 0, MAX_SHIFT)
    top = rounded(largest(x), shift)
    if top > TOP:
        mend = f"shift by {shift_for(largest(x))}, that of the tensor's largest magnitude"
        raise RangeError(NAME, top, TOP, mend)
    return x, shift


def lower(operands: Operands) -> Call:
    """x int16 [n], shift 0..4 -> int16 [n]; a shift of 0 changes nothing.

    `shift_for` of the whole tensor's largest magnitude is the shift; RangeError when a rounded magnitude would
    pass 4095.
    """
    x, shift = _checked(operands)
    full = np.append(x, np.zeros(-x.size % QUAD, np.int16))
    return Call({"x": given(full, "inout")}, {"quads": full.size // QUAD, "shift": shift})


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["x"][: operands["x"].size]


def twin(operands: Operands) -> np.ndarray:
    """rhe(x / 2**shift)."""
    x, shift = _checked(operands)
    return round13(x[None], shift)[0]


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rounds, quads; quads of the longer body at a shift of 4; whether nothing is shifted."""
    quads = -(-shape["n"] // QUAD) if _shift(shape) else 0
    return 1, -(-quads // UNROLL), quads, quads * (_shift(shape) == MAX_SHIFT), not _shift(shape)


def work(shape: Shape) -> Work:
    """A word of two: load, store, and 7 (shift 4: 10) to round."""
    return Work(0, shape["n"], shape["n"] * (6 if _shift(shape) == MAX_SHIFT else 4.5))


KERNEL = Kernel(
    name=NAME,
    args=BFP_ROUND,
    dims={"n": (1, 200), "shift": (0, 4)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 4096, "shift": 3}, {"n": 4096, "shift": 4}),
)
