"""Windows that slide over an NHWC image: geometry, checks and the packing that all pooling kernels share.

The core sees pixels of whole words (four channels, the last ones filled up) and the border as part of the image, so
that no loop asks where it is. Nothing here knows what is computed from a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.kernels.check import word
from spinntensor.kernels.kernel import Operands, Shape

LANES = 4


@dataclass(frozen=True)
class Windows:
    """Where the windows of one call lie; sizes in pixels.

    Parameters
    ----------
    size, stride : (rows, columns) of a window, and from window to window.
    border : (top, left, bottom, right) pixels around the image.
    image : (rows, columns, channels) without the border.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    border: tuple[int, int, int, int]
    image: tuple[int, int, int]

    @property
    def padded(self) -> tuple[int, int]:
        """Rows and columns of the image with its border."""
        top, left, bottom, right = self.border
        return self.image[0] + top + bottom, self.image[1] + left + right

    @property
    def out(self) -> tuple[int, int]:
        """Rows and columns of windows; windows that would leave the border are not counted (floor)."""
        (height, width), (rows, columns) = self.padded, self.size
        return (height - rows) // self.stride[0] + 1, (width - columns) // self.stride[1] + 1

    @property
    def words(self) -> int:
        """Words of a pixel."""
        return -(-self.image[2] // LANES)

    @property
    def merged(self) -> tuple[int, int]:
        """Rows and columns of a window as the core walks it: one long row where its rows follow each other."""
        rows, columns = self.size
        return (1, rows * columns) if columns == self.padded[1] else self.size

    def pack(self, x: np.ndarray, fill: int) -> np.ndarray:
        """The image in whole words: shape (rows, columns, 4 * words), `fill` in the border and behind the channels."""
        (height, width), (rows, columns, channels) = self.padded, self.image
        top, left = self.border[:2]
        packed = np.full((height, width, LANES * self.words), fill, x.dtype)
        packed[top : top + rows, left : left + columns, :channels] = x
        return packed

    def frame(self) -> dict[str, int]:
        """Fields of every pooling record."""
        rows, columns = self.out
        pitch = self.padded[1] * LANES * self.words
        return {"rows": rows, "columns": columns, "words": self.words, "pitch": pitch}

    def steps(self) -> dict[str, int]:
        """Fields of the records for any window."""
        pitch, pixel = self.frame()["pitch"], LANES * self.words
        rows, columns = self.merged
        return {
            "window_rows": rows,
            "window_columns": columns,
            "step_row": self.stride[0] * pitch,
            "step_column": self.stride[1] * pixel,
        }


def _sizes(kernel: str, name: str, value: Any, count: int, low: int) -> tuple[int, ...]:
    if not isinstance(value, tuple | list) or len(value) != count:
        raise OperandError(kernel, name, f"{value!r}", f"{count} integers", f"give {name} as a tuple")
    return tuple(word(kernel, name, v, low, 1 << 15) for v in value)


def windows(kernel: str, x: np.ndarray, size: Any, stride: Any, border: Any) -> Windows:
    """The windows on x[H,W,C]; OperandError when a window cannot be placed or may see nothing but border."""
    size, stride = _sizes(kernel, "window", size, 2, 1), _sizes(kernel, "stride", stride, 2, 1)
    border = _sizes(kernel, "border", border, 4, 0)
    w = Windows(size, stride, border, x.shape)
    if any(border[i] >= size[i % 2] for i in range(4)):
        raise OperandError(kernel, "border", f"{border}", f"less than the window {size}", "cut the border")
    if any(n < k for n, k in zip(w.padded, size, strict=True)):
        raise OperandError(
            kernel, "window", f"{size}", f"at most the bordered image {w.padded}", "shrink the window"
        )
    return w


def drawn(shape: Shape, size: tuple[int, int], stride: tuple[int, int]) -> Windows:
    """The windows that a test or a benchmark means by its sizes.

    Sizes are `rows` and `columns` of windows, `c` channels, `border` pixels on every side as far as they fit, and
    `spare` rows and columns of the image that no window reaches.
    """
    spare, wanted = shape.get("spare", 0), shape.get("border", 0)
    counts = (shape["rows"], shape["columns"])
    padded = [(n - 1) * s + k + min(spare, s - 1) for n, k, s in zip(counts, size, stride, strict=True)]
    before = [min(wanted, k - 1, n - 1) for k, n in zip(size, padded, strict=True)]
    after = [min(wanted, k - 1, n - 1 - b) for k, n, b in zip(size, padded, before, strict=True)]
    image = (padded[0] - before[0] - after[0], padded[1] - before[1] - after[1], shape["c"])
    return Windows(size, stride, (before[0], before[1], after[0], after[1]), image)


def given_operands(w: Windows, x: np.ndarray) -> Operands:
    """Operands for a kernel of any window."""
    return {"x": x, "window": w.size, "stride": w.stride, "border": w.border}
