"""Operations of quantised networks on bytes: requantise sums, add two tensors of different scales, softmax.

Everything is an integer formula with one rounding, half to even, as the kernels of the same purpose compute it; scales
enter as integer multipliers. A result that leaves the range of its type is clamped and counted.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit

from spinntensor.abi.memory import ABOVE, BELOW
from spinntensor.errors import OperandError, RangeError, ShapeError
from spinntensor.graph.graph import TensorType
from spinntensor.kernels.parallel import split
from spinntensor.kernels.quantize import MAX_SHIFT, RATIO_BITS
from spinntensor.kernels.residual_add import TOP, prove
from spinntensor.kernels.softmax_s8_u8 import ONE, twin
from spinntensor.ops._rules import Attributes, Types, signature
from spinntensor.ops.convert import named, whole
from spinntensor.ops.operation import Counted, Operation
from spinntensor.ops.shape import STORED

BYTES = ("int8", "uint8")
CLAMP, RELU = frozenset({"zero", "low", "high"}), frozenset({"relu"})
SYMMETRIC = -127
"""The lower end of int8 where its range is symmetric."""
BLOCK = 4096
"""Elements of a loop that counts in 32 bits."""
NEVER = (-(1 << 31), (1 << 31) - 1)
"""Bounds that no result is beyond."""


def _clamp(op: str, form: str, a: Attributes) -> None:
    """ShapeError unless zero, low, high and relu are those of a clamp to the type's range."""
    info = np.iinfo(STORED[form])
    ends = int(info.min), int(info.max)
    whole(op, "zero", a["zero"], *ends)
    low = whole(op, "low", a["low"], *ends)
    whole(op, "high", a["high"], low, ends[1])
    relu = a.get("relu", False)
    if not isinstance(relu, bool):
        raise ShapeError(op, f"relu = {relu!r}", "True or False", "say whether low is a ReLU")


def _bounds(kind: np.dtype, low: int, high: int, relu: bool) -> tuple[int, int, int, int]:
    """low, high, and the results below and above which an element is saturated."""
    counts = counted_ends(kind, low, high, relu)
    return low, high, low if counts & BELOW else NEVER[0], high if counts & ABOVE else NEVER[1]


def counted_ends(kind: np.dtype, low: int, high: int, relu: bool) -> int:
    """Which results that the clamp low..high changes are saturated, ABOVE | BELOW.

    Those at an end of the type that is no ReLU; other bounds are what the network asks for.
    """
    info = np.iinfo(kind)
    is_end = low == info.min or (info.min < 0 and low == SYMMETRIC)
    return BELOW * (is_end and not relu) | ABOVE * (high == info.max)


def _reported(y: np.ndarray, saturated: int) -> np.ndarray | Counted:
    return Counted(y, {"saturated": saturated}) if saturated else y


def _requantize_rule(operands: Types, a: Attributes) -> TensorType:
    op, form = "requantize", a["format"]
    named(op, a, CLAMP | {"format", "axis"}, RELU)
    if len(operands) != 4:
        raise ShapeError(op, f"{len(operands)} operands", "acc, bias, m and p", "give all four")
    acc = operands[0]
    if form not in BYTES:
        raise ShapeError(op, f"format {form!r}", "int8 or uint8", "use dequantize for float32")
    if any([x.format != "int32" for x in operands]):
        raise ShapeError(op, ", ".join(map(str, operands)), "int32 operands", "convert them first")
    axis = whole(op, "axis", a["axis"], 0, len(acc.shape) - 1)
    channels = (acc.shape[axis],)
    if any([x.shape != channels for x in operands[1:]]):
        received = ", ".join(map(str, operands))
        raise ShapeError(op, received, f"bias, m and p of shape {channels}", "give one for each channel")
    _clamp(op, str(form), a)
    return TensorType(acc.shape, str(form))


@njit(cache=True, nogil=True)
def _requantize(
    first: int, last: int, acc: Any, bias: Any, m: Any, p: Any, zero: Any, bounds: Any, y: Any
) -> Any:
    """acc, y [rows, channels]; counts of saturated results, and whether all intermediate sums fit 32 bits.

    Where they do not, nothing that was written holds: `_requantize_wide` does it.
    """
    z, half, one = np.int32(zero), np.int64(0x80000000), np.int32(1)
    low, high = np.int32(bounds[0]), np.int32(bounds[1])
    floor, ceiling = np.int32(bounds[2]), np.int32(bounds[3])
    saturated, carried, cut = np.int64(0), np.int32(0), np.int32(0)
    for i in range(first, last):
        beyond = np.int32(0)
        for j in range(acc.shape[1]):
            a, b = acc[i, j], bias[j]
            s = np.int32(a + b)
            carried = np.int32(carried | ((a ^ s) & (b ^ s)))  # negative when the sum has wrapped
            t = np.int32(s << p[j])
            cut = np.int32(cut | (np.int32(t >> p[j]) ^ s))
            x = np.int64(t) * np.int64(m[j]) + half
            q = np.int32(x >> np.int64(32))
            tie = np.int32(np.int32(x) == np.int32(0))
            v = np.int32(q - (q & one & tie) + z)
            beyond = np.int32(beyond + np.int32((v < floor) | (v > ceiling)))
            v = v if v > low else low
            y[i, j] = v if v < high else high
        saturated += np.int64(beyond)
    return saturated, carried >= 0 and cut == 0


