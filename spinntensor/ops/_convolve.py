"""How the host runs convolutions: picks the tables, the loop and the rounding for the formats at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spinntensor.formats.description import BFP16_EXPONENTS, Quantized
from spinntensor.kernels.block_float import PIECE
from spinntensor.kernels.host_convolution import (
    Fields,
    byte_convolution,
    float_convolution,
    mantissa_convolution,
    mantissa_sums,
)
from spinntensor.kernels.host_correlation import Pixels, float_correlation, mantissa_correlation
from spinntensor.kernels.host_depthwise import exact_sums, exact_taps, float_sums, float_taps
from spinntensor.kernels.host_gather import Axis, Table, adjoint, by_class, forward, whole
from spinntensor.kernels.host_mantissas import round13, scale, shift13, short13, to_float, to_mantissas
from spinntensor.ops._products import counted, one_exponent
from spinntensor.ops.operation import Counted, Value

Pair = tuple[int, int]


def out_size(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    """Outputs along an axis, below 1 where the kernel does not fit; padding is that of both ends together."""
    return (size + padding - (kernel - 1) * dilation - 1) // stride + 1


def rounded(sums: np.ndarray, by_column: np.ndarray, form: str) -> Value | Counted:
    """Exact sums [..., N] of mantissas, times a power of two for each column, rounded once to `form`; overwritten.

    `sums` is not rounded: float64 holds them exactly.
    """
    rows = sums.reshape(-1, sums.shape[-1])
    ones = np.ones(len(rows))
    if form == "sums":
        scale(rows, ones, by_column)
        return sums
    if form == "bfp16":
        return narrowed(sums, scale(rows, ones, by_column))
    y = np.empty(sums.shape, np.float32)
    return counted(y, overflowed=to_float(rows, ones, by_column, y.reshape(rows.shape)))


def narrowed(sums: np.ndarray, top: float) -> Value | Counted:
    """Exact numbers of magnitudes up to `top` as a bfp16 tensor with the smallest exponent that holds them."""
    data, e, saturated = to_mantissas(sums, top)
    return counted(Quantized(one_exponent(e), data), saturated=saturated)


def _axes(
    shape: Pair, kernel: Pair, out: Pair, stride: Pair, dilation: Pair, padding: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of rows and of columns: size of x, outputs, taps, stride, dilation and padding in front."""
    y, x = zip(shape, out, kernel, stride, dilation, padding[::2], strict=True)
    return y, x


