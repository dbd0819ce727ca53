"""Between number formats: quantise, read back, and exact casts; what a conversion loses is counted.

The definitions are those of `spinntensor.formats`; here they are operations of the graph, with a faster loop wherever
plain arithmetic provably gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import frexp, ldexp
from typing import Any

import numpy as np

from spinntensor.errors import GraphError, OperandError, RangeError, ShapeError
from spinntensor.formats import (
    Grid,
    Int8,
    Int32,
    Quantized,
    Stochastic,
    bfp16_grid,
    grid,
    limits,
)
from spinntensor.formats import dequantize as read_back
from spinntensor.formats import quantize as rounded
from spinntensor.formats.convert import checked
from spinntensor.formats.description import BFP16_EXPONENTS
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Attribute, Node, TensorType
from spinntensor.kernels.parallel import split
from spinntensor.ops._convert_loops import (
    laid_out,
    mantissas_by_column,
    mantissas_by_row,
    quantize_by_column,
    quantize_by_row,
    read_by_column,
    read_by_row,
    tops_by_column,
    tops_by_row,
)
from spinntensor.ops._rules import PLAIN, Attributes, Types, signature
from spinntensor.ops.operation import Counted, Operation, Value
from spinntensor.ops.shape import STORED, bfp16_axis

INTEGERS = ("int8", "uint8", "int32")
"""Formats whose integers stand for (q - zero) * scale."""
_GRID = frozenset({"scale", "zero"})


@lru_cache(1024)
def grid_of_attributes(form: str, scale: Any, zero: Any, axis: int | None, symmetric: bool) -> Grid:
    """The grid of attributes; OperandError where they do not fit."""
    kind = Int32(axis) if form == "int32" else Int8(symmetric, axis, form == "uint8")
    several = axis is not None
    return grid(kind, scale if several else scale[0], zero if several else zero[0])


def whole(op: str, name: str, value: Attribute, low: int, high: int) -> int:
    """An attribute as an integer from `low` to `high`; ShapeError."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ShapeError(op, f"{name} = {value!r}", f"an integer from {low} to {high}", f"choose {name}")
    return value


def named(op: str, a: Attributes, required: frozenset[str], optional: frozenset[str]) -> None:
    """ShapeError for an attribute that is missing or unknown."""
    given = a.keys()
    if not (required <= given and given <= required | optional):
        wanted = ", ".join(sorted(required)) + f" (and {', '.join(sorted(optional))})" * bool(optional)
        received = f"attributes {', '.join(sorted(given)) or 'none'}"
        raise ShapeError(op, received, wanted, "name these and no others")


def _channels(op: str, x: TensorType, axis: Attribute) -> int:
    """How many scales a tensor has with this `axis`."""
    if axis is None:
        return 1
    return x.shape[whole(op, "axis", axis, 0, len(x.shape) - 1)]


def _check_grid(op: str, form: str, x: TensorType, a: Attributes) -> None:
    """ShapeError unless scale and zero are those of a grid for `x`."""
    scale, zero, axis, symmetric = a["scale"], a["zero"], a.get("axis"), a.get("symmetric", False)
    count = _channels(op, x, axis)
    for name, value, kind in (("scale", scale, float), ("zero", zero, int)):
        good = isinstance(value, tuple) and len(value) == count and {*map(type, value)} <= {kind, int}
        if not good:
            expected = f"a tuple of {count} {kind.__name__}"
            raise ShapeError(op, f"{name} = {value!r}", expected, "give one for each index of the axis")
    if not isinstance(symmetric, bool) or (symmetric and form != "int8"):
        raise ShapeError(op, f"symmetric = {symmetric!r} for {form}", "False", "only int8 has such a range")
    if count:
        try:
            grid_of_attributes(form, scale, zero, axis, symmetric)
        except OverflowError:
            raise ShapeError(op, f"zero = {zero!r}", f"integers of {form}", "choose other ones") from None
        except OperandError as e:
            raise ShapeError(op, f"{e.operand} {e.received}", f"{e.expected}", e.mend) from None


