"""Between number formats as users see them: quantise, requantise, read back, calibrate; whole pipelines in int8.

    x8 = st.quantize(x, x_grid)                             # float32 -> int8
    sums = st.conv2d(x8, w8, padding="same")                # int32, exact, on the grid of both scales' product
    y8 = st.quantize(sums, y_grid, bias=bias, relu=True)    # the only rounding
    y = st.dequantize(y8)

These are the semantics of ONNX QuantizeLinear and DequantizeLinear around an operation of real numbers, with the sums
exact and the quotient of scales as a multiplier of 31 bits.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.formats import (
    Bfp16,
    Format,
    Grid,
    Int8,
    Int32,
    Observed,
    mean_square_error,
    min_max,
    observe,
    percentile,
)
from spinntensor.formats.description import Float32, limits, storage
from spinntensor.kernels.quantize import ratio
from spinntensor.ops.operation import family
from spinntensor.tensors.alike import is_bfp16, widened
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.grids import BYTES, constants, equal, factors, words
from spinntensor.tensors.moves import repeated, reshaped, same
from spinntensor.tensors.operands import broadcast_shape, one_axis, refuse, tensor

if TYPE_CHECKING:
    from spinntensor.tensors.random import Generator
    from spinntensor.tensors.tensor import Tensor

__all__ = ["add_q", "calibrate", "dequantize", "quantize"]

NAMED: dict[str, Format] = {
    "int8": Int8(),
    "uint8": Int8(unsigned=True),
    "int32": Int32(),
    "bfp16": Bfp16(),
}
"""Formats that have a name of their own; others are made with `spinntensor.formats`."""
METHODS = {"minmax": min_max, "percentile": percentile, "mse": mean_square_error}
KEPT = 1024


def quantize(
    x: Any,
    target: Grid | Format | str,
    *,
    bias: Any = None,
    relu: bool = False,
    rounding: Generator | None = None,
) -> Tensor:
    """`x` in a format of integers or in bfp16, each element rounded once, half to even.

    Parameters
    ----------
    x : float32 or bfp16; int32, int8 or uint8 with a grid, which is brought to another one (requantised), for instance
        to join tensors on different grids.
    target : the grid (see `calibrate`). Of a float32 or bfp16 `x` also a format, "int8", "uint8", "int32", "bfp16" or
        one of `spinntensor.formats`, for the finest grid on which nothing is clamped: bfp16 finds it on the way, for
        integers the value of `x` is computed now to find it, which is impossible inside `st.compile`. A vector takes a
        grid with a scale for each index of any axis one by one.
    bias : of an int32 `x`: one number for each index of its last axis, or of its axis of scales, added before
        rounding; int32 on the grid of `x` (`st.quantize(bias, x.grid)`), or float32, which is brought there.
    relu : of an int32, int8 or uint8 `x`: numbers below 0 become 0.
    rounding : a `Generator` for stochastic rounding of a float32 `x` to int8, uint8 or bfp16.

    Elements beyond the grid are clamped and counted, see `st.counting`. Requantising gives
    clamp(zero + rhe((x + bias) m 2**p / 2**32)), where m 2**p / 2**32 is the quotient of the scales to 31 bits.
    """
    op = "quantize"
    x = tensor(x)
    kind = family(x.format)
    if kind in ("float32", "bfp16"):
        if bias is not None or relu:
            received = f"{'bias' if bias is not None else 'relu'} with {x.node.type}"
            raise refuse(op, received, "neither, but for int32 sums", "use st.add or st.relu before")
        return _from_real(op, x, target, rounding)
    if x.grid is None:
        raise refuse(op, f"plain {x.node.type}", "float32, bfp16 or integers with a grid", "use astype first")
    if rounding is not None:
        raise refuse(op, f"rounding of {x.node.type}", "None", "stochastic rounding is for float32")
    if kind != "int32" and bias is not None:
        raise refuse(op, f"bias with {x.node.type}", "none, but for int32 sums", "use st.add_q")
    here = isinstance(target, Grid) and target.format == x.grid.format and equal(target, x.grid)
    if here and kind != "int32" and not relu:
        return same(x)
    return _requantized(op, x, x.grid, target, bias, relu)


def dequantize(x: Any) -> Tensor:
    """The float32 numbers that a quantised tensor stands for, (q - zero) * scale, each rounded once."""
    x = tensor(x)
    if is_bfp16(x):
        return widened(x)
    if x.grid is None:
        raise refuse(
            "dequantize", str(x.node.type), "bfp16, or integers with a grid", "use astype for plain ones"
        )
    constants = _attributes("dequantize", x.grid, x)
    return apply("dequantize", x, **{name: constants[name] for name in ("scale", "zero", "axis")})


def calibrate(
    batches: Any, format: Format | str = "int8", method: str = "minmax", percent: float = 99.99
) -> Grid:
    """The grid for tensors like those of `batches`, whose values are computed now.

    Parameters
    ----------
    batches : a tensor or array, or an iterable of them; float32 numbers, quantised tensors by what they stand for.
    format : "int8", "uint8", "int32", "bfp16" or one of `spinntensor.formats`, say
        `Int8(symmetric=True, axis=-1)` for weights with their outputs last.
    method : "minmax", nothing is clamped; "percentile", all but 100 - `percent` per cent at most; "mse", the least
        squared error.

    OperandError for a batch that is empty or not finite; ShapeError when there is none; TraceError inside `st.compile`.
    """
    op = "calibrate"
    form = _format(op, format)
    if method not in METHODS:
        raise refuse(op, f"method {method!r}", " or ".join(map(repr, METHODS)), "choose one of them")
    seen: Observed | None = None
    alone = isinstance(batches, Base | np.ndarray)
    for batch in [batches] if alone else batches:
        x = np.ascontiguousarray(tensor(batch).numpy())
        seen = observe(x.astype(np.float32, copy=False), seen, form.axis)
    if seen is None:
        raise refuse(op, "no batches", "at least one", "give some of the data that will come")
    return percentile(form, seen, percent) if method == "percentile" else METHODS[method](form, seen)


def add_q(x: Any, y: Any, target: Grid, *, relu: bool = False) -> Tensor:
    """x + y of two int8 or two uint8 tensors, brought to the grid `target` of their format and rounded once.

    Shapes are broadcast. The result is clamp(zero + rhe(((x - zx) rx + (y - zy) ry) / 2**20)), rx and ry being the
    quotients of the scales in steps of 2**-20.
    `relu`: numbers below 0 become 0. ShapeError for quotients from 4 on.
    """
    x, y = tensor(x), tensor(y)
    op = "add_q"
    if not isinstance(target, Grid):
        raise refuse(op, f"target {target!r}", "a Grid", "make one with st.calibrate")
    for v in (x, y):
        if v.grid is None or v.format not in BYTES or v.format != _form(target):
            received = f"{x.node.type} with {words(x.grid)}, {y.node.type} with {words(y.grid)}"
            raise refuse(
                op, received, f"quantised tensors of {_form(target)} as the target", "st.quantize both"
            )
    zero, low, high = _clamp(op, target, relu)
    shape = broadcast_shape(op, x.shape, y.shape)
    parts: dict[str, int] = {}
    for name, v in (("a", x), ("b", y)):
        scale, parts[f"{name}_zero"] = constants(op, v)
        try:
            parts[f"{name}_ratio"] = ratio(scale / float(target.scale))  # type: ignore[arg-type]  # not None here
        except OperandError as error:
            raise refuse(
                op, f"scales {scale:.6g} and {target.scale:.6g}", str(error.expected), error.mend
            ) from None
    terms = [repeated(v, shape) for v in (x, y)]
    return apply("add_q", *terms, grid=target, zero=zero, low=low, high=high, relu=relu, **parts)


def _from_real(op: str, x: Tensor, target: Grid | Format | str, rounding: Generator | None) -> Tensor:
    """A float32 or bfp16 tensor quantised."""
    if is_bfp16(x):
        x = widened(x)
    if not isinstance(target, Grid):
        form = _format(op, target)
        if isinstance(form, Bfp16):
            axis = None if form.axis is None else one_axis(op, form.axis, x.ndim)
            return _rounded("quantize_bfp16", x, rounding, axis=axis)
        target = _finest(op, x, form)
    if x.ndim == 1 and target.format.axis is not None and target.format.axis not in (0, -1):
        target = _of_vector(target)
    constants = _attributes(op, target, x)
    if isinstance(target.format, Bfp16):
        exponent = tuple(int(e) for e in target.exponent.reshape(-1))
        return _rounded("quantize_bfp16_to", x, rounding, exponent=exponent, axis=constants["axis"])
    return _rounded("quantize", x, rounding, grid=target, **constants)


def _rounded(name: str, x: Tensor, rounding: Generator | None, **attributes: Any) -> Tensor:
    """A quantising operation, half to even or with the words of one draw."""
    if rounding is None:
        return apply(name, x, **attributes)
    return apply(name, x, rounding.draw(), seed=rounding.seed, **attributes)


def _finest(op: str, x: Tensor, form: Format) -> Grid:
    """The grid of the values of `x`, computed now."""
    if not x.size:
        raise refuse(op, str(x.node.type), "at least one element to choose a grid by", "give a grid")
    return min_max(form, observe(np.ascontiguousarray(x.numpy()), None, form.axis))


def _requantized(op: str, x: Tensor, have: Grid, target: Any, bias: Any, relu: bool) -> Tensor:
    """int32 sums on the grid `have`, plus a bias, brought to `target`."""
    if not isinstance(target, Grid):
        expected = "a Grid: what integers stand for is known, where they should go is not"
        raise refuse(op, f"{target!r} for {x.node.type}", expected, "make one with st.calibrate")
    zero, low, high = _clamp(op, target, relu)
    if x.ndim == 0:
        return reshaped(_requantized(op, reshaped(x, (1,)), have, target, bias, relu), ())
    axis = one_axis(op, -1 if have.format.axis is None else have.format.axis, x.ndim)
    channels = x.shape[axis]
    addend = _bias(op, x, have, bias, channels)
    if x.format != "int32":
        x = apply("convert", x, format="int32")
    m, p = [Base.result(v) for v in factors(op, have, target, channels)]
    attributes: dict[str, Any] = {
        "format": _form(target),
        "zero": zero,
        "low": low,
        "high": high,
        "axis": axis,
        "relu": relu,
    }
    return apply("requantize", x, addend, m, p, grid=target, **attributes)


def _clamp(op: str, target: Grid, relu: bool) -> tuple[int, int, int]:
    """Zero point and bounds of int8 or uint8 results; those of a ReLU begin at the zero point."""
    if not isinstance(target.format, Int8) or target.format.axis is not None:
        expected = "a grid of int8 or uint8 with one scale"
        raise refuse(
            op, f"{words(target)}, {target.format}", expected, "st.dequantize sums for other formats"
        )
    low, high = limits(target.format)
    zero = int(target.zero_point)  # type: ignore[arg-type]  # not None for Int8
    return zero, max(low, zero) if relu else low, high


def _bias(op: str, x: Base, have: Grid, bias: Any, channels: int) -> Base:
    """What is added before rounding, int32 [channels] on the grid `have`: minus the zero point of bytes."""
    if x.format != "int32" or bias is None:
        zeros = have.zero_point
        assert zeros is not None
        if zeros.ndim:
            return tensor(-zeros, "int32")
        return apply("fill", shape=(channels,), format="int32", value=-int(zeros))
    bias = tensor(bias)
    if bias.format == "float32":
        bias = quantize(bias, have)
    if bias.format != "int32" or not equal(bias.grid, have) or bias.shape != (channels,):
        raise refuse(
            op,
            f"bias {bias.node.type} with {words(bias.grid)}",
            f"[{channels}] int32 with {words(have)}",
            "make it with st.quantize(bias, sums.grid)",
        )
    return bias


@lru_cache(KEPT)
def _of_vector(g: Grid) -> Grid:
    """The scales of an axis one by one, for a vector such as a bias: whatever axis they were for."""
    return Grid(replace(g.format, axis=0), g.scale, g.zero_point)  # type: ignore[arg-type]  # it has an axis


def _format(op: str, target: Any) -> Format:
    """A format by its name, or itself; float32 is refused."""
    form = NAMED.get(target) if isinstance(target, str) else target
    if isinstance(form, Int8 | Int32 | Bfp16):
        return form
    expected = f"a Grid, {', '.join(map(repr, NAMED))}, or Int8, Int32 or Bfp16 of spinntensor.formats"
    raise refuse(op, f"{target!r}", expected, "use st.dequantize for float32")


def _attributes(op: str, g: Grid, x: Base) -> dict[str, Any]:
    """Format, constants and axis of a grid as attributes of operations."""
    if isinstance(g.format, Float32):
        raise refuse(op, "a grid of Float32", "a grid of integers or bfp16", "use st.dequantize for float32")
    if g.format.axis is None:
        return _constants(g, x.ndim)
    assert g.scale is not None
    if x.shape[one_axis(op, g.format.axis, x.ndim)] != g.scale.size:
        received = f"{x.node.type} for a grid with {words(g)}"
        raise refuse(
            op, received, "one scale for each index of that axis", "calibrate a grid for this tensor"
        )
    return _constants(g, x.ndim)


@lru_cache(KEPT)
def _constants(g: Grid, ndim: int) -> dict[str, Any]:
    assert g.scale is not None and g.zero_point is not None
    return {
        "format": _form(g),
        "scale": tuple(g.scale.reshape(-1).tolist()),
        "zero": tuple(g.zero_point.reshape(-1).tolist()),
        "axis": None if g.format.axis is None else g.format.axis % ndim,
        "symmetric": isinstance(g.format, Int8) and g.format.symmetric,
    }


def _form(g: Grid) -> str:
    """The name of the plain format in which a grid's integers are stored."""
    return str(storage(g.format))
