"""int64 sums, rows = channels, to 8 or 16 bits, rounded half to even: what its three kernels share."""

from __future__ import annotations

from functools import partial

import numpy as np
from numba import njit

from spinntensor.abi.epilogue import REQUANTIZE
from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given
from spinntensor.kernels.quantize import limits
from spinntensor.kernels.requantize_common import (
    beyond,
    bounds_of,
    clamp_of,
    clamp_words,
    counts_of,
    output,
    per_row,
    picked,
    sample_clamp,
)

BITS = 47
"""|c + bias| stays below 2**47: its product with m then fits 78 of the 96 bits."""

MAX_SHIFT = 31
Q_BITS = 30


def row_words(bias: np.ndarray, m: np.ndarray, s: np.ndarray, zp: int, low: int) -> np.ndarray:
    """The constants of every row, uint32 [M,6]: K0, K1, K2, m, s, 0 (drawn in `requantize_wide.inc`)."""
    base = zp - low + ((zp - low) & 1)
    rows = []
    for b, mi, si in zip(bias.tolist(), m.tolist(), s.tolist(), strict=True):
        k = b * mi + (1 << 31 + si) + (base << 32 + si)
        rows.append((*(k >> at & 0xFFFFFFFF for at in (0, 32, 64)), mi, si, 0))
    return np.array(rows, np.uint32)


def prove(name: str, bounds: list[int], m: np.ndarray, s: np.ndarray) -> None:
    """RangeError unless every |c + bias| is below 2**47 and every quotient below 2**30."""
    if max(bounds) >= 1 << BITS:
        raise RangeError(
            name, max(bounds), (1 << BITS) - 1, "the bound is max|c| + |bias|: sum fewer or narrower products"
        )
    worst = max(b * mi >> 32 + si for b, mi, si in zip(bounds, m.tolist(), s.tolist(), strict=True))
    if worst >= 1 << Q_BITS:
        raise RangeError(
            name,
            worst,
            (1 << Q_BITS) - 1,
            "the bound is (max|c| + |bias|) * m / 2**(32 + s): choose a larger scale for the output",
        )


def checked(name: str, dtype: type, operands: Operands) -> tuple:
    """c, bias, m, s, zp, low, high of the operands, or OperandError."""
    c = array(name, "c", operands["c"], np.int64, 2)
    of_rows = partial(per_row, name, operands=operands, rows=c.shape[0])
    top = (1 << BITS) - 1
    bias = of_rows("bias", dtype=np.int64, ends=(-top, top))
    m = of_rows("m", dtype=np.int32, ends=(1, (1 << 31) - 1))
    s = of_rows("s", dtype=np.int32, ends=(0, MAX_SHIFT))
    return c, bias, m, s, *clamp_of(name, operands, dtype)


def lower(name: str, dtype: type, operands: Operands) -> Call:
    """Pack c[M,N] int64 with bias (int64 [M] or None), m and s (int32 [M]), zp and the clamp low..high.

    `gap`, `layout` and `bound` as for int32 sums (`requantize_s32.lower`).
    """
    c, bias, m, s, zp, low, high = checked(name, dtype, operands)
    prove(name, bounds_of(name, c, bias, operands.get("bound")), m, s)
    gap = word(name, "gap", operands.get("gap", 0), 0, 1 << 14)
    y, strides = output(name, operands, dtype)
    sizes = {"m": c.shape[0], "n": c.shape[1], "ldc": c.shape[1] + gap}
    return Call(
        {"c": given(np.pad(c, ((0, 0), (0, gap)))), "y": y, "rows": given(row_words(bias, m, s, zp, low))},
        {**sizes, **strides, **clamp_words(zp, low, high, counts_of(name, operands))},
    )


