"""The wide depthwise 3x3 kernels: any multiplier of the 8-bit format, unsigned or signed bytes, any limits.

The packing chooses a route for each channel (`depthwise_route`): fast, fast with signed bytes, or exact. The
result does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from spinntensor.abi.conv import DEPTHWISE_3X3
from spinntensor.errors import RangeError
from spinntensor.kernels.check import word
from spinntensor.kernels.depthwise import ODD, checked, convolved, packed_call, strips
from spinntensor.kernels.depthwise_route import WORD, Format, fast
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work
from spinntensor.kernels.quantize import limits, multiplier

UNSIGNED, SIGNED, EXACT = 20, 24, 1 << 31
"""Route words: where in its state the kernel keeps the entries; or exact, and then what `channel` adds."""

WORDS = 8


def bounds(kernel: str, operands: Operands) -> tuple[np.dtype, int, int, int]:
    """The output's type, zero point and limits; uint8 and its range if not given."""
    dtype = np.dtype(operands.get("dtype", np.uint8))
    least, most = limits(dtype)
    zp = word(kernel, "zp", operands["zp"], least, most)
    low = word(kernel, "low", operands.get("low", least), least, most)
    return dtype, zp, low, word(kernel, "high", operands.get("high", most), low, most)


def channel(kernel: str, w: np.ndarray, bias: int, form: Format, x_low: int, x_high: int) -> np.ndarray:
    """The eight words of one channel: w int8 [3,3], x in [x_low, x_high]. They depend on no activation.

    RangeError when 32 bits cannot hold the sums times 2**p, or 16 bits the weights.
    """
    packed = np.zeros(WORDS, np.int64)
    if found := fast(form, w, bias, x_low, x_high):
        taps, start, m = w.astype(np.int16) * found.g, found.b + found.g * bias, found.n
        packed[0] = SIGNED if form.low < 0 else UNSIGNED
    else:
        taps, start, m = w.astype(np.int64) << form.p, bias << form.p, form.m
        reach = int(np.abs(taps).sum()) * max(abs(x_low), abs(x_high)) + abs(start)
        if reach >= WORD:
            raise RangeError(
                kernel,
                reach,
                WORD - 1,
                f"the bound is (sum|w| * max|x| + |bias|) * 2**p with p = {form.p}: use a coarser output scale",
            )
        if taps.max() >= 1 << 15 or taps.min() < -1 << 15:
            raise RangeError(
                kernel,
                int(np.abs(taps).max()),
                (1 << 15) - 1,
                f"the bound is |w| * 2**p with p = {form.p}: choose the output's scale nearer to the input's",
            )
        base = form.zp - form.low
        even = base + base % 2
        packed[0] = (
            EXACT | base % 2 << 26 | (even & 0x3FF) << 16 | form.high - form.low << 8 | form.low & 0xFF
        )
    packed[6:] = start, m
    words = packed.astype(np.int32)
    words.view(np.int16)[2:11] = taps.reshape(-1)
    return words


def lower(kernel: str, stride: int, operands: Operands) -> Call:
    """Pack x [C,H,W] (uint8, int8 or int16, padded by the caller), w int8 [C,3,3], bias, m and p int32 [C].

    y uint8 or int8 (`dtype`) [C, (H-3)//stride+1, (W-3)//stride+1] is
    clamp(zp + rhe((sum + bias) * m * 2**(p-32)), low, high) for any 1 <= m < 2**31. A zero point of x belongs
    into the bias. `x_limits` are the least and greatest value that int16 x may have (default: those it has); bytes
    have their type's. Errors as `channel`, and OperandError for wrong types, shapes, limits.
    """
    x, w, bias, m, p = checked(kernel, operands)
    dtype, zp, low, high = bounds(kernel, operands)
    least, most = limits(x.dtype)
    if x.dtype == np.int16:
        own = int(x.min()), int(x.max())
        least, most = operands.get("x_limits", own)
        least, most = (
            word(kernel, "x_limits", least, -32768, own[0]),
            word(kernel, "x_limits", most, own[1], 32767),
        )
    packed = np.zeros((len(x), WORDS), np.int32)
    for c in range(len(x)):
        mc, pc = word(kernel, "m", m[c], 1, WORD - 1), word(kernel, "p", p[c], 0, 30)
        packed[c] = channel(kernel, w[c], int(bias[c]), Format(mc, pc, zp, low, high), least, most)
    return packed_call(x, packed, stride, dtype)


def twin(stride: int, operands: Operands) -> np.ndarray:
    """y [C,OH,OW], by the format's formula whatever the route."""
    return convolved(stride, operands, *bounds("depthwise", operands))