def _source(op: str, operands: Types, a: Attributes) -> TensorType:
    """The float32 operand of a quantisation, after a look at seed and counter."""
    seed = a.get("seed")
    if seed is not None:
        whole(op, "seed", seed, 0, (1 << 64) - 1)
    if len(operands) != 1 + (seed is not None):
        expected = "x alone" if seed is None else "x and a counter"
        raise ShapeError(op, f"{len(operands)} operands", expected, "give a counter with a seed")
    if operands[0].format != "float32":
        raise ShapeError(op, f"format {operands[0].format}", "format float32", "dequantize it first")
    if seed is not None and operands[1] != TensorType((), "int64"):
        raise ShapeError(op, f"a counter {operands[1]}", "[] int64", "give the number of the step")
    return operands[0]


def _quantize_rule(operands: Types, a: Attributes) -> TensorType:
    named("quantize", a, _GRID | {"format"}, frozenset({"axis", "symmetric", "seed"}))
    x, form = _source("quantize", operands, a), a["format"]
    if form not in INTEGERS:
        mend = "use quantize_bfp16 for bfp16"
        raise ShapeError("quantize", f"format {form!r}", f"one of {', '.join(INTEGERS)}", mend)
    if form == "int32" and a.get("seed") is not None:
        raise ShapeError("quantize", "a seed for int32", "None", "int32 rounds half to even only")
    _check_grid("quantize", str(form), x, a)
    return TensorType(x.shape, str(form))


def _over_rows(loop: Callable[..., Any], rows: np.ndarray, *arguments: Any) -> list[int]:
    """The counts of a loop over all rows, split over threads where that pays."""
    return [sum(counts) for counts in zip(*split(loop, len(rows), rows.size, rows, *arguments), strict=True)]


def with_losses(value: Value, saturated: int, lost: int) -> Value | Counted:
    """A conversion's result with what it clamped and lost, where that is anything."""
    return Counted(value, {"saturated": saturated, "lost": lost}) if saturated or lost else value


def _run_quantize(
    x: np.ndarray,
    counter: np.ndarray | None = None,
    *,
    format: str,
    scale: tuple[float, ...],
    zero: tuple[int, ...],
    axis: int | None = None,
    symmetric: bool = False,
    seed: int | None = None,
) -> Value | Counted:
    if x.size == 0:
        return np.empty(x.shape, STORED[format])
    g = grid_of_attributes(format, scale, zero, axis, symmetric)
    if seed is None:
        rows, by_column = laid_out(x, axis)
        data = np.empty(rows.shape, STORED[format])
        scales, zeros = np.array(scale, np.float64), np.array(zero, np.float64)
        low, high = limits(g.format)
        loop = quantize_by_column if by_column else quantize_by_row
        ends = float(low), float(high)
        saturated, lost, doubts = _over_rows(loop, rows, scales, zeros, *ends, data)
        if not doubts:
            return with_losses(data.reshape(x.shape), saturated, lost)
    value, loss = rounded(x, g, None if counter is None else Stochastic(seed or 0, int(counter)))
    return with_losses(value.data, loss.saturated, loss.lost)


def _form(axis: Attribute) -> str:
    return "bfp16" if axis is None else f"bfp16(axis={axis})"


def _bfp16_rule(operands: Types, a: Attributes) -> TensorType:
    named("quantize_bfp16", a, frozenset(), frozenset({"axis", "seed"}))
    x, axis = _source("quantize_bfp16", operands, a), a.get("axis")
    if _channels("quantize_bfp16", x, axis) == 0:
        raise ShapeError("quantize_bfp16", f"axis {axis} of {x}", "an axis with an index", "leave axis None")
    return TensorType(x.shape, _form(axis))


def _bfp16_to_rule(operands: Types, a: Attributes) -> TensorType:
    op = "quantize_bfp16_to"
    named(op, a, frozenset({"exponent"}), frozenset({"axis", "seed"}))
    x, axis, exponent = _source(op, operands, a), a.get("axis"), a["exponent"]
    count, (low, high) = _channels(op, x, axis), BFP16_EXPONENTS
    if not isinstance(exponent, tuple) or len(exponent) != count or count == 0:
        expected = f"a tuple of {max(count, 1)}"
        raise ShapeError(op, f"exponent = {exponent!r}", expected, "give one for each index of the axis")
    for e in exponent:
        whole(op, "exponent", e, low, high)
    return TensorType(x.shape, _form(axis))


