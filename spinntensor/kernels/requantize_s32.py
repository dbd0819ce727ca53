"""int32 sums, rows = channels, to 8 or 16 bits, rounded half to even: what its three kernels share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from spinntensor.abi.epilogue import REQUANTIZE
from spinntensor.abi.memory import BELOW
from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given
from spinntensor.kernels.quantize import MAX_SHIFT, folded, has_ties, limits, requantize_rows
from spinntensor.kernels.requantize_common import (
    beyond,
    bounds_of,
    clamp_of,
    clamp_words,
    counts_in,
    counts_of,
    output,
    per_row,
    picked,
    sample_clamp,
)

UNROLL = 16
FAST, ALL = 0, 4
"""Paths through the code: what most rows need, and everything."""


def row_words(
    dtype: type,
    bias: np.ndarray,
    m: np.ndarray,
    p: np.ndarray,
    zp: int,
    clamp: Mapping[str, int],
    bounds: list[int],
) -> np.ndarray:
    """The constants of every row, uint32 [M,4]: K1, K2, m, path | p << 8 (drawn in `requantize.inc`).

    `bounds[i]` limits `|c + bias|` of row i; it decides whether the row can have ties. `clamp`: see `clamp_words`.
    """
    low = clamp["low"]
    simple = clamp["counts"] != BELOW and (low == 0 or limits(dtype)[0] < 0)
    odd = (zp - low) & 1
    rows = []
    for b, mi, pi, bound in zip(bias.tolist(), m.tolist(), p.tolist(), bounds, strict=True):
        path = FAST if simple and not pi and not has_ties(mi, pi, bound) else ALL
        # Without ties the parity does not matter: such a row saves taking `odd` off again.
        base = zp - low + (odd if path == ALL else 0)
        rows.append((*folded(b, mi, pi, base), mi, path | pi << 8))
    return np.array(rows, np.uint32)


def prove(name: str, bounds: list[int], p: np.ndarray) -> None:
    """RangeError unless `|c + bias| * 2**p` stays below 2**31 in every row: then no step overflows."""
    worst = max(bound << shift for bound, shift in zip(bounds, p.tolist(), strict=True))
    if worst >= 1 << 31:
        raise RangeError(
            name,
            worst,
            (1 << 31) - 1,
            "the bound is (max|c| + |bias|) * 2**p: sum fewer products, or requantise sums of 64 bits",
        )


def checked(name: str, dtype: type, operands: Operands) -> tuple:
    """c, bias, m, p, zp, low, high of the operands, or OperandError."""
    c = array(name, "c", operands["c"], np.int32, 2)
    of_rows = partial(per_row, name, operands=operands, rows=c.shape[0], dtype=np.int32)
    bias = of_rows("bias", ends=limits(np.int32))
    m, p = of_rows("m", ends=(1, (1 << 31) - 1)), of_rows("p", ends=(0, MAX_SHIFT))
    return c, bias, m, p, *clamp_of(name, operands, dtype)


def lower(name: str, dtype: type, operands: Operands) -> Call:
    """Pack c[M,N] int32 with bias, m and p (int32 [M]; bias and p may be None), zp, the clamp low..high and counts.

    `gap` leaves words between rows of c, `layout` says where outputs go (`requantize_common.output`), `bound`
    declares what |c| can reach (from the proof of the product that makes c); else what c holds is taken.
    """
    c, bias, m, p, zp, low, high = checked(name, dtype, operands)
    bounds = bounds_of(name, c, bias, operands.get("bound"))
    prove(name, bounds, p)
    gap = word(name, "gap", operands.get("gap", 0), 0, 1 << 14)
    y, strides = output(name, operands, dtype)
    clamp = clamp_words(zp, low, high, counts_of(name, operands))
    sizes = {"m": c.shape[0], "n": c.shape[1], "ldc": c.shape[1] + gap}
    return Call(
        {
            "c": given(np.pad(c, ((0, 0), (0, gap)))),
            "y": y,
            "rows": given(row_words(dtype, bias, m, p, zp, clamp, bounds)),
        },
        {**sizes, **strides, **clamp},
    )


def twin(name: str, dtype: type, operands: Operands) -> np.ndarray:
    """y = clamp(zp + rhe((c + bias) * 2**p * m / 2**32), low, high), [M,N]."""
    c, bias, m, p, zp, low, high = checked(name, dtype, operands)
    y = np.empty(c.shape, dtype)
    requantize_rows(c, bias, m, p, zp, low, high, y)
    return y


def clamped(name: str, dtype: type, operands: Operands) -> tuple[int, int]:
    """What is counted of the results before they are clamped."""
    c, bias, m, p, zp, low, high = checked(name, dtype, operands)
    every = np.empty(c.shape, np.int64)
    requantize_rows(c, bias, m, p, zp, *limits(np.int64), every)
    return beyond(every, low, high, counts_of(name, operands)), 0


def sample(dtype: type, rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    (rows, columns), (lowest, highest) = (shape["m"], shape["n"]), limits(dtype)
    bound = 1 << 29 if extreme else 1 << 22
    m = rng.integers(1, 1 << (29 if extreme else 16), rows, dtype=np.int32) * 2 + 1
    p = np.zeros(rows, np.int32)
    ties, shifted = min(shape["ties"], rows), min(shape["shifts"], rows)
    m[:ties] = 1 << rng.integers(13 if extreme else 20, 31, ties)
    p[rows - shifted :] = 1
    m[rows - shifted :] = rng.integers(1 << 30, (1 << 31) - 1, shifted, dtype=np.int32)
    if extreme:
        c = rng.integers(-bound, bound, (rows, columns), dtype=np.int32, endpoint=True)
        c = np.where(
            rng.integers(2, size=c.shape), c, rng.choice(np.array([-bound, bound], np.int32), c.shape)
        )
    else:  # next to where outputs in range step up, so that rounding is seen
        half = (rng.integers(lowest - 40, highest + 40, (rows, columns)) * 2 + 1 << 31) // m[:, None] >> p[
            :, None
        ]
        c = np.clip(half + rng.integers(2, size=half.shape), -bound, bound).astype(np.int32)
    bias = rng.integers(-bound, bound, rows, dtype=np.int32) // (1 if extreme else 1 << 16)
    return {
        "c": c,
        "bias": bias if rng.integers(4) else None,
        "m": m,
        "p": p if shifted else None,
        **sample_clamp(rng, dtype, shape),
        "bound": bound,
        "gap": shape["gap"],
        "layout": {"channels_last": bool(shape["nhwc"]), "gap": shape["gap"]},
    }


def features(dtype: type, shape: Shape) -> tuple[float, ...]:
    """Call; unrolled rows, their blocks, the issue cycles of their elements; other rows and their elements."""
    rows, n = shape["m"], shape["n"]
    signed = limits(dtype)[0] < 0
    every = counts_in(shape) == BELOW or (shape["relu"] and not signed)
    slow = rows if every else min(shape["ties"] + shape["shifts"], rows)
    fast = rows - slow
    return 1, fast, fast * -(-n // UNROLL), fast * (11 if signed else 10) * n, slow, slow * n


def work(dtype: type, shape: Shape) -> Work:
    """10 cycles an element: load, 3 to multiply, 2 to round, 3 to clamp and count, store; `low` is one more."""
    elements = shape["m"] * shape["n"]
    return Work(0, elements, (11 if limits(dtype)[0] < 0 else 10) * elements)


def kernel(name: str, dtype: type) -> Kernel:
    """The kernel called `name` whose outputs are of `dtype`."""
    plain = {"m": 64, "n": 48, "ties": 0, "shifts": 0, "odd": 0, "relu": 0, "gap": 0, "nhwc": 1, "counts": 3}
    return Kernel(
        name=name,
        args=REQUANTIZE,
        dims={"m": (1, 9), "n": (1, 40), "ties": (0, 9), "shifts": (0, 2)}
        | {"odd": (0, 1), "relu": (0, 1), "gap": (0, 3), "nhwc": (0, 1), "counts": (0, 3)},
        sample=partial(sample, dtype),
        lower=partial(lower, name, dtype),
        result=picked,
        twin=partial(twin, name, dtype),
        features=partial(features, dtype),
        work=partial(work, dtype),
        clamped=partial(clamped, name, dtype),
        bench=(
            plain,
            plain | {"n": 49},
            plain | {"m": 24, "n": 196},
            plain | {"ties": 64},
            plain | {"relu": 1},
        ),
    )