@njit(cache=True, nogil=True)
def _requantize_wide(
    first: int, last: int, acc: Any, bias: Any, m: Any, p: Any, zero: Any, bounds: Any, y: Any
) -> Any:
    """The same for sums up to 2**32; counts, and the largest |acc + bias| 2**p, which must stay below that."""
    saturated, largest = 0, np.int64(0)
    for i in range(first, last):
        for j in range(acc.shape[1]):
            t = (np.int64(acc[i, j]) + np.int64(bias[j])) << np.int64(p[j])
            largest = max(largest, abs(t))
            x = t * np.int64(m[j]) + np.int64(0x80000000)
            q = x >> np.int64(32)
            if x & np.int64(0xFFFFFFFF) == 0:
                q &= ~np.int64(1)
            v = q + zero
            saturated += v < bounds[2] or v > bounds[3]
            y[i, j] = min(max(v, bounds[0]), bounds[1])
    return saturated, largest


def _run_requantize(
    acc: np.ndarray,
    bias: np.ndarray,
    m: np.ndarray,
    p: np.ndarray,
    *,
    format: str,
    zero: int,
    low: int,
    high: int,
    axis: int,
    relu: bool = False,
) -> np.ndarray | Counted:
    kind = STORED[format]
    if acc.size == 0:
        return np.empty(acc.shape, kind)
    if m.min() < 1:
        raise OperandError("requantize", "m", f"{m.min()}", "1 to 2**31 - 1", "make it with multipliers")
    if p.min() < 0 or p.max() > MAX_SHIFT:
        received = f"{p.min()} to {p.max()}"
        raise OperandError("requantize", "p", received, f"0 to {MAX_SHIFT}", "make it with multipliers")
    last = axis == acc.ndim - 1
    moved = np.ascontiguousarray(acc if last else np.moveaxis(acc, axis, -1))
    y, rows = np.empty(moved.shape, kind), moved.reshape(-1, moved.shape[-1])
    constants = (*map(np.ascontiguousarray, (bias, m, p)), zero, _bounds(kind, low, high, relu))
    work: tuple[Any, ...] = (len(rows), rows.size, rows, *constants, y.reshape(rows.shape))
    parts = split(_requantize, *work)
    if not all(good for _, good in parts):
        parts = split(_requantize_wide, *work)
        largest = max(top for _, top in parts)
        if largest >= 1 << 32:
            mend = "the bound is |acc + bias| * 2**p: sum fewer products, or choose smaller multipliers"
            raise RangeError("requantize", largest, (1 << 32) - 1, mend)
    return _reported(y if last else np.moveaxis(y, -1, axis), sum(saturated for saturated, _ in parts))


@lru_cache(4096)
def _prove_sum(form: str, a_zero: int, b_zero: int, a_ratio: int, b_ratio: int, base: int) -> None:
    """RangeError unless every pair of bytes has a sum in 32 bits, as the kernel adds it up."""
    prove("add_q", STORED[form].type, a_ratio, b_ratio, _addend(a_zero, b_zero, a_ratio, b_ratio, base))


def _addend(a_zero: int, b_zero: int, a_ratio: int, b_ratio: int, base: int) -> int:
    """What is added to a a_ratio + b b_ratio, so that the upper bits are base + floor(x + 1/2)."""
    return (1 << RATIO_BITS - 1) + (base << RATIO_BITS) - a_zero * a_ratio - b_zero * b_ratio


def _add_rule(operands: Types, a: Attributes) -> TensorType:
    op = "add_q"
    named(op, a, CLAMP | {"a_zero", "b_zero", "a_ratio", "b_ratio"}, RELU)
    if len(operands) != 2:
        raise ShapeError(op, f"{len(operands)} operands", "2", "give both terms")
    x = operands[0]
    if x.format not in BYTES or operands[1] != x:
        received = f"{x} and {operands[1]}"
        raise ShapeError(op, received, "two equal shapes of int8 or of uint8", "quantize both alike")
    _clamp(op, x.format, a)
    info = np.iinfo(STORED[x.format])
    zeros = [whole(op, n, a[n], int(info.min), int(info.max)) for n in ("a_zero", "b_zero")]
    ratios = [whole(op, n, a[n], -TOP, TOP) for n in ("a_ratio", "b_ratio")]
    base = int(a["zero"]) - int(a["low"])  # type: ignore[arg-type]  # _clamp has looked at them
    _prove_sum(x.format, *zeros, *ratios, base + (base & 1))
    return x