def least_exponent(top: float) -> int:
    """The smallest e from -125 on with rhe(top / 2**e) <= 32767, at most 97 (`formats.calibrate.constants`)."""
    low, high = BFP16_EXPONENTS
    e = max(frexp(top)[1] - 15, low) if top else low
    return min(e + (round(ldexp(top, -e)) > 32767), high)


@lru_cache(1024)
def grid_of_exponents(exponent: int | tuple[int, ...], axis: int | None) -> Grid:
    """The grid of bfp16 with this exponent, or one for each index of `axis`."""
    return bfp16_grid(exponent, axis)


def run_bfp16(
    x: np.ndarray,
    counter: np.ndarray | None = None,
    *,
    exponent: tuple[int, ...] | None = None,
    axis: int | None = None,
    seed: int | None = None,
) -> Value | Counted:
    """By the exponents that are given, or those that `x` itself asks for."""
    channels = 1 if axis is None else x.shape[axis]
    tops = np.zeros(channels, np.int32)
    if x.size:
        rows, by_column = laid_out(x, axis)
        find = tops_by_column if by_column else tops_by_row
        tops = np.max(split(find, len(rows), x.size, rows.view(np.int32), channels), axis=0)
        if tops.max() >= 0x7F800000:
            checked("quantize_bfp16", x)  # which raises
    e = tuple(map(least_exponent, tops.view(np.float32).tolist())) if exponent is None else exponent
    g = grid_of_exponents(e[0] if axis is None else e, axis)
    if x.size == 0:
        return Quantized(g, np.empty(x.shape, np.int16))
    if counter is not None:
        value, loss = rounded(x, g, Stochastic(seed or 0, int(counter)))
        return with_losses(value, loss.saturated, loss.lost)
    data = np.empty(rows.shape, np.int16)
    loop = mantissas_by_column if by_column else mantissas_by_row
    factor = np.array([2.0**-k for k in e], np.float32)
    saturated, lost = _over_rows(loop, rows, factor, data)
    return with_losses(Quantized(g, data.reshape(x.shape)), saturated, lost)


def _straight(b: Builder, node: Node, cotangent: int) -> tuple[int | None, ...]:
    """Rounding counts as the identity (the straight-through estimator of Bengio et al., arXiv:1308.3432)."""
    return (cotangent, *(None for _ in node.inputs[1:]))


def _dequantize_rule(operands: Types, a: Attributes) -> TensorType:
    if len(operands) != 1:
        raise ShapeError("dequantize", f"{len(operands)} operands", "1", "give one tensor")
    (x,) = operands
    if x.format == "bfp16" or bfp16_axis(x.format) is not None:
        named("dequantize", a, frozenset(), frozenset())
    elif x.format in INTEGERS:
        named("dequantize", a, _GRID, frozenset({"axis"}))
        _check_grid("dequantize", x.format, x, a)
    else:
        expected = f"{', '.join(INTEGERS)} or bfp16"
        raise ShapeError("dequantize", f"format {x.format}", expected, "use convert for plain numbers")
    return TensorType(x.shape, "float32")


@lru_cache(1024)
def _constants(form: str, scale: Any, zero: Any) -> tuple[np.ndarray, np.ndarray, bool, bool]:
    """scale and zero as float64; whether float64 holds each product exactly; whether one may be beyond float32."""
    s, z = np.array(scale, np.float64), np.array(zero, np.float64)
    bits = 21 if form == "int32" else 44  # beside the 32 or 9 of q - zero
    significand = np.ldexp(np.frexp(s)[0], bits)
    for kept in (s, z):
        kept.flags.writeable = False
    return s, z, bool((significand == np.rint(significand)).all()), bool((s >= 2.0**95).any())


def _run_dequantize(
    x: Value, *, scale: Any = None, zero: Any = None, axis: int | None = None
) -> np.ndarray | Counted:
    if isinstance(x, Quantized):
        return _mantissas_read(x)
    if x.size == 0:
        return np.empty(x.shape, np.float32)
    form = x.dtype.name
    scales, zeros, exact, wide = _constants(form, scale, zero)
    rows, by_column = laid_out(x, axis)
    y = np.empty(rows.shape, np.float32)
    (doubts,) = _over_rows(read_by_column if by_column else read_by_row, rows, scales, zeros, y)
    y = y.reshape(x.shape)
    if doubts and not exact:
        y = read_back(Quantized(grid_of_attributes(form, scale, zero, axis, False), x))
    overflowed = int(np.isinf(y).sum()) if wide else 0
    return Counted(y, {"overflowed": overflowed}) if overflowed else y


