"""What the depthwise 3x3 kernels share: layout of planes and weights, multipliers, range proof, host twin.

The formula is the 8-bit format's, `clamp(zp + rhe((sum + bias) * scale))`, `scale = m * 2**(p - 32)`. The narrow
kernels of this file multiply by 15 bits (one SMLAW instead of an SMULL) and round halves up, which gives the same
bits under a proof obligation on m: scale is `m15 * 2**(shift - 24)` with `m15 < 2**15` and `shift` from 0 to 8,
and no reachable sum is a tie. `multiplier` finds such an (m, p). Any other m is refused with a RangeError that
names the wide kernel (`depthwise_wide`), which takes them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np
from numba import njit

from spinntensor.abi.conv import DEPTHWISE_3X3
from spinntensor.errors import OperandError, RangeError
from spinntensor.kernels.check import array, largest, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.quantize import has_ties, requantized

MAX_SHIFT = 8
"""Weights grow by at most this power of two, so that bytes still fit int16."""

ODD = 7
"""Odd rows of at most so many outputs have code of their own at stride 1."""


def multiplier(scale: float | Fraction) -> tuple[int, int]:
    """The nearest `(m, p)` to `scale` that the kernels take: m15 is odd, so that no output is a tie.

    `|m * 2**(p - 32) / scale - 1| <= 2**-14` for scales from 2**-10 on; below, each halving costs a bit.
    OperandError unless 2**-14 <= scale < 1/2.
    """
    if not 1 / (1 << 14) <= scale < 0.5:
        raise OperandError(
            "depthwise",
            "scale",
            f"{scale}",
            "2**-14 <= scale < 1/2",
            "choose the output's scale nearer to the input's",
        )
    exact = Fraction(scale)
    shift = next(s for s in range(MAX_SHIFT + 1) if exact * (1 << 24 - s) < 1 << 15)
    m15 = min(int(exact * (1 << 24 - shift)) | 1, (1 << 15) - 1)
    return m15 << shift + 8, 0


def split(m: int, p: int, channel: int, kernel: str) -> tuple[int, int]:
    """(m15, shift) with `m * 2**p == m15 * 2**(shift + 8)`, or RangeError, which names the kernel for any m."""
    product = m << p
    for shift in range(MAX_SHIFT + 1):
        m15, rest = divmod(product, 1 << shift + 8)
        if not rest and m15 < 1 << 15:
            return m15, shift
    raise RangeError(
        kernel,
        product,
        (1 << 15) - 1 << MAX_SHIFT + 8,
        f"m * 2**p must have at most 15 bits above the eighth (m = {m}, p = {p} in channel {channel}):"
        f" use {kernel}_wide, or choose m with spinntensor.kernels.depthwise.multiplier",
    )


def checked(kernel: str, operands: Operands) -> tuple[np.ndarray, ...]:
    """x, w, bias, m and p with their types and shapes proved, or OperandError."""
    x = operands["x"]
    dtypes = (np.uint8, np.int8, np.int16)
    x = array(kernel, "x", x, x.dtype if isinstance(x, np.ndarray) and x.dtype in dtypes else np.uint8, 3)
    channels, height, width = x.shape
    if min(height, width) < 3:
        raise OperandError(kernel, "x", f"shape {x.shape}", "planes of 3x3 or larger", "pad it")
    w = array(kernel, "w", operands["w"], np.int8, 3, {0: channels, 1: 3, 2: 3})
    return x, w, *(array(kernel, n, operands[n], np.int32, 1, {0: channels}) for n in ("bias", "m", "p"))


def packed_call(x: np.ndarray, constants: np.ndarray, stride: int, dtype: np.dtype | type) -> Call:
    """The call for planes x and the constants int32 of every channel; y has `dtype`."""
    channels, height, width = x.shape
    pitch = (width + 1) // 2 * 2
    planes = np.zeros((channels, height, pitch), np.int16)
    planes[:, :, :width] = x
    out_h, out_w = (height - 3) // stride + 1, (width - 3) // stride + 1
    return Call(
        {
            "x": given(planes),
            "w": given(constants.view(np.uint32)),
            "y": room((channels, out_h, out_w), dtype),
        },
        {
            "channels": channels,
            "out_h": out_h,
            "out_w": out_w,
            "x_pitch": 2 * pitch,
            "x_plane": 2 * pitch * height,
            "y_pitch": out_w,
            "y_plane": out_h * out_w,
        },
    )


def lower(kernel: str, stride: int, operands: Operands) -> Call:
    """Pack x [C,H,W] (uint8, int8 or int16, padded by the caller), w int8 [C,3,3], bias, m and p int32 [C].

    y uint8 [C, (H-3)//stride+1, (W-3)//stride+1] = clamp(zp + rhe((sum + bias) * m * 2**(p-32)), 0, 255): the
    format's formula, for multipliers of 15 bits for which rounding a tie either way cannot show. A zero point of
    x belongs into the bias. RangeError when m does not qualify (it names the `_wide` kernel, which takes every
    m and gives the same bits), or when 32 bits cannot hold every sum.
    """
    x, w, bias, m, p = checked(kernel, operands)
    zp = word(kernel, "zp", operands["zp"], 0, 255)
    top = largest(x)
    packed = np.zeros((len(x), 7), np.int32)
    halves = packed.view(np.int16)
    for c in range(len(x)):
        mc, pc = word(kernel, "m", m[c], 1, (1 << 31) - 1), word(kernel, "p", p[c], 0, 30)
        m15, shift = split(mc, pc, c, kernel)
        bound = int(np.abs(w[c].astype(np.int64)).sum()) * top + abs(int(bias[c]))
        if bound << shift >= 1 << 31:
            raise RangeError(
                kernel,
                bound << shift,
                (1 << 31) - 1,
                f"the bound is (sum|w| * max|x| + |bias|) * 2**{shift} in channel {c}: use narrower operands",
            )
        # |x * scale| >= 257 is clamped whichever way it is rounded
        bound = min(bound, (257 << 32) // (mc << pc))
        if has_ties(mc, pc, bound):
            raise RangeError(
                kernel,
                bound,
                (1 << 31 - pc) // (mc & -mc) - 1,
                f"some sum within the bound ends in exactly one half (m = {mc}, p = {pc} in channel {c}):"
                f" use {kernel}_wide, or choose m with spinntensor.kernels.depthwise.multiplier",
            )
        halves[c, :9] = w[c].reshape(-1).astype(np.int16) << shift
        halves[c, 9] = m15
        packed[c, 5] = int(bias[c]) << shift
        packed[c, 6] = (2 * zp + 1) << 7
    return packed_call(x, packed, stride, np.uint8)


@njit(cache=True)
def _convolve(x, w, bias, m, p, zp, low, high, stride, y):
    for c in range(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                total = 0
                for u in range(3):
                    for v in range(3):
                        total += int(x[c, i * stride + u, j * stride + v]) * int(w[c, u, v])
                y[c, i, j] = requantized(total, bias[c], m[c], p[c], zp, low, high)


def convolved(
    stride: int, operands: Operands, dtype: np.dtype | type, zp: int, low: int, high: int
) -> np.ndarray:
    """y of `dtype`, [C,OH,OW], with the exact rounding of `quantize.requantized`."""
    x = operands["x"]
    y = np.zeros((len(x), *((s - 3) // stride + 1 for s in x.shape[1:])), dtype)
    _convolve(x, operands["w"], operands["bias"], operands["m"], operands["p"], zp, low, high, stride, y)
    return y


def twin(stride: int, operands: Operands) -> np.ndarray:
    """y, uint8 [C,OH,OW]."""
    return convolved(stride, operands, np.uint8, operands["zp"], 0, 255)


def sample(stride: int, rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    """Bytes or 16-bit inputs, and scales that spread the sums over the output's range and beyond."""
    c = shape["c"]
    size = (c, (shape["oh"] - 1) * stride + 3, (shape["ow"] - 1) * stride + 3)
    dtype = rng.choice(np.array([np.uint8, np.int8, np.int16], object))
    low, high = (-2048, 2047) if dtype is np.int16 else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    x = (
        rng.choice(np.array([low, high], dtype), size)
        if extreme
        else rng.integers(low, high, size, dtype, True)
    )
    w = rng.integers(-128, 127, (c, 3, 3), np.int8, endpoint=True)
    if extreme:
        w = rng.choice(np.array([-128, 127], np.int8), w.shape)
    reach = 9 * 127 * max(abs(low), high)
    pairs = [multiplier(float(s)) for s in np.clip(rng.uniform(0.5, 8, c) * 255 / reach, 1 / (1 << 14), 0.49)]
    m, p = np.array(pairs, np.int32).T
    return {
        "x": x,
        "w": w,
        "bias": rng.integers(-reach // 2, reach // 2, c, np.int32, endpoint=True),
        "m": np.ascontiguousarray(m),
        "p": np.ascontiguousarray(p),
        "zp": int(rng.choice(np.array([0, 0, 3, 128, 255]))),
    }


def strips(out_w: int, widest: int, even: bool) -> tuple[int, list[int], int]:
    """How the kernel cuts a row: strips at most, their widths, turns of the loop that finds the width."""
    count = -(-out_w // widest)
    turns = -(-out_w // count)
    width = turns + (turns % 2 if even else 0)
    return count, [min(width, out_w - at) for at in range(0, out_w, width)], turns


def features(stride: int, widest: int, shape: Shape) -> tuple[float, ...]:
    """Call, search for the width, strips, odd short ones; channels, rows, odd short rows, steps of all strips."""
    c, oh, ow = shape["c"], shape["oh"], shape["ow"]
    count, widths, turns = strips(ow, widest, stride == 1)
    odd = [n for n in widths if stride == 1 and n % 2 and n <= ODD]
    steps = sum((n + 1) // 2 - 1 if stride == 1 else n - 1 for n in widths)
    rows = c * oh * (len(widths) - len(odd))
    start = (1, count, turns, len(widths), len(odd))
    return *start, c * len(widths), rows, c * oh * len(odd), c * oh * steps


def work(stride: int, shape: Shape) -> Work:
    """31 cycles for two outputs (stride 2: 17 for one): 9 MACs, 1.5 (3) loads, 4 to requantise, 1 store."""
    outputs = shape["c"] * shape["oh"] * shape["ow"]
    return Work(9 * outputs, outputs, outputs * (15.5 if stride == 1 else 17))


def depthwise(name: str, stride: int, widest: int, bench: tuple[Shape, ...]) -> Kernel:
    """The kernel of this stride; its code takes rows in strips of at most `widest` outputs."""

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return outputs["y"]

    def bind(function: Callable, *first: object) -> Callable:
        return lambda *rest: function(*first, *rest)

    return Kernel(
        name=name,
        args=DEPTHWISE_3X3,
        dims={"c": (1, 4), "oh": (1, 6), "ow": (1, 68)},
        sample=bind(sample, stride),
        lower=bind(lower, name, stride),
        result=result,
        twin=bind(twin, stride),
        features=bind(features, stride, widest),
        work=bind(work, stride),
        bench=bench,
    )