def sample(stride: int, rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    """Bytes or 16-bit inputs; `route` 0 unsigned, 1 signed, 2 what no fast constants exist for."""
    c, route = shape["c"], shape["route"]
    size = (c, (shape["oh"] - 1) * stride + 3, (shape["ow"] - 1) * stride + 3)
    dtype = rng.choice(np.array([np.uint8, np.int8, np.int16], object))
    low, high = (-512, 511) if dtype is np.int16 else limits(dtype)
    x = rng.integers(low, high, size, dtype, endpoint=True)
    w = rng.integers(-128, 127, (c, 3, 3), np.int8, endpoint=True)
    if extreme:
        x = rng.choice(np.array([low, high], dtype), size)
        w = rng.choice(np.array([-128, 127], np.int8), w.shape)
    reach = np.abs(w.astype(np.int64)).sum(axis=(1, 2)) * max(abs(low), high)
    bias = rng.integers(-reach // 2, reach // 2, endpoint=True).astype(np.int32)
    out = np.int8 if route == 1 or (route == 2 and rng.integers(2)) else np.uint8
    least, most = limits(out)
    zp = int(rng.choice(np.array([least, least, least + 3, (least + most) // 2, most])))
    ends = {"low": least, "high": most}
    m, p = np.zeros(c, np.int32), np.zeros(c, np.int32)
    ties = route == 2 and rng.integers(2)
    if ties:  # sums that are multiples of 64 meet many
        x, w, bias = x >> 3 << 3, w >> 3 << 3, bias >> 6 << 6
    for i in range(c):
        scale = float(np.clip(rng.uniform(0.5, 8) * 255 / reach[i], 2.0**-13, 0.12))
        m[i], p[i] = multiplier(2.0 ** int(np.log2(scale)) if ties else scale)
        form = Format(int(m[i]), int(p[i]), zp, least, most)
        while route < 2 and fast(form, w[i], int(bias[i]), low, high) is None:
            m[i] += 1
            form = Format(int(m[i]), int(p[i]), zp, least, most)
    if ties and rng.integers(2):
        m, p = rng.integers(1 << 29, WORD, c).astype(np.int32), rng.integers(1, 3, c).astype(np.int32)
    if route == 2:
        ends = {"low": least + int(rng.integers(1, 40)), "high": most - int(rng.integers(0, 40))}
    return {
        "x": x,
        "w": w,
        "bias": bias,
        "m": m,
        "p": p,
        "zp": zp,
        "dtype": out,
        "x_limits": (low, high),
    } | ends


def features(stride: int, widest: int, shape: Shape) -> tuple[float, ...]:
    """Call, search for the width, strips; then channels, rows, steps of each route (signed: stores besides)."""
    c, oh, ow, route = shape["c"], shape["oh"], shape["ow"], shape["route"]
    count, widths, turns = strips(ow, widest, stride == 1)
    odd = [n for n in widths if stride == 1 and n % 2 and n <= ODD]
    steps = sum((n + 1) // 2 - 1 if stride == 1 else n - 1 for n in widths)
    rows = len(widths) - len(odd)
    quick = (c * len(widths), c * oh * rows, c * oh * len(odd), c * oh * steps)
    stores = c * oh * ((3 - stride) * (steps + rows) + len(odd))
    words = sum((n + 1) // 2 if stride == 1 else n for n in widths)
    exact = (c * len(widths), c * oh * len(widths), c * oh * words, c * oh * ow)
    zeros = (0, 0, 0, 0)
    start = (1, count, turns, len(widths), len(odd))
    return (
        start + (zeros if route == 2 else quick) + (exact if route == 2 else zeros) + (stores * (route == 1),)
    )


def work(stride: int, shape: Shape) -> Work:
    """36 cycles for two outputs (stride 2: 19 for one): 9 MACs, 1.5 (3) loads, 6 to requantise, 1 store.

    Stride 1 spends half a cycle on a register that both products and addresses need; signed bytes cost one more.
    """
    outputs = shape["c"] * shape["oh"] * shape["ow"]
    return Work(9 * outputs, outputs, outputs * ((18 if stride == 1 else 19) + (shape["route"] == 1)))


def depthwise_wide(name: str, stride: int, widest: int, bench: tuple[Shape, ...]) -> Kernel:
    """The kernel of this stride; its code takes rows in strips of at most `widest` outputs."""

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return outputs["y"]

    def bind(function: Callable, *first: object) -> Callable:
        return lambda *rest: function(*first, *rest)

    return Kernel(
        name=name,
        args=DEPTHWISE_3X3,
        dims={"c": (1, 4), "oh": (1, 6), "ow": (1, 64), "route": (0, 2)},
        sample=bind(sample, stride),
        lower=bind(lower, name, stride),
        result=result,
        twin=bind(twin, stride),
        features=bind(features, stride, widest),
        work=bind(work, stride),
        bench=bench,
    )