@dataclass(frozen=True)
class _Reads:
    """What outputs read, for a convolution or its adjoint by x: tables, classes of outputs, order of the weights."""

    tables: tuple[Table, Table]
    classes: tuple[tuple[Axis, ...], tuple[Axis, ...]]
    adjoint: bool

    def matrices(self, w: np.ndarray, groups: int) -> np.ndarray:
        """Weights [KH,KW,C/G,O] as [G, (ky, kx, c), O/G], or for the adjoint as [G, (ky, kx, o), C/G]."""
        kh, kw, c, o = w.shape
        parts = w.reshape(kh, kw, c, groups, o // groups)
        if self.adjoint:
            return parts.transpose(3, 0, 1, 4, 2).reshape(groups, kh * kw * (o // groups), c)
        return parts.reshape(kh * kw * c, groups, o // groups).transpose(1, 0, 2)

    def fields(self, x: np.ndarray, w: np.ndarray, groups: int) -> Fields:
        out = len(self.tables[0]), len(self.tables[1])
        return Fields(x, *self.classes, (w.shape[0], w.shape[1]), out, groups)


def run_conv2d(
    x: Any,
    w: Any,
    *,
    stride: Pair,
    dilation: Pair,
    padding: tuple[int, ...],
    groups: int,
    x_zero: int = 0,
    format: str = "float32",
    shifts: Pair | None = None,
) -> Value | Counted:
    """The convolution; the rule has looked at everything.

    shifts : to 13 bits, of the bfp16 tensors that x and w are parts of; None where they are whole. So in its adjoints.
    format : also `sums`, of bfp16: the exact sums, float64.
    """
    both = padding[0] + padding[1], padding[2] + padding[3]
    rows, columns = map(out_size, x.shape[1:3], w.shape[:2], stride, dilation, both)
    y_axis, x_axis = _axes(x.shape[1:3], w.shape[:2], (rows, columns), stride, dilation, padding)
    tables = forward(*y_axis), forward(*x_axis)
    reads = _Reads(tables, (whole(forward, *y_axis), whole(forward, *x_axis)), False)
    return _convolution(x, w, reads, groups, x_zero, format, shifts)


def run_conv2d_input(
    c: Any,
    w: Any,
    *,
    size: Pair,
    stride: Pair,
    dilation: Pair,
    padding: tuple[int, ...],
    groups: int,
    format: str = "float32",
    shifts: Pair | None = None,
) -> Value | Counted:
    """The adjoint by x: a convolution as well, in which pixels of one class modulo the stride read at the same taps."""
    y_axis, x_axis = _axes(size, w.shape[:2], c.shape[1:3], stride, dilation, padding)
    tables = adjoint(*y_axis), adjoint(*x_axis)
    classes = by_class(stride[0], adjoint, *y_axis), by_class(stride[1], adjoint, *x_axis)
    return _convolution(c, w, _Reads(tables, classes, True), groups, 0, format, shifts)


def _nothing(shape: tuple[int, ...], kind: np.dtype) -> Value:
    """The result without elements, or of sums without terms."""
    if kind == np.int16:
        return Quantized(one_exponent(BFP16_EXPONENTS[0]), np.zeros(shape, np.int16))
    return np.zeros(shape, kind)


def _stored(x: Any, form: str) -> np.dtype:
    """How results are stored."""
    if isinstance(x, Quantized) and form != "float32":
        return np.dtype(np.int16 if form == "bfp16" else np.float64)
    return np.dtype(np.int32 if not isinstance(x, Quantized) and x.dtype != np.float32 else np.float32)


def _convolution(
    x: Any, w: Any, reads: _Reads, groups: int, zero: int, form: str, shifts: Pair | None
) -> Value | Counted:
    shape = (x.shape[0], *map(len, reads.tables), w.shape[2] * groups if reads.adjoint else w.shape[3])
    if 0 in shape or 0 in w.shape:
        return _nothing(shape, _stored(x, form))
    depthwise = groups > 1 and w.shape[2] == 1 and w.shape[3] == groups
    ys, xs = reads.tables
    if isinstance(x, Quantized):
        return _mantissas(x, w, reads, groups, depthwise, form, shifts)
    x = np.ascontiguousarray(x)
    if depthwise and w.dtype == np.int8:
        return exact_sums(x, ys, xs, zero, w[:, :, 0], np.int32)
    if depthwise and w.shape[0] * w.shape[1] <= PIECE:
        return _counts(float_sums(x, ys, xs, w[:, :, 0]))
    fields, matrices = reads.fields(x, w, groups), reads.matrices(w, groups)
    if w.dtype == np.int8:
        return byte_convolution(fields, matrices, zero)
    return _counts(float_convolution(fields, matrices))


def _counts(product: tuple[np.ndarray, int, int]) -> Value | Counted:
    y, nonfinite, overflowed = product
    return counted(y, nonfinite=nonfinite, overflowed=overflowed)


def _mantissas(
    x: Quantized,
    w: Quantized,
    reads: _Reads,
    groups: int,
    depthwise: bool,
    form: str,
    shifts: Pair | None,
) -> Value | Counted:
    """The same for bfp16: exact sums of mantissas rounded to 13 bits."""
    shifts = shifts or (shift13(x.data), shift13(w.data))
    data, weights = short13(x.data, shifts[0]), round13(w.data, shifts[1])
    matrices = reads.matrices(weights, groups)
    assert x.scale is not None and w.scale is not None
    unit = w.scale * (float(x.scale) * 2.0 ** sum(shifts))
    by_column = np.broadcast_to(unit, (groups * matrices.shape[2],)).copy()
    if depthwise:
        sums = exact_sums(data, *reads.tables, 0, weights[:, :, 0], np.float64)
        return rounded(sums, by_column, form)
    fields = reads.fields(data, weights, groups)
    if form != "float32":
        sums, top = mantissa_sums(fields, matrices, by_column)
        return narrowed(sums, top) if form == "bfp16" else sums
    y, overflowed = mantissa_convolution(fields, matrices, by_column)
    return counted(y, overflowed=overflowed)


def run_conv2d_weight(
    x: Any,
    c: Any,
    *,
    kernel: Pair,
    stride: Pair,
    dilation: Pair,
    padding: tuple[int, ...],
    groups: int,
    format: str = "float32",
    shifts: Pair | None = None,
) -> Value | Counted:
    """The adjoint by w."""
    y_axis, x_axis = _axes(x.shape[1:3], kernel, c.shape[1:3], stride, dilation, padding)
    ys, xs = forward(*y_axis), forward(*x_axis)
    shape = (*kernel, x.shape[3] // groups, c.shape[3])
    if 0 in shape or 0 in c.shape:
        return _nothing(shape, _stored(x, format))
    depthwise = 1 < groups == x.shape[3] == c.shape[3]
    if isinstance(x, Quantized):
        shifts = shifts or (shift13(x.data), shift13(c.data))
        data, others = short13(x.data, shifts[0]), short13(c.data, shifts[1])
        assert x.scale is not None and c.scale is not None
        unit = float(x.scale) * float(c.scale) * 2.0 ** sum(shifts)
        by_column = np.full(c.shape[3], unit)
        if depthwise:
            return rounded(exact_taps(data, ys, xs, others)[:, :, None], by_column, format)
        return rounded(mantissa_correlation(Pixels(data, ys, xs, groups), others), by_column, format)
    x, c = np.ascontiguousarray(x), np.ascontiguousarray(c)
    if depthwise:
        y, nonfinite, overflowed = float_taps(x, ys, xs, c)
        return counted(y[:, :, None], nonfinite=nonfinite, overflowed=overflowed)
    return _counts(float_correlation(Pixels(x, ys, xs, groups), c))
