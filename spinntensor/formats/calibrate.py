"""Chooses the grid of a tensor from what was observed: by its ends, by percentiles, by least squared error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.formats.description import (
    BFP16_EXPONENTS,
    SCALES,
    Bfp16,
    Float32,
    Format,
    Grid,
    bfp16_grid,
    grid,
    is_symmetric,
    limits,
)
from spinntensor.formats.observe import Observed, bins_of

Ends = tuple[float, float]
Choice = Callable[[Format, Observed, int], tuple[float, int]]
"""(format, observed, channel) -> scale and zero point of that channel."""

STEPS = 128
"""Parts of the range that `mean_square_error` tries: from all of it down to a sixteenth, in steps of 1 / STEPS."""


def _scale_above(value: float) -> float:
    """The smallest float32 >= value, within the scales that grids take; 1 for 0."""
    if value == 0:
        return 1.0
    near = np.float32(value)
    if float(near) < value:
        near = np.nextafter(near, np.float32(np.inf))
    return float(np.clip(np.float64(near), *SCALES))


def constants(format: Format, low: float, high: float) -> tuple[float, int]:
    """The finest scale and the zero point with which no x in low..high, nor 0, is clamped.

    Integer formats: scale = (high - low) / (255 or 254 or 2**32 - 1), rounded up to float32; zero point =
    ceil(q_low - low / scale - 1/2). Symmetric: scale = max(|low|, |high|) / q_high. Bfp16: the smallest power of
    two, from 2**-125 on, that keeps rhe(max|x| / scale) <= 32767; 2**-125 when everything is 0.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    q_low, q_high = limits(format)
    top = max(-low, high)
    if isinstance(format, Bfp16):
        e = max(int(np.frexp(top)[1]) - 15, BFP16_EXPONENTS[0]) if top else BFP16_EXPONENTS[0]
        e += bool(np.rint(np.ldexp(top, -e)) > q_high)
        return float(np.ldexp(1.0, min(e, BFP16_EXPONENTS[1]))), 0
    if is_symmetric(format):
        return _scale_above(top / q_high), 0
    scale = _scale_above((high - low) / (q_high - q_low))
    return scale, int(np.clip(np.ceil(q_low - low / scale - 0.5), q_low, q_high))


def _grid(format: Format, observed: Observed, choose: Choice) -> Grid:
    """The grid with `choose`'s constants for each channel; OperandError when the axes do not agree."""
    if isinstance(format, Float32):
        return Grid(format)
    # an axis counted from the back cannot be compared here; quantize checks its size
    fits = format.axis == observed.axis or (observed.axis is not None and (format.axis or 0) < 0)
    if not fits:
        raise OperandError(
            "calibrate", "axis", f"{observed.axis}", f"{format.axis}", "observe with the axis of the format"
        )
    chosen = [choose(format, observed, c) for c in range(observed.low.size)]
    scales, zeros = np.array([s for s, _ in chosen]), np.array([z for _, z in chosen], np.int32)
    if format.axis is None:
        scales, zeros = scales[0], zeros[0]
    if isinstance(format, Bfp16):
        return bfp16_grid(np.frexp(scales)[1] - 1, format.axis)
    return grid(format, scales, zeros)


def min_max(format: Format, observed: Observed) -> Grid:
    """The finest grid on which nothing that was observed is clamped."""
    return _grid(format, observed, lambda f, o, c: constants(f, float(o.low[c]), float(o.high[c])))


def _percentile_ends(format: Format, observed: Observed, channel: int, percent: float) -> Ends:
    inner, outer, counts = bins_of(observed, channel)
    total = int(counts.sum())
    if is_symmetric(format):
        size = np.maximum(np.abs(inner), np.abs(outer))
        order = np.argsort(size, kind="stable")
        kept = np.searchsorted(np.cumsum(counts[order]), total * (percent / 100))
        top = float(size[order][min(kept, size.size - 1)])
        return -top, top
    below = np.cumsum(counts)
    tail = total * ((1 - percent / 100) / 2)
    first = min(int(np.searchsorted(below, tail, side="right")), counts.size - 1)
    last = min(int(np.searchsorted(below, total - tail)), counts.size - 1)
    return min(inner[first], outer[first]), max(inner[last], outer[last])


def percentile(format: Format, observed: Observed, percent: float = 99.99) -> Grid:
    """A grid that clamps at most 100 - percent per cent of what was observed (affine: half of it on each side).

    Up to the width of a bin, always outwards: a bin that a percentile lies in is kept whole.
    OperandError unless 50 < percent <= 100.
    """
    if not 50 < percent <= 100:
        raise OperandError(
            "percentile", "percent", f"{percent}", "50 < percent <= 100", "99.9 to 99.999 are usual"
        )
    return _grid(format, observed, lambda f, o, c: constants(f, *_percentile_ends(f, o, c, percent)))


def _error(format: Format, scale: float, zero: int, x: np.ndarray, counts: np.ndarray) -> float:
    q_low, q_high = limits(format)
    q = np.clip(np.rint(x / scale) + zero, q_low, q_high) - zero
    return float(np.sum(counts * (q * scale - x) ** 2))


def _least(format: Format, observed: Observed, channel: int) -> tuple[float, int]:
    inner, outer, counts = bins_of(observed, channel)
    x = (inner + outer) / 2
    low, high = float(observed.low[channel]), float(observed.high[channel])
    tried = (
        constants(format, low * part / STEPS, high * part / STEPS)
        for part in range(STEPS, STEPS // 16 - 1, -1)
    )
    return min(dict.fromkeys(tried), key=lambda k: _error(format, k[0], k[1], x, counts))


def mean_square_error(format: Format, observed: Observed) -> Grid:
    """The grid with the least sum of squared errors among those for parts of the range, 128/128 down to 8/128.

    Each bin counts as its middle. Of equal errors the widest range wins.
    """
    return _grid(format, observed, _least)