@njit(cache=True)
def _requantize(
    c: np.ndarray, bias: np.ndarray, m: np.ndarray, s: np.ndarray, zp: int, low: int, high: int, y: np.ndarray
) -> None:
    word_bits = np.int64(32)
    for i in range(c.shape[0]):
        mi, si, half = np.int64(m[i]), np.int64(s[i]), np.int64(1) << np.int64(s[i] + 31)
        for j in range(c.shape[1]):
            x = c[i, j] + bias[i]
            below = (x & np.int64(0xFFFFFFFF)) * mi
            above = (x >> word_bits) * mi + (below >> word_bits)
            q = above >> si
            rest = ((above & ((np.int64(1) << si) - 1)) << word_bits) | (below & np.int64(0xFFFFFFFF))
            if rest > half or (rest == half and q & 1):
                q += 1
            y[i, j] = min(max(q + zp, low), high)


def twin(name: str, dtype: type, operands: Operands) -> np.ndarray:
    """y = clamp(zp + rhe((c + bias) * m / 2**(32 + s)), low, high), [M,N]."""
    c, bias, m, s, zp, low, high = checked(name, dtype, operands)
    y = np.empty(c.shape, dtype)
    _requantize(c, bias, m, s, zp, low, high, y)
    return y


def clamped(name: str, dtype: type, operands: Operands) -> tuple[int, int]:
    """What is counted of the results before they are clamped."""
    c, bias, m, s, zp, low, high = checked(name, dtype, operands)
    every = np.empty(c.shape, np.int64)
    _requantize(c, bias, m, s, zp, *limits(np.int64), every)
    return beyond(every, low, high, counts_of(name, operands)), 0


def sample(dtype: type, rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    (rows, columns), (lowest, highest) = (shape["m"], shape["n"]), limits(dtype)
    bound = 1 << BITS - 1 if extreme else 1 << int(rng.integers(34, 44))
    s = rng.integers(16 if extreme else 10, MAX_SHIFT + 1, rows, dtype=np.int32)
    m = rng.integers(1 << 29, (1 << 31) - 1, rows, dtype=np.int32)
    if extreme:
        c = rng.choice(np.array([-bound, bound, 0, 1, -1]), (rows, columns))
    else:  # next to where outputs in range step up, and powers of two, which have ties there
        m = np.where(rng.integers(2, size=rows), m, 1 << rng.integers(20, 31, rows)).astype(np.int32)
        half = (rng.integers(lowest - 40, highest + 40, (rows, columns)).astype(object) * 2 + 1) << 31
        c = (half * (1 << s.astype(object))[:, None] // m.astype(object)[:, None]).clip(-bound, bound - 1)
        c = c.astype(np.int64) + rng.integers(2, size=c.shape)
    bias = rng.integers(-bound, bound, rows) // (1 if extreme else 1 << 20)
    return {
        "c": c,
        "bias": bias if rng.integers(4) else None,
        "m": m,
        "s": s,
        **sample_clamp(rng, dtype, shape),
        "gap": shape["gap"],
        "layout": {"channels_last": bool(shape["nhwc"]), "gap": shape["gap"]},
    }


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rows, elements."""
    return 1, shape["m"], shape["m"] * shape["n"]


def work(shape: Shape) -> Work:
    """29 cycles an element: 2 loads, 10 for the sum of 96 bits, 7 for its quotient, 9 to clamp and count, store."""
    elements = shape["m"] * shape["n"]
    return Work(0, elements, 29 * elements)


def kernel(name: str, dtype: type) -> Kernel:
    """The kernel called `name` whose outputs are of `dtype`."""
    plain = {"m": 32, "n": 48, "odd": 0, "relu": 0, "gap": 0, "nhwc": 1, "counts": 3}
    return Kernel(
        name=name,
        args=REQUANTIZE,
        dims={"m": (1, 9), "n": (1, 40), "odd": (0, 1), "relu": (0, 1)}
        | {"gap": (0, 3), "nhwc": (0, 1), "counts": (0, 3)},
        sample=partial(sample, dtype),
        lower=partial(lower, name, dtype),
        result=picked,
        twin=partial(twin, name, dtype),
        features=features,
        work=work,
        clamped=partial(clamped, name, dtype),
        bench=(plain, plain | {"m": 24, "n": 49}),
    )
