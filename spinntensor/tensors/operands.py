"""What users hand over - tensors, arrays, numbers - as tensors of a definite format, by one documented rule.

On its own, a value becomes: float64 and float16 float32 (rounded to nearest even); every integer type but int8 and
uint8 int32, if it fits; bool, int8, uint8, int32 and float32 themselves. Beside a tensor, a number or an array takes
the tensor's format if nothing but the rounding of a float is lost. int32 beside int64 becomes int64, an index. Other
tensors of different formats have no common format: converting one is the user's word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.errors import PlaceError, ShapeError
from spinntensor.formats import Quantized
from spinntensor.formats.description import Bfp16, Float32, Int8
from spinntensor.graph.builder import caller
from spinntensor.graph.graph import TensorType
from spinntensor.kernels._f32 import canonical
from spinntensor.ops.operation import DTYPES
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.expression import filled, leaf

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

__all__ = ["tensor"]

EXACT = 1 << 24
"""All integers up to this magnitude are float32 numbers."""
BEYOND = 2.0**128 - 2.0**103
"""From here on numbers are rounded to the infinity of float32."""


def refuse(op: str, received: Any, expected: str, mend: str) -> ShapeError:
    """A ShapeError at the user's line, to be raised."""
    return ShapeError(op, str(received), expected, mend, caller())


def no_such_place(op: str, received: str, expected: str, mend: str) -> PlaceError:
    """A PlaceError at the user's line, to be raised for an index out of range."""
    return PlaceError(op, received, expected, mend, caller())


def tensor(value: Any, format: str | None = None) -> Tensor:
    """A tensor that holds a copy of `value`.

    Parameters
    ----------
    value : tensor, `Quantized`, array, number or nested sequence of numbers.
    format : `float32`, `int32`, `int8`, `uint8`, `int64` or `bool`; None takes the rule of this module.

    Raises ShapeError when a number does not fit the format, or there is no format for its type.
    """
    if isinstance(value, Base):
        if format is None or format == value.format:
            return value  # type: ignore[return-value]  # every Base that users hold is a Tensor
        return apply("convert", value, format=format)
    if isinstance(value, Quantized) and format is None:
        return _quantized(value)
    array = _array("tensor", value)
    form = format or _own_format("tensor", array)
    return Base.result(leaf(_stored("tensor", array, form), form))


def operand(op: str, value: Any, like: Base) -> Tensor:
    """`value` beside the tensor `like`, in its format; a number becomes a tensor of shape ()."""
    if isinstance(value, Base):
        return value  # type: ignore[return-value]  # every Base that users hold is a Tensor
    if type(value) in (int, float) and like.format == "float32":  # the common case, quickly
        number = float32(op, value)
        return apply("fill", shape=(), format="float32", value=number)
    array = _array(op, value)
    if like.grid is not None or like.format not in DTYPES:
        raise refuse(
            op,
            f"{_words(array)} beside {like.node.type}",
            "a tensor in the same quantised format",
            "st.quantize it, or st.dequantize the other",
        )
    stored = _stored(op, array, like.format)
    if stored.ndim == 0:
        return apply("fill", shape=(), format=like.format, value=stored.item())
    return Base.result(leaf(stored, like.format))


def operands(op: str, *values: Any) -> tuple[Tensor, ...]:
    """All values in one format, that of the first tensor among them; shapes are left alone."""
    first = next((v for v in values if isinstance(v, Base)), None)
    if first is None:
        first = max((tensor(v) for v in values), key=lambda t: list(DTYPES).index(t.format) == 0)
    found = tuple([operand(op, v, first) for v in values])
    formats = {x.format for x in found}
    if formats == {"int32", "int64"} and all(x.grid is None for x in found):
        return tuple([tensor(x, "int64") for x in found])  # an index: nothing is lost
    if len(formats) > 1:
        raise refuse(
            op,
            " and ".join(str(x.node.type) for x in found),
            "one format",
            "convert one of them with astype, st.quantize or st.dequantize",
        )
    return found


def broadcast(op: str, *values: Base) -> tuple[Tensor, ...]:
    """The operands in one shape by NumPy's rule: sizes are equal, or 1, counted from the last axis."""
    shapes = [v.shape for v in values]
    if len(set(shapes)) == 1:
        return values  # type: ignore[return-value]  # every Base that users hold is a Tensor
    shape = broadcast_shape(op, *shapes)
    return tuple(stretched(v, shape) for v in values)


