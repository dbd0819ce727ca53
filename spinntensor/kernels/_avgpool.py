"""What the average-pooling kernels share: twin, packing and cycle counts; a kernel's own file names its type."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.memory import ABOVE, BELOW
from spinntensor.abi.vector import AVGPOOL
from spinntensor.errors import RangeError
from spinntensor.kernels._mean import border_multiplier, check_scaled, mean_divisor, rounded, scale_divisor
from spinntensor.kernels._window import LANES, Windows, drawn, given_operands, windows
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.quantize import limits
from spinntensor.kernels.requantize_common import beyond

_ROUND = 4
_LANE = 257
"""Bytes that a 16-bit lane can add up."""


@njit(cache=True)
def _means(x, y, size, stride, top, left, whole, m, zero_in, zero_out, low, high):
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            r0, c0 = i * stride[0] - top, j * stride[1] - left
            r1, c1 = min(r0 + size[0], x.shape[0]), min(c0 + size[1], x.shape[1])
            r0, c0 = max(r0, 0), max(c0, 0)
            real, area = (r1 - r0) * (c1 - c0), size[0] * size[1]
            for c in range(y.shape[2]):
                total = 0
                for p in range(r0, r1):
                    for q in range(c0, c1):
                        total += x[p, q, c]
                if whole:
                    total += (area - real) * zero_in
                y[i, j, c] = rounded(total, area if whole else real, m, zero_in, zero_out, low, high)


def _counts(w: Windows) -> np.ndarray:
    """Pixels of the image under every window: shape of the output."""
    sides = []
    for axis in range(2):
        first = np.arange(w.out[axis]) * w.stride[axis] - w.border[axis]
        sides.append(np.minimum(first + w.size[axis], w.image[axis]) - np.maximum(first, 0))
    return sides[0][:, None] * sides[1][None, :]


def declare(name: str, dtype: type) -> Kernel:
    """The kernel `avgpool_<type>`.

    **Shape** x[H,W,C] -> y[OH,OW,C]. Operands: `x`, `window`, `stride` (rows, columns), `border` (top, left, bottom,
    right), `count_border` (ONNX count_include_pad: border pixels hold `zero_point` and count), `zero_point` of x,
    `multiplier` (None: y = rhe(sum / count), same scale as x; else m with y = clamp(zero_point_out +
    rhe((sum - n zero_point) m / 2**32)), n the window's size), `zero_point_out`.
    """
    info = np.iinfo(dtype)
    low, high = int(info.min), int(info.max)

    def placed(o: Operands) -> tuple[np.ndarray, Windows, int, int, int]:
        x = array(name, "x", o["x"], dtype, 3)
        w = windows(name, x, o["window"], o["stride"], o["border"])
        n = w.size[0] * w.size[1]
        if n > _LANE:
            mend = f"use global_{name} for a window over the whole image"
            raise RangeError(name, n * 255, _LANE * 255, mend)
        m = 0 if o["multiplier"] is None else word(name, "multiplier", o["multiplier"], 1, (1 << 31) - 1)
        if m and any(w.border) and not o["count_border"]:
            raise border_multiplier(name)
        check_scaled(name, n, m)
        zero, zero_out = (word(name, z, o[z], low, high) for z in ("zero_point", "zero_point_out"))
        return x, w, m, zero, zero_out

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        w, mode = drawn(shape, (shape["kh"], shape["kw"]), (shape["sh"], shape["sw"])), shape["mode"] % 3
        x = rng.integers(low, high + 1, w.image, dtype=dtype)
        if extreme:
            x = np.full(w.image, rng.choice([low, high]), dtype) if rng.integers(2) else x & 1
        scale = int(rng.integers(1, min((1 << 31) - 1, (1 << 34) // (w.size[0] * w.size[1]))))
        zero, zero_out = (int(z) for z in rng.integers(low, high + 1, 2))
        mean = {"count_border": mode != 1, "multiplier": scale if mode == 2 else None}
        return {**given_operands(w, x), **mean, "zero_point": zero, "zero_point_out": zero_out}

    def lower(operands: Operands) -> Call:
        """Pack x in whole words with its border, and the divisor of every window, or one for all."""
        x, w, m, zero, zero_out = placed(operands)
        n, whole, odd = w.size[0] * w.size[1], operands["count_border"], 0
        if m:
            divisor, odd = scale_divisor(n, m, zero - low, zero_out - low)
            divisors = np.array([divisor], np.uint32)
        elif whole or not any(w.border):
            divisors = np.array([mean_divisor(name, n)], np.uint32)
        else:
            divisors = np.array([mean_divisor(name, int(c)) for c in _counts(w).reshape(-1)], np.uint32)
        buffers = {
            "x": given(w.pack(x, zero if whole else low)),
            "y": room((*w.out, LANES * w.words), dtype),
            "divisors": given(divisors),
        }
        words = {"divisor_step": 16 if len(divisors) > 1 else 0, "odd": odd}
        return Call(buffers, {**w.frame(), **w.steps(), **words})

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.ascontiguousarray(outputs["y"][:, :, : operands["x"].shape[2]])

    def twin(operands: Operands) -> np.ndarray:
        """The rounded mean of every window."""
        x, w, m, zero, zero_out = placed(operands)
        y: np.ndarray = np.empty((*w.out, x.shape[2]), dtype)
        whole = bool(operands["count_border"])
        _means(x, y, w.size, w.stride, *w.border[:2], whole, m, zero, zero_out, low, high)
        return y

    def clamped(operands: Operands) -> tuple[int, int]:
        """Means that leave the range of bytes."""
        x, w, m, zero, zero_out = placed(operands)
        every = np.empty((*w.out, x.shape[2]), np.int64)
        whole = bool(operands["count_border"])
        _means(x, every, w.size, w.stride, *w.border[:2], whole, m, zero, zero_out, *limits(np.int64))
        return beyond(every, low, high, ABOVE | BELOW), 0

    def features(shape: Shape) -> tuple[float, ...]:
        """Loops from the outside in, rounds and bodies of the unrolled one."""
        w = drawn(shape, (shape["kh"], shape["kw"]), (shape["sh"], shape["sw"]))
        pixels, window = w.out[0] * w.out[1], w.merged
        walks = pixels * w.words * window[0]
        return (
            1,
            w.out[0],
            pixels,
            pixels * w.words,
            walks,
            walks * -(-window[1] // _ROUND),
            walks * window[1],
        )

    def work(shape: Shape) -> Work:
        """A load and three or four operations per window word; a division and a quarter of a store per output."""
        w = drawn(shape, (shape["kh"], shape["kw"]), (shape["sh"], shape["sw"]))
        taps, count, signed = w.size[0] * w.size[1], w.out[0] * w.out[1], int(low < 0)
        return Work(0, count * shape["c"], count * w.words * (taps * (4 + signed) + 53 + signed))

    dims = {
        "rows": (1, 4),
        "columns": (1, 4),
        "c": (1, 12),
        "kh": (1, 4),
        "kw": (1, 5),
        "sh": (1, 3),
        "sw": (1, 3),
    }
    dims |= {"border": (0, 2), "spare": (0, 1), "mode": (0, 2)}
    bench = tuple(
        {"rows": r, "columns": r, "c": c, "kh": k, "kw": k, "sh": s, "sw": s, "border": b, "mode": int(b > 0)}
        for r, c, k, s, b in ((7, 64, 2, 2, 0), (8, 64, 3, 1, 1), (1, 512, 7, 1, 0))
    )
    return Kernel(name, AVGPOOL, dims, sample, lower, result, twin, features, work, bench, clamped)
