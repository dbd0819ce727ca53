"""Number formats as frozen descriptions, the grid of one tensor, and the value that lies on a grid.

A format says how a tensor's numbers are stored; a grid adds the constants of one tensor: an integer q stands for
(q - zero point) * scale. Bfp16 has a power of two as its scale. Nothing here computes on data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinntensor.errors import OperandError

BFP16_EXPONENTS = (-125, 97)
"""Exponents of Bfp16: between them every mantissa is zero or a normal float32, and no shift of a kernel wraps."""
SCALES = (2.0**-126, 2.0**127)
"""Scales of integer formats, ends included: there quotients and products of a float32 never underflow float64."""


@dataclass(frozen=True)
class Float32:
    """IEEE 754 single precision; its grid has no constants."""

    axis: None = None


@dataclass(frozen=True)
class Bfp16:
    """Block floating point: int16 mantissas q with one exponent e in -125..97, value = q * 2**e.

    axis : None for one exponent per tensor (activations, gradients), else the axis that has one for each index
        (weights: output channels).
    """

    axis: int | None = None


@dataclass(frozen=True)
class Int8:
    """8-bit integers: value = (q - zero point) * scale.

    symmetric : zero point 0 and -127 <= q <= 127 (weights); else q takes the whole range of its type.
    axis : None for one scale and zero point per tensor, else the axis that has one for each index.
    unsigned : uint8, never symmetric.
    """

    symmetric: bool = False
    axis: int | None = None
    unsigned: bool = False

    def __post_init__(self) -> None:
        if self.symmetric and self.unsigned:
            raise OperandError("Int8", "unsigned", "symmetric and unsigned", "one of them", "leave one out")


@dataclass(frozen=True)
class Int32:
    """32-bit integers with a scale, zero point 0: biases and sums of integer products."""

    axis: int | None = None


Format = Float32 | Bfp16 | Int8 | Int32


def storage(format: Format) -> np.dtype:
    """The type in which a tensor of this format is stored."""
    if isinstance(format, Int8):
        return np.dtype(np.uint8 if format.unsigned else np.int8)
    return np.dtype({Float32: np.float32, Bfp16: np.int16, Int32: np.int32}[type(format)])


def limits(format: Format) -> tuple[int, int]:
    """Lowest and highest integer of an integer format or Bfp16; OperandError for Float32, which has none."""
    if isinstance(format, Float32):
        raise OperandError(
            "limits", "format", "Float32", "Bfp16, Int8 or Int32", "choose a format of integers"
        )
    if isinstance(format, Int8) and format.symmetric:
        return -127, 127
    info = np.iinfo(storage(format))
    return int(info.min), int(info.max)


def is_symmetric(format: Format) -> bool:
    """Whether the zero point is always 0."""
    return not (isinstance(format, Int8) and not format.symmetric)


@dataclass(frozen=True, eq=False)
class Grid:
    """The numbers that a tensor of one format can hold: (q - zero_point) * scale for every integer q in range.

    Parameters
    ----------
    format : the description.
    scale : float64, shape () or, with `format.axis`, (size of that axis,); None for Float32.
    zero_point : int32 of the same shape; None for Float32.

    OperandError when a scale is outside 2**-126..2**127, is no power of two that Bfp16 can hold, or a zero point
    is out of range. `grid` and `bfp16_grid` convert plain numbers.
    """

    format: Format
    scale: np.ndarray | None = None
    zero_point: np.ndarray | None = None

    def __post_init__(self) -> None:
        _check(self)

    @property
    def exponent(self) -> np.ndarray:
        """e of scale = 2**e, int32; for Bfp16, OperandError for other formats."""
        if not isinstance(self.format, Bfp16):
            raise OperandError("Grid", "exponent", f"{self.format}", "Bfp16", "read scale instead")
        assert self.scale is not None
        return np.asarray(np.frexp(self.scale)[1] - 1, np.int32)


@dataclass(frozen=True, eq=False)
class Quantized:
    """A tensor in some format: stored integers (float32 for Float32) and the grid they lie on."""

    grid: Grid
    data: np.ndarray

    def __post_init__(self) -> None:
        if not isinstance(self.data, np.ndarray) or self.data.dtype != storage(self.format):
            got = getattr(self.data, "dtype", type(self.data).__name__)
            raise OperandError(
                "Quantized", "data", got, f"{storage(self.format)}", "convert it, or use quantize"
            )
        spread("Quantized", self.grid, self.data)

    @property
    def format(self) -> Format:
        return self.grid.format

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def scale(self) -> np.ndarray | None:
        return self.grid.scale

    @property
    def exponent(self) -> np.ndarray:
        return self.grid.exponent

    @property
    def zero_point(self) -> np.ndarray | None:
        return self.grid.zero_point


def grid(format: Format, scale: object = None, zero_point: object = 0) -> Grid:
    """The grid of plain numbers or arrays; Float32 takes none. A zero point is repeated for every scale."""
    if isinstance(format, Float32):
        return Grid(format)
    scales = np.array(scale, np.float64)
    return Grid(format, scales, np.array(np.broadcast_to(np.array(zero_point, np.int32), scales.shape)))


def bfp16_grid(exponent: object, axis: int | None = None) -> Grid:
    """The grid of Bfp16 mantissas with this exponent, or one for each index of `axis`."""
    e = np.array(exponent)
    low, high = BFP16_EXPONENTS
    if e.dtype.kind not in "iu" or e.size == 0 or e.min() < low or e.max() > high:
        raise OperandError(
            "bfp16_grid", "exponent", f"{exponent}", f"integers from {low} to {high}", "rescale the tensor"
        )
    return grid(Bfp16(axis), np.ldexp(1.0, e.astype(np.int32)))


def axis_of(name: str, format: Format, x: np.ndarray) -> int | None:
    """`format.axis` counted from the front, or None; OperandError when `x` has no such axis."""
    if format.axis is None:
        return None
    if not -x.ndim <= format.axis < x.ndim:
        expected = f"an axis from {-x.ndim} to {x.ndim - 1}"
        raise OperandError(
            name, "axis", f"{format.axis}", expected, f"x has shape {x.shape}: choose one of its axes"
        )
    return format.axis % x.ndim


def spread(name: str, grid: Grid, x: np.ndarray) -> int | None:
    """`axis_of`, after checking that `x` has one scale for each of its indices; OperandError."""
    axis = axis_of(name, grid.format, x)
    if axis is not None and grid.scale is not None and x.shape[axis] != grid.scale.size:
        raise OperandError(
            name,
            "x",
            f"shape {x.shape}",
            f"size {grid.scale.size} on axis {axis}",
            "use the grid that was made for this tensor",
        )
    return axis


def _check(g: Grid) -> None:
    if isinstance(g.format, Float32):
        if g.scale is not None or g.zero_point is not None:
            raise OperandError("Grid", "scale", "a scale or zero point", "none", "Float32 has no constants")
        return
    ndim = 0 if g.format.axis is None else 1
    for name, value, dtype in (("scale", g.scale, np.float64), ("zero_point", g.zero_point, np.int32)):
        if not isinstance(value, np.ndarray) or value.dtype != dtype:
            got = getattr(value, "dtype", type(value).__name__)
            raise OperandError("Grid", name, got, f"a {np.dtype(dtype)} array", "make it with grid()")
        if value.ndim != ndim or value.size == 0:
            wanted = "one number" if ndim == 0 else "one number for each index of the axis"
            raise OperandError("Grid", name, f"shape {value.shape}", wanted, "set the format's axis to match")
    assert g.scale is not None and g.zero_point is not None
    if g.scale.shape != g.zero_point.shape:
        raise OperandError(
            "Grid", "zero_point", f"shape {g.zero_point.shape}", f"{g.scale.shape}", "make them agree"
        )
    low, high = SCALES
    ends: tuple[float, float] = (low, high)
    if isinstance(g.format, Bfp16):
        ends = (2.0 ** BFP16_EXPONENTS[0], 2.0 ** BFP16_EXPONENTS[1])
        if not np.all(np.frexp(g.scale)[0] == 0.5):
            raise OperandError("Grid", "scale", f"{g.scale}", "powers of two", "make it with bfp16_grid()")
    if not np.all((g.scale >= ends[0]) & (g.scale <= ends[1])):
        raise OperandError(
            "Grid", "scale", f"{g.scale}", f"{ends[0]:.3g} to {ends[1]:.3g}", "rescale the tensor"
        )
    z = (0, 0) if is_symmetric(g.format) else limits(g.format)
    if g.zero_point.min() < z[0] or g.zero_point.max() > z[1]:
        raise OperandError(
            "Grid", "zero_point", f"{g.zero_point}", f"{z[0]} to {z[1]}", "choose it in that range"
        )
