"""What the maximum-pooling kernels share: twin, packing and cycle counts; a kernel's own file names type and window."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi import Struct
from spinntensor.abi.vector import MAXPOOL, POOL_BLOCK
from spinntensor.errors import OperandError
from spinntensor.kernels._window import LANES, Windows, drawn, given_operands, windows
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

_ROUND = 4
"""Window pixels, or 3x3 windows, of one round of the unrolled loop; 2x2 unrolls 8 words."""

_MAX_CYCLES = {"u8": 8, "s8": 9, "u7": 6}


@njit(cache=True)
def _maxima(x: np.ndarray, y: np.ndarray, size, stride, top: int, left: int) -> None:
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            first_row, first_column = i * stride[0] - top, j * stride[1] - left
            for c in range(y.shape[2]):
                best = x.dtype.type(0)
                seen = False
                for p in range(max(first_row, 0), min(first_row + size[0], x.shape[0])):
                    for q in range(max(first_column, 0), min(first_column + size[1], x.shape[1])):
                        if not seen or x[p, q, c] > best:
                            best, seen = x[p, q, c], True
                y[i, j, c] = best


def declare(name: str, size: tuple[int, int] | None = None, stride: tuple[int, int] | None = None) -> Kernel:
    """The kernel `maxpool_<type>...`; `size` and `stride` where the code is made for one window only.

    **Shape** x[H,W,C] -> y[OH,OW,C] with OH = (H + top + bottom - rows) // stride + 1, likewise OW. Operands: `x`
    (uint8, int8; u7 means uint8 below 128), `border` (top, left, bottom, right; a border pixel never is the maximum)
    and, without a fixed window, `window` and `stride` as (rows, columns).
    """
    kind = name.split("_")[1]
    dtype = np.dtype(np.int8 if kind == "s8" else np.uint8)
    low, high = (0, 127) if kind == "u7" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    args: Struct = POOL_BLOCK if size else MAXPOOL

    def placed(operands: Operands) -> tuple[np.ndarray, Windows]:
        x = array(name, "x", operands["x"], dtype, 3)
        if int(x.max()) > high:
            mend = f"use {name.replace('u7', 'u8')}"
            raise OperandError(name, "x", f"values up to {x.max()}", f"values up to {high}", mend)
        if size is not None:
            return x, windows(name, x, size, stride, operands["border"])
        return x, windows(name, x, operands["window"], operands["stride"], operands["border"])

    def meant(shape: Shape) -> Windows:
        if size is not None and stride is not None:
            return drawn(shape, size, stride)
        return drawn(shape, (shape["kh"], shape["kw"]), (shape["sh"], shape["sw"]))

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        w = meant(shape)
        x = rng.integers(low, high + 1, w.image, dtype=dtype)
        if extreme:
            x = rng.choice(np.array([low, low + 1, high - 1, high], dtype), size=w.image)
        return given_operands(w, x) if size is None else {"x": x, "border": w.border}

    def lower(operands: Operands) -> Call:
        """Pack x in whole words, its border filled with the least value."""
        x, w = placed(operands)
        buffers = {"x": given(w.pack(x, low)), "y": room((*w.out, LANES * w.words), dtype)}
        return Call(buffers, {**w.frame(), **({} if size else w.steps())})

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.ascontiguousarray(outputs["y"][:, :, : operands["x"].shape[2]])

    def twin(operands: Operands) -> np.ndarray:
        """The maximum over the pixels of the image that each window covers."""
        x, w = placed(operands)
        y = np.empty((*w.out, x.shape[2]), dtype)
        _maxima(x, y, w.size, w.stride, *w.border[:2])
        return y

    def features(shape: Shape) -> tuple[float, ...]:
        """Loops from the outside in, rounds and bodies of the unrolled one."""
        w = meant(shape)
        rows, columns = w.out
        pixels = rows * columns
        if size is None:
            window = w.merged
            walks = pixels * w.words * window[0]
            return (
                1,
                rows,
                pixels,
                pixels * w.words,
                walks,
                walks * -(-window[1] // _ROUND),
                walks * window[1],
            )
        if size == (2, 2):
            return 1, rows, pixels, pixels * -(-w.words // 8), pixels * w.words
        return 1, rows, rows * w.words, rows * w.words * -(-columns // _ROUND), pixels * w.words

    def work(shape: Shape) -> Work:
        w = meant(shape)
        cycles, taps = _MAX_CYCLES[kind], w.size[0] * w.size[1]
        if size is None:
            per_word = taps * (1 + cycles) + 1
        else:
            per_word = 7 + 6 * cycles if size == (3, 3) else 5 + 3 * cycles
        count = w.out[0] * w.out[1] * w.words
        return Work(0, w.out[0] * w.out[1] * shape["c"], count * per_word)

    frame = {"rows": (1, 5), "columns": (1, 9), "c": (1, 40), "border": (0, 2), "spare": (0, 1)}
    window = {} if size else {"kh": (1, 4), "kw": (1, 5), "sh": (1, 3), "sw": (1, 3)}
    if not size:
        frame |= {"rows": (1, 4), "columns": (1, 4), "c": (1, 12)}
    return Kernel(name, args, frame | window, sample, lower, result, twin, features, work, _bench(size))


def _bench(size: tuple[int, int] | None) -> tuple[Shape, ...]:
    if size == (2, 2):
        return {"rows": 12, "columns": 12, "c": 64}, {"rows": 7, "columns": 7, "c": 128}
    if size == (3, 3):
        return {"rows": 4, "columns": 28, "c": 64, "border": 1}, {
            "rows": 7,
            "columns": 56,
            "c": 16,
            "border": 1,
        }
    image = {"rows": 1, "columns": 1, "c": 512, "kh": 7, "kw": 7, "sh": 1, "sw": 1}
    return {"rows": 6, "columns": 6, "c": 64, "kh": 5, "kw": 5, "sh": 1, "sw": 1}, image
