"""float32 to bfp16 mantissas at a given exponent, with clamped and lost elements counted."""

from __future__ import annotations

from functools import partial

import numpy as np
from numba import njit

from spinntensor.abi.bfp import BFP_FROM_F32
from spinntensor.formats.description import BFP16_EXPONENTS
from spinntensor.kernels._bfp16 import clamped, counted, flat, in_pairs, pairs_in, rounded
from spinntensor.kernels.check import word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "bfp16_from_f32"


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    n = shape["n"]
    e = int(rng.integers(BFP16_EXPONENTS[0], BFP16_EXPONENTS[1] + 1))
    if extreme:  # any bit pattern: infinities, NaN, subnormals
        x = rng.integers(0, 2**32, n, dtype=np.uint32)
        x = np.where(rng.integers(4, size=n), x, x & np.uint32(0x807FFFFF)).view(np.float32)
    else:  # numbers at and next to ties
        x = np.ldexp(rng.integers(-(1 << 17), 1 << 17, n).astype(np.float64), e - 1).astype(np.float32)
        x = np.where(rng.integers(2, size=n), np.nextafter(x, np.float32(0)), x)
    return {"x": x, "exponent": e}


def lower(operands: Operands) -> Call:
    """x float32 [n], `exponent` -125..97 -> int32 [n + 2]: mantissas, number clamped, number lost.

    Infinities and NaN are clamped by their sign. Lost are elements other than 0 that become 0.
    """
    x = in_pairs(flat(NAME, "x", operands["x"], np.float32))
    e = word(NAME, "exponent", operands["exponent"], *BFP16_EXPONENTS)
    buffers = {"x": given(x), "q": room(x.size, np.int16), "counts": room(2, np.uint32)}
    return Call(buffers, {"pairs": x.size // 2, "bias": 158 + e})


@njit(cache=True)
def _exact(bits: np.ndarray, e: int, v: np.ndarray) -> int:
    """v = rhe(x / 2**e), beyond int16 where |x| is beyond 2**(e + 16) or not finite; returns the number lost."""
    lost = 0
    for i in range(bits.size):
        b = np.int64(bits[i])
        field = (b >> 23) & 255
        fraction = (b & 0x7FFFFF) | (0x800000 if field else 0)
        shift = 150 + e - (field if field else np.int64(1))
        if fraction == 0:
            q = np.int64(0)
        elif shift <= 7:
            q = np.int64(65536)
        elif shift > 40:
            q = np.int64(0)
        else:
            q = rounded(fraction, shift)
        lost += q == 0 and fraction != 0
        v[i] = -q if b >> 31 else q
    return lost


def twin(operands: Operands) -> np.ndarray:
    """clamp(rhe(x / 2**e)), then the counts."""
    x = flat(NAME, "x", operands["x"], np.float32)
    v = np.empty(x.size, np.int64)
    lost = _exact(x.view(np.uint32), operands["exponent"], v)
    return clamped(v, lost)


def features(shape: Shape) -> tuple[float, ...]:
    """Call, pairs, odd number of pairs, one pair alone."""
    pairs = pairs_in(shape["n"])
    return 1, pairs, pairs & 1, pairs == 1


def work(shape: Shape) -> Work:
    """25 cycles an element."""
    return Work(0, shape["n"], 25 * shape["n"])


KERNEL = Kernel(
    name=NAME,
    args=BFP_FROM_F32,
    dims={"n": (1, 200)},
    sample=sample,
    lower=lower,
    result=partial(counted, "q", "counts"),
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 1000}, {"n": 4096}),
)
