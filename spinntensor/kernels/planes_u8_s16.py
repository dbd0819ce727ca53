"""Bytes, pixel by pixel, to int16 planes with a border: what the depthwise kernels read.

int8 goes through as x + 128, as in `im2col_u8_outer_u8`: the planes hold 0..255, and 128 times the sum of a channel's
weights belongs into its bias. The zero point is not taken off; the border holds it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.conv import PLANES
from spinntensor.errors import OperandError
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.quantize import limits

NAME = "planes_u8_s16"
LANES, UNROLL, FILL = 4, 4, 32
OFFSET = 128
"""What is added to int8."""
Image = tuple[int, int, int]
"""Rows, columns, channels."""
Border = tuple[int, int, int, int]
"""Rows and columns at the top, left, bottom, right."""


def pitch_of(columns: int) -> int:
    """Columns of a plane in whole words."""
    return -(-columns // 2) * 2


def checked(operands: Operands) -> tuple[np.ndarray, int, Border]:
    """x, its zero point and the border; OperandError."""
    x = operands["x"]
    signed = isinstance(x, np.ndarray) and x.dtype == np.int8
    x = array(NAME, "x", x, np.int8 if signed else np.uint8, 3)
    if x.shape[2] % LANES:
        mend = "pad the channels to whole words"
        raise OperandError(NAME, "x", f"{x.shape[2]} channels", "a multiple of 4", mend)
    border = operands.get("border", (0, 0, 0, 0))
    top, left, bottom, right = (word(NAME, f"border[{i}]", border[i], 0, 255) for i in range(4))
    return x, word(NAME, "zero", operands["zero"], *limits(x.dtype)), (top, left, bottom, right)


def words_of(image: Image, zero: int, border: Border, signed: bool, pixel: int = 0) -> dict[str, int]:
    """The record's words for channels of an image [rows, columns, `pixel`] without gaps; 0: all of its channels."""
    (rows, columns, channels), (top, left, bottom, right) = image, border
    pixel = pixel or channels
    pitch, height = pitch_of(left + columns + right), top + rows + bottom
    value = zero + OFFSET if signed else zero
    return {
        "corner": 2 * (top * pitch + left),
        "rows": rows,
        "columns": columns,
        "words": channels // LANES,
        "x_pixel": pixel,
        "x_row": columns * pixel,
        "y_row": 2 * pitch,
        "y_plane": 2 * pitch * height,
        "fill": channels * height * pitch // 2 if any(border) or columns % 2 else 0,
        "border": value | value << 16,
        "flip": 0x80808080 if signed else 0,
    }


def lower(operands: Operands) -> Call:
    """x, uint8 or int8 [H,W,C], C a multiple of 4; `border` (top, left, bottom, right) pixels around it hold `zero`.

    y int16 [C, H + top + bottom, W + left + right], rows in whole words; a column that only fills up a word holds
    `zero` as well.
    """
    x, zero, border = checked(operands)
    words = words_of((x.shape[0], x.shape[1], x.shape[2]), zero, border, x.dtype == np.int8)
    size = x.shape[2], words["y_plane"] // words["y_row"], words["y_row"] // 2
    return Call({"x": given(x.view(np.uint8)), "y": room(size, np.int16)}, words)


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The planes without the columns that only fill up words."""
    _, columns, _ = operands["x"].shape
    _, left, _, right = operands.get("border", (0, 0, 0, 0))
    return outputs["y"][:, :, : left + columns + right]


@njit(cache=True)
def _spread(x: np.ndarray, flip: int, top: int, left: int, y: np.ndarray) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            for c in range(x.shape[2]):
                y[c, top + i, left + j] = x[i, j, c] ^ flip


def twin(operands: Operands) -> np.ndarray:
    """y int16 [C, H + top + bottom, W + left + right]."""
    x, zero, (top, left, bottom, right) = checked(operands)
    rows, columns, channels = x.shape
    signed = x.dtype == np.int8
    y = np.full(
        (channels, top + rows + bottom, left + columns + right), zero + OFFSET * int(signed), np.int16
    )
    _spread(x.view(np.uint8), OFFSET if signed else 0, top, left, y)
    return y


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    dtype = np.int8 if shape["signed"] else np.uint8
    low, high = limits(dtype)
    size = shape["rows"], shape["columns"], LANES * shape["words"]
    x = rng.integers(low, high, size, dtype, endpoint=True)
    if extreme:
        x = rng.choice(np.array([low, high], dtype), size)
    return {"x": x, "zero": int(rng.integers(low, high, endpoint=True)), "border": border_of(shape)}


def border_of(shape: Shape) -> Border:
    """The border that a shape names, 0 where it does not."""
    return shape.get("top", 0), shape.get("left", 0), shape.get("bottom", 0), shape.get("right", 0)


def features(shape: Shape) -> tuple[float, ...]:
    """Call; fill, its rounds, its words; rows; per row and four channels: all, single pixels, pairs, loops, rounds."""
    border = border_of(shape)
    size = shape["rows"], shape["columns"], LANES * shape["words"]
    fill = words_of(size, 0, border, False)["fill"]
    lead = border[1] % 2
    pairs, tail = divmod(shape["columns"] - lead, 2)
    groups = shape["rows"] * shape["words"]
    rounds = -(-pairs // UNROLL)
    counts = (groups, groups * lead, groups * tail, groups * pairs, groups * (pairs > 0), groups * rounds)
    return (1, fill > 0, -(-fill // FILL), fill, shape["rows"], *counts)


def work(shape: Shape) -> Work:
    """15 cycles for eight elements, four channels of two pixels: 2 loads, 9 logical, 4 stores."""
    elements = shape["rows"] * shape["columns"] * LANES * shape["words"]
    return Work(0, elements, elements * 15 / 8)


def _dims(rows: int, columns: int, words: int, **more: int) -> Shape:
    return {"rows": rows, "columns": columns, "words": words, **more}


_SAME = {"top": 1, "left": 1, "bottom": 1, "right": 1}

KERNEL = Kernel(
    name=NAME,
    args=PLANES,
    dims={
        **{"rows": (1, 5), "columns": (1, 14), "words": (1, 3)},
        **dict.fromkeys(("top", "left", "bottom", "right"), (0, 2)),
        "signed": (0, 1),
    },
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=(
        _dims(14, 14, 8, signed=0, **_SAME),
        _dims(30, 30, 2, signed=0),
        _dims(7, 7, 16, signed=0, **_SAME),
    ),
)
