"""Integer networks in plain Python: loops, `int` and `Fraction`, written from the formulas alone."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np

from spinntensor.formats import Int8
from spinntensor.nn import quantized_layers as steps


def constants(g):
    """Scale and zero point of a grid."""
    return Fraction(float(g.scale)), int(g.zero_point)


def ends(g):
    """Lowest and highest integer of a grid."""
    assert isinstance(g.format, Int8)
    return (0, 255) if g.format.unsigned else (-128, 127)


def cut(value, low, high):
    return min(max(value, low), high)


def quantized(x, g):
    """clamp(zero + x / scale), the quotient rounded half to even."""
    scale, zero = constants(g)
    return np.array([cut(zero + round(Fraction(float(v)) / scale), *ends(g)) for v in x.reshape(-1)]).reshape(
        x.shape
    )


def dequantized(q, g):
    """(q - zero) scale, rounded to float32."""
    scale, zero = constants(g)
    # exact: the product of a byte and a float64 scale that was a float32 has 33 bits, which a float64 holds
    return np.array([np.float32(float((int(v) - zero) * scale)) for v in q.reshape(-1)]).reshape(q.shape)


def multiplier(quotient):
    """m and p of the nearest m 2**p / 2**32, with the smallest p that leaves m below 2**31."""
    p = 0
    while (m := round(quotient * 2 ** (32 - p))) >= 2**31:
        p += 1
    return max(m, 1), p


def rounded(sums, given, o):
    """Sums [..., O] as bytes: clamp(zero + rhe((sum + bias) m 2**p / 2**32))."""
    target, zero = constants(o.grid)
    low, high = ends(o.grid)
    if o.activation is not None:
        low = zero
    if o.activation == "relu6":
        high = min(high, zero + round(6 / target))
    factors = [multiplier(Fraction(float(constants(given)[0]) * float(s) / float(target))) for s in o.scale]
    y = np.empty(sums.shape, object)
    for at in np.ndindex(sums.shape):
        m, p = factors[at[-1]]
        q = round(Fraction((sums[at] + int(o.bias[at[-1]])) * m * 2**p, 2**32))
        y[at] = cut(zero + q, low, high)
    return y


def convolved(x, kernel, zero, stride, borders, groups):
    """Sums of (x - zero) w over windows, the border being zero points."""
    n, h, w, _ = x.shape
    kh, kw, each, outputs = kernel.shape
    (top, bottom), (left, right) = borders
    rows, columns = (h + top + bottom - kh) // stride[0] + 1, (w + left + right - kw) // stride[1] + 1
    y = np.zeros((n, rows, columns, outputs), object)
    for b, i, j, o in np.ndindex(y.shape):
        first = o // (outputs // groups) * each
        for u, v, k in product(range(kh), range(kw), range(each)):
            r, s = i * stride[0] + u - top, j * stride[1] + v - left
            if 0 <= r < h and 0 <= s < w:
                y[b, i, j, o] += (int(x[b, r, s, first + k]) - zero) * int(kernel[u, v, k, o])
    return y


def same(size, window, stride):
    """The border of padding "same": the odd pixel behind."""
    more = max((-(-size // stride) - 1) * stride + window - size, 0)
    return more // 2, more - more // 2


def run(model, *xs):
    """What an integer network gives for float32 samples, step by step."""
    made, waiting = [], iter(xs)
    for step in model.steps:
        inputs = [made[i] for i in step.inputs]
        grids = [model.steps[i].grid for i in step.inputs]
        made.append(next(waiting) if step.operation is None else compute(step.operation, inputs, grids))
    results = [made[i] for i, _ in model.results]
    return results[0] if len(results) == 1 else results


def compute(o, inputs, grids):
    """One step."""
    x = inputs[0]
    if isinstance(o, steps.Quantize):
        return quantized(x, o.grid)
    zero = constants(grids[0])[1]
    if isinstance(o, steps.Dequantize):
        return dequantized(x, grids[0])
    if isinstance(o, steps.Channels):
        factors = o.kernel.reshape(-1)
        sums = np.array(
            [(int(v) - zero) * int(factors[i % len(factors)]) for i, v in enumerate(x.reshape(-1))], object
        )
        return rounded(sums.reshape(x.shape), grids[0], o)
    if isinstance(o, steps.Product) and type(o.layer).__name__ == "Dense":
        flat = x.reshape(len(x), -1)
        sums = np.zeros((len(x), o.kernel.shape[1]), object)
        for n, j in np.ndindex(sums.shape):
            sums[n, j] = sum((int(v) - zero) * int(w) for v, w in zip(flat[n], o.kernel[:, j], strict=True))
        return rounded(sums, grids[0], o)
    if isinstance(o, steps.Product):
        layer, window = o.layer, o.kernel.shape[:2]
        if layer.padding == "same":
            axes = zip(x.shape[1:3], window, layer.strides, strict=True)
            borders = [same(*axis) for axis in axes]
        else:
            borders = [(0, 0)] * 2 if layer.padding == "valid" else [(layer.padding,) * 2] * 2
        groups = x.shape[-1] // o.kernel.shape[2]
        return rounded(convolved(x, o.kernel, zero, layer.strides, borders, groups), grids[0], o)
    if isinstance(o, steps.Sum):
        y, g = x, grids[0]
        for i, (term, other) in enumerate(zip(inputs[1:], grids[1:], strict=True)):
            relu = o.activation == "relu" and i == len(inputs) - 2
            y, g = added(y, g, term, other, o.grids[i], relu), o.grids[i]
        return y
    if isinstance(o, steps.Average):
        return averaged(x, grids[0], o)
    if isinstance(o, steps.Join):
        return np.concatenate([moved(v, g, o.grid) for v, g in zip(inputs, grids, strict=True)], o.layer.axis)
    if isinstance(o, steps.Clamp):
        high = zero + round(6 / constants(grids[0])[0]) if o.activation == "relu6" else 255
        return np.array([cut(v, zero, high) for v in x.reshape(-1)], object).reshape(x.shape)
    if isinstance(o, steps.Move) and type(o.layer).__name__ == "MaxPool2D":
        (kh, kw), (sh, sw) = o.layer.pool_size, o.layer.strides
        n, h, w, c = x.shape
        y = np.empty((n, (h - kh) // sh + 1, (w - kw) // sw + 1, c), object)
        for b, i, j, k in np.ndindex(y.shape):
            y[b, i, j, k] = max(x[b, i * sh + u, j * sw + v, k] for u in range(kh) for v in range(kw))
        return y
    assert isinstance(o, steps.Move) and type(o.layer).__name__ == "Flatten"
    return x.reshape(len(x), -1)


def added(x, gx, y, gy, g, relu):
    """clamp(zero + rhe(((x - zx) rx + (y - zy) ry) / 2**20)), quotients of scales in steps of 2**-20."""
    target, zero = constants(g)
    low, high = ends(g)
    terms = []
    for v, of in ((x, gx), (y, gy)):
        scale, offset = constants(of)
        quotient = round(Fraction(float(scale) / float(target)) * 2**20)
        terms.append([(int(q) - offset) * quotient for q in v.reshape(-1)])
    sums = [round(Fraction(a + b, 2**20)) for a, b in zip(*terms, strict=True)]
    return np.array([cut(zero + s, zero if relu else low, high) for s in sums], object).reshape(x.shape)


def averaged(x, given, o):
    """clamp(zero + rhe(sum (x - zx) m / 2**32)) over whole images."""
    scale, offset = constants(given)
    target, zero = constants(o.grid)
    n, h, w, c = x.shape
    m, _ = multiplier(Fraction(float(scale) / float(target) / (h * w)))
    y = np.empty((n, c), object)
    for b, k in np.ndindex(y.shape):
        total = sum(int(v) - offset for v in x[b, :, :, k].reshape(-1))
        y[b, k] = cut(zero + round(Fraction(total * m, 2**32)), *ends(o.grid))
    return y


def moved(x, given, wanted):
    """Bytes on another grid."""
    if constants(given) == constants(wanted):
        return x
    (scale, offset), (target, zero) = constants(given), constants(wanted)
    m, p = multiplier(Fraction(float(scale) / float(target)))
    sums = [round(Fraction((int(v) - offset) * m * 2**p, 2**32)) for v in x.reshape(-1)]
    return np.array([cut(zero + s, *ends(wanted)) for s in sums], object).reshape(x.shape)