@njit(cache=True, nogil=True)
def _add(
    first: int, last: int, a: Any, b: Any, ratios: Any, addend: Any, odd: Any, bounds: Any, y: Any
) -> Any:
    """y = low + clamp(upper bits, 0, high - low); sums are exact modulo 2**32, and the proof says that they fit."""
    ra, rb, k, offset = np.int32(ratios[0]), np.int32(ratios[1]), np.int32(addend), np.int32(bounds[0] - odd)
    low, high = np.int32(bounds[0]), np.int32(bounds[1])
    floor, ceiling = np.int32(bounds[2]), np.int32(bounds[3])
    fraction, one, saturated = np.int32((1 << RATIO_BITS) - 1), np.int32(1), np.int64(0)
    for block in range(first, last, BLOCK):
        part = slice(block, min(block + BLOCK, last))
        pa, pb, py, beyond = a[part], b[part], y[part], np.int32(0)
        for i in range(pa.size):  # from 0, so that the compiler knows the index to be no negative one
            x = np.int32(np.int32(pa[i]) * ra + np.int32(pb[i]) * rb + k)
            q = np.int32(x >> RATIO_BITS)
            tie = np.int32((x & fraction) == 0)
            v = np.int32(q - (q & one & tie) + offset)
            beyond = np.int32(beyond + np.int32((v < floor) | (v > ceiling)))
            v = v if v > low else low
            py[i] = v if v < high else high
        saturated += np.int64(beyond)
    return saturated


def _run_add(
    a: np.ndarray,
    b: np.ndarray,
    *,
    a_zero: int,
    b_zero: int,
    a_ratio: int,
    b_ratio: int,
    zero: int,
    low: int,
    high: int,
    relu: bool = False,
) -> np.ndarray | Counted:
    y = np.empty(a.shape, a.dtype)
    odd = (zero - low) & 1  # an even base, so that a tie is even when its upper bits are
    k = _addend(a_zero, b_zero, a_ratio, b_ratio, zero - low + odd)
    wrapped = (k + (1 << 31)) % (1 << 32) - (1 << 31)
    constants = ((a_ratio, b_ratio), wrapped, odd, _bounds(a.dtype, low, high, relu))
    flat = [np.ascontiguousarray(x).reshape(-1) for x in (a, b)]
    return _reported(y, sum(split(_add, y.size, y.size, *flat, *constants, y.reshape(-1))))


def _softmax_rule(operands: Types, a: Attributes) -> TensorType:
    signature("softmax_q", operands, 1, a, "scale")
    x, scale = operands[0], a["scale"]
    most = ((1 << 32) - 1) // ONE
    if x.format != "int8" or not x.shape or x.shape[-1] > most:
        expected = f"int8 with a last axis of at most {most}"
        raise ShapeError("softmax_q", str(x), expected, "use softmax of float32 for longer rows")
    if not isinstance(scale, float) or not 0 < scale < np.inf:
        mend = "give the quantisation step of x"
        raise ShapeError("softmax_q", f"scale = {scale!r}", "a positive number", mend)
    return TensorType(x.shape, "uint8")


@lru_cache(64)
def exponentials(scale: float) -> np.ndarray:
    """`rhe(2**22 exp(-d scale))`, d = 0..255, uint32, from decimals of 60 digits: equal on every platform."""
    with localcontext() as context:
        context.prec = 60
        values = [ONE * (-d * Decimal(scale)).exp() for d in range(256)]
        table = np.array([int(v.to_integral_value(ROUND_HALF_EVEN)) for v in values], np.uint32)
    table.flags.writeable = False
    return table


def _run_softmax(x: np.ndarray, *, scale: float) -> np.ndarray:
    if x.size == 0:
        return np.empty(x.shape, np.uint8)
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    return twin({"x": rows, "lut": exponentials(scale)}).reshape(x.shape)


OPERATIONS = (
    Operation(
        "requantize",
        _requantize_rule,
        _run_requantize,
        None,
        ("int32",),
        "bytes clamp(zero + rhe((acc + bias) 2**p m / 2**32), low, high), one bias, m and p for each channel",
    ),
    Operation(
        "add_q",
        _add_rule,
        _run_add,
        None,
        BYTES,
        "clamp(zero + rhe(((a - a_zero) a_ratio + (b - b_zero) b_ratio) / 2**20), low, high)",
    ),
    Operation(
        "softmax_q",
        _softmax_rule,
        _run_softmax,
        None,
        ("int8",),
        "softmax along the last axis in steps of 1/256, at most 255/256",
    ),
)
