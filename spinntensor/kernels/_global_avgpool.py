"""What the kernels for the mean of a whole image share; a kernel's own file names its type."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.memory import ABOVE, BELOW
from spinntensor.abi.vector import GLOBAL_AVGPOOL
from spinntensor.kernels._mean import check_scaled, mean_divisor, rounded, scale_divisor
from spinntensor.kernels._window import LANES
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.quantize import limits
from spinntensor.kernels.requantize_common import beyond

_ROUND, _RUN = 8, 256


@njit(cache=True)
def _means(x, y, m, zero_in, zero_out, low, high):
    pixels = x.shape[0] * x.shape[1]
    for c in range(x.shape[2]):
        total = 0
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                total += x[i, j, c]
        y[c] = rounded(total, pixels, m, zero_in, zero_out, low, high)


def declare(name: str, dtype: type) -> Kernel:
    """The kernel `global_avgpool_<type>`.

    **Shape** x[H,W,C] -> y[C]. Operands: `x`, `zero_point` of x, `multiplier` (None: y = rhe(sum / HW), same scale as
    x, at most 2049 pixels; else m with y = clamp(zero_point_out + rhe((sum - HW zero_point) m / 2**32))),
    `zero_point_out`.
    """
    info = np.iinfo(dtype)
    low, high = int(info.min), int(info.max)

    def placed(o: Operands) -> tuple[np.ndarray, int, int, int]:
        x = array(name, "x", o["x"], dtype, 3)
        m = 0 if o["multiplier"] is None else word(name, "multiplier", o["multiplier"], 1, (1 << 31) - 1)
        check_scaled(name, x.shape[0] * x.shape[1], m)
        zero, zero_out = (word(name, z, o[z], low, high) for z in ("zero_point", "zero_point_out"))
        return x, m, zero, zero_out

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        size = (shape["h"], shape["w"], shape["c"])
        x = rng.integers(low, high + 1, size, dtype=dtype)
        if extreme:
            x = np.full(size, rng.choice([low, high]), dtype) if rng.integers(2) else x & 1
        pixels = shape["h"] * shape["w"]
        scale = int(rng.integers(1, min((1 << 31) - 1, (1 << 34) // pixels)))
        zero, zero_out = (int(z) for z in rng.integers(low, high + 1, 2))
        multiplier = scale if pixels > 2049 or rng.integers(2) else None
        return {"x": x, "multiplier": multiplier, "zero_point": zero, "zero_point_out": zero_out}

    def lower(operands: Operands) -> Call:
        """Pack x in whole words, and the divisor."""
        x, m, zero, zero_out = placed(operands)
        pixels, words, odd = x.shape[0] * x.shape[1], -(-x.shape[2] // LANES), 0
        if m:
            divisor, odd = scale_divisor(pixels, m, zero - low, zero_out - low)
        else:
            divisor = mean_divisor(name, pixels)
        packed = np.full((pixels, LANES * words), zero, dtype)
        packed[:, : x.shape[2]] = x.reshape(pixels, -1)
        divisors = given(np.array(divisor, np.uint32))
        buffers = {"x": given(packed), "y": room(LANES * words, dtype), "divisor": divisors}
        return Call(buffers, {"pixels": pixels, "words": words, "odd": odd})

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return outputs["y"][: operands["x"].shape[2]]

    def twin(operands: Operands) -> np.ndarray:
        """The rounded mean of every channel."""
        x, m, zero, zero_out = placed(operands)
        y: np.ndarray = np.empty(x.shape[2], dtype)
        _means(x, y, m, zero, zero_out, low, high)
        return y

    def clamped(operands: Operands) -> tuple[int, int]:
        """Means that leave the range of bytes."""
        x, m, zero, zero_out = placed(operands)
        every = np.empty(x.shape[2], np.int64)
        _means(x, every, m, zero, zero_out, *limits(np.int64))
        return beyond(every, low, high, ABOVE | BELOW), 0

    def features(shape: Shape) -> tuple[float, ...]:
        """Words, runs, rounds and bodies of the unrolled loop."""
        pixels, words = shape["h"] * shape["w"], -(-shape["c"] // LANES)
        return 1, words, words * -(-pixels // _RUN), words * -(-pixels // _ROUND), words * pixels

    def work(shape: Shape) -> Work:
        """A load and three or four operations per word; a division and a quarter of a store per output."""
        words, signed = -(-shape["c"] // LANES), int(low < 0)
        return Work(0, shape["c"], words * (shape["h"] * shape["w"] * (4 + signed) + 57 + signed))

    dims = {"h": (1, 20), "w": (1, 20), "c": (1, 9)}
    bench = ({"h": 7, "w": 7, "c": 512}, {"h": 28, "w": 28, "c": 64})
    return Kernel(name, GLOBAL_AVGPOOL, dims, sample, lower, result, twin, features, work, bench, clamped)