def broadcast_shape(op: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape of several; ShapeError when two sizes differ and neither is 1."""
    rank = max(map(len, shapes))
    sizes = [1] * rank
    for shape in shapes:
        for axis, size in enumerate(shape, rank - len(shape)):
            if size != sizes[axis] and size != 1:
                if sizes[axis] != 1:
                    raise refuse(
                        op,
                        " and ".join(map(str, shapes)),
                        f"equal sizes, or 1, on axis {axis - rank} (it has {sizes[axis]} and {size})",
                        "reshape one of them",
                    )
                sizes[axis] = size
    return tuple(sizes)


def stretched(x: Base, shape: tuple[int, ...]) -> Tensor:
    """`x` repeated to `shape`."""
    if x.shape == shape:
        return x  # type: ignore[return-value]  # every Base that users hold is a Tensor
    if x.node.op == "fill":
        value: Any = dict(x.node.attributes)["value"]
        return Base.result(filled(TensorType(shape, x.format), value, x.node.source))
    return apply("broadcast_to", x, shape=shape)


def float32(op: str, value: float) -> float:
    """A Python number as float32 holds it; ShapeError for one beyond its range, and for an integer it must round."""
    if -BEYOND < value < BEYOND:
        number = float(np.float32(value))
        if type(value) is int and number != value:
            raise refuse(op, f"{value!r}", "an integer that float32 holds", "round it with float(...)")
        return number
    if value != value:
        return float("nan")  # one pattern, whatever its bits were
    if value in (float("inf"), -float("inf")):
        return value
    raise refuse(op, f"{value!r}", "a number within float32's range, about 3.4e38", "scale it down")


def one_axis(op: str, axis: Any, ndim: int) -> int:
    """`axis` counted from the front; ShapeError when there is no such axis."""
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer) or not -ndim <= axis < ndim:
        has = f"an axis from {-ndim} to {ndim - 1}" if ndim else "none: the tensor has no axes"
        raise refuse(op, f"axis {axis!r}", has, "choose an axis of the tensor")
    return int(axis) % ndim


def all_axes(op: str, axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Rising axes counted from the front: all of them for None; ShapeError for one that is named twice."""
    if axis is None:
        return tuple(range(ndim))
    found = [one_axis(op, a, ndim) for a in (axis if isinstance(axis, tuple | list) else (axis,))]
    if len(set(found)) < len(found):
        raise refuse(op, f"axis {axis!r}", "each axis once", "leave the repeated one out")
    return tuple(sorted(found))


def _quantized(value: Quantized) -> Tensor:
    form = value.format
    if isinstance(form, Bfp16):
        name = "bfp16" if form.axis is None else f"bfp16(axis={form.axis % value.data.ndim})"
        return Base.result(leaf(value, name))
    data = np.array(value.data, order="C")
    data.flags.writeable = False
    if isinstance(form, Float32):
        return Base.result(leaf(data, "float32"))
    name = str(data.dtype) if isinstance(form, Int8) else "int32"
    return Base.result(leaf(data, name), value.grid)


def _array(op: str, value: Any) -> np.ndarray:
    if isinstance(value, list | tuple) and any(isinstance(v, Base) for v in value):
        raise refuse(
            op, "a sequence that holds tensors", "one tensor, array or nested numbers", "st.stack them"
        )
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise refuse(
            op,
            f"{type(value).__name__} ({error})",
            "numbers in a regular shape",
            "make its rows equally long",
        ) from None
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise refuse(
            op,
            _words(array),
            "booleans, integers or floats of at most 64 bits",
            "convert it with NumPy first",
        )
    return array


def _own_format(op: str, array: np.ndarray) -> str:
    if array.dtype.kind == "f":
        return "float32"
    name = str(array.dtype)
    return name if name in ("bool", "int8", "uint8") else "int32"


def _words(array: np.ndarray) -> str:
    return f"{array.dtype} of shape {array.shape}" if array.ndim else f"{array.dtype} {array!s}"


def _stored(op: str, array: np.ndarray, form: str) -> np.ndarray:
    """A closed copy of `array` in `form`."""
    if form not in DTYPES:
        raise refuse(op, f"format {form!r}", f"one of {', '.join(DTYPES)}", "or st.quantize a float32 tensor")
    dtype, kind = DTYPES[form], array.dtype.kind
    if form == "float32":
        out = _to_float32(op, array)
    elif (kind == "b") != (form == "bool") or kind == "f":
        raise refuse(op, _words(array), f"values of format {form}", "convert it with NumPy's astype first")
    else:
        if array.size and form != "bool":
            info = np.iinfo(dtype)
            low, high = int(array.min()), int(array.max())
            if low < info.min or high > info.max:
                raise refuse(
                    op,
                    f"{array.dtype} values from {low} to {high}",
                    f"{form}: {info.min} to {info.max}",
                    "scale them, or choose another format",
                )
        out = np.array(array, dtype, order="C")
    out.flags.writeable = False
    return out


def _to_float32(op: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "b":
        raise refuse(op, _words(array), "numbers", "convert it with NumPy's astype first")
    if array.dtype.kind in "iu":
        if array.size and max(-int(array.min()), int(array.max())) > EXACT:
            raise refuse(
                op, f"integers beyond {EXACT}", "integers that float32 holds", "round them with astype(float)"
            )
        return np.array(array, np.float32, order="C")
    with np.errstate(over="ignore", invalid="ignore"):
        out = np.array(array, np.float32, order="C")
    if array.dtype.itemsize > 4 and not np.array_equal(np.isinf(out), np.isinf(array)):
        raise refuse(
            op,
            f"float64 values up to {np.abs(array[np.isfinite(array)]).max():.3g}",
            "numbers within float32's range, about 3.4e38",
            "scale them down",
        )
    return canonical(out)