def _mantissas_read(x: Quantized) -> np.ndarray:
    """q 2**e: exact, as every product is 0 or a normal float32."""
    assert x.scale is not None
    factor = x.scale.astype(np.float32)
    if x.format.axis is not None:
        axis = x.format.axis % x.data.ndim
        factor = factor.reshape([-1 if i == axis else 1 for i in range(x.data.ndim)])
    return np.multiply(x.data, factor, dtype=np.float32, out=np.empty(x.data.shape, np.float32))


def _dequantize_gradient(b: Builder, node: Node, cotangent: int) -> tuple[int]:
    form = b[node.inputs[0]].type.format
    if form in INTEGERS:
        expected = "bfp16 or float32: integer formats have no gradient"
        raise GraphError(node.id, node.op, node.source, f"a tensor of format {form}", expected)
    return (cotangent,)


def _convert_rule(operands: Types, a: Attributes) -> TensorType:
    signature("convert", operands, 1, a, "format")
    x, form = operands[0], a["format"]
    for name in (x.format, form):
        if name not in PLAIN:
            mend = "use quantize, quantize_bfp16 or dequantize"
            raise ShapeError("convert", f"{x.format} to {form}", f"two of {', '.join(PLAIN)}", mend)
    return TensorType(x.shape, str(form))


def _run_convert(x: np.ndarray, *, format: str) -> np.ndarray:
    kind = STORED[format]
    if x.dtype == kind:
        return x
    if format == "bool":
        return np.asarray(x != 0)
    if format != "float32" and not np.can_cast(x.dtype, kind) and x.size:
        _prove_exact(x, kind)
    return x.astype(kind)


def _prove_exact(x: np.ndarray, kind: np.dtype) -> None:
    """OperandError where `x` holds anything but integers, RangeError where `kind` does not hold them all."""
    if x.dtype == np.float32:
        wrong = (np.trunc(x) != x) | np.isinf(x)
        if wrong.any():
            received = f"{np.count_nonzero(wrong)} elements that are no integers, such as {x[wrong].flat[0]}"
            raise OperandError("convert", "x", received, "integers", "apply floor or round first")
    ends, info = (int(x.min()), int(x.max())), np.iinfo(kind)
    for end, limit in zip(ends, (info.min, info.max), strict=True):
        if not info.min <= end <= info.max:
            raise RangeError("convert", end, int(limit), f"{kind} does not hold it: clamp first")


def _convert_gradient(b: Builder, node: Node, cotangent: int) -> tuple[int | None]:
    same = b[node.inputs[0]].type.format == node.type.format == "float32"
    return (cotangent if same else None,)


_ONLY_FLOAT32 = ("float32",)

OPERATIONS = (
    Operation(
        "quantize",
        _quantize_rule,
        _run_quantize,
        None,
        _ONLY_FLOAT32,
        "integers clamp(zero + round(x / scale)), half to even or stochastic; clamped and lost are counted",
    ),
    Operation(
        "quantize_bfp16",
        _bfp16_rule,
        run_bfp16,
        _straight,
        _ONLY_FLOAT32,
        "16-bit mantissas with the smallest exponent that clamps nothing, by tensor or by index of an axis",
    ),
    Operation(
        "quantize_bfp16_to",
        _bfp16_to_rule,
        run_bfp16,
        _straight,
        _ONLY_FLOAT32,
        "16-bit mantissas with given exponents; clamped and lost are counted",
    ),
    Operation(
        "dequantize",
        _dequantize_rule,
        _run_dequantize,
        _dequantize_gradient,
        (*INTEGERS, "bfp16"),
        "the numbers that integers or mantissas stand for, (q - zero) * scale, rounded once",
    ),
    Operation(
        "convert",
        _convert_rule,
        _run_convert,
        _convert_gradient,
        PLAIN,
        "the same numbers in another plain format; what that format cannot hold is an error",
    ),
)
