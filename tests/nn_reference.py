"""float64 NumPy references of layers, and measures of how far results are from them."""

from __future__ import annotations

from itertools import product

import numpy as np

from spinntensor import nn


def alone(layer, *shapes, seed=0):
    """A model of one layer."""
    inputs = [nn.Input(shape) for shape in shapes]
    return nn.Model(inputs, layer(inputs), seed=seed)


def randomized(model, rng):
    """The model with other weights: normal, those of one axis positive."""
    model.set_weights(
        [
            rng.uniform(0.5, 1.5, w.shape)
            if w.ndim == 1
            else rng.normal(size=w.shape) / np.sqrt(w[..., 0].size)
            for w in model.get_weights()
        ]
    )
    return model


def samples(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def sqnr(reference, value):
    """Signal to noise in dB."""
    noise = np.sum((np.asarray(reference, np.float64) - value) ** 2)
    return 10 * np.log10(np.sum(np.asarray(reference, np.float64) ** 2) / noise) if noise else np.inf


def bordered(x, rim, value=0.0):
    """float64 images with (before, after) more elements on each spatial axis."""
    return np.pad(x.astype(np.float64), [(0, 0), *rim, (0, 0)], constant_values=value)


def same(size, window, stride, dilation=1):
    """(before, after) of padding `same`: ceil(size / stride) results, the odd element behind."""
    total = max((-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def fields(x, window, strides, dilation=None):
    """What lies under a window [N, results..., window..., C], for images [N, spatial..., C] that have their border."""
    spread = dilation or (1,) * len(window)
    reach = [(k - 1) * d + 1 for k, d in zip(window, spread, strict=True)]
    counts = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:-1], reach, strides, strict=True)]
    out = np.zeros((x.shape[0], *counts, *window, x.shape[-1]))
    for place in product(*map(range, counts)):
        cut = tuple(
            slice(i * s, i * s + r, d) for i, s, r, d in zip(place, strides, reach, spread, strict=True)
        )
        out[(slice(None), *place)] = x[(slice(None), *cut)]
    return out


def convolution(x, kernel, strides, rim, dilation, groups=1):
    """[N, spatial..., C] with [window..., C / groups, O], in float64."""
    window = kernel.shape[:-2]
    under = fields(bordered(x, rim), window, strides, dilation)
    per, outs = kernel.shape[-2], kernel.shape[-1] // groups
    parts = []
    for g in range(groups):
        field = under[..., g * per : (g + 1) * per]
        rows = field.reshape(*field.shape[: 1 + len(window)], -1)
        parts.append(rows @ kernel[..., g * outs : (g + 1) * outs].astype(np.float64).reshape(-1, outs))
    return np.concatenate(parts, -1)
