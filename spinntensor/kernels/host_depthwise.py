"""Depthwise convolutions on the host, where a group is one channel: channels side by side, without BLAS.

The tables are those of `host_gather`; results are the same bits as those of a matrix product for each channel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from spinntensor.abi.float_gemm import NONFINITE
from spinntensor.kernels.block_float import INFINITY, NAN, exponent_of, magnitude_bits, rounded
from spinntensor.kernels.host_block import FACTOR, right_lines, settle
from spinntensor.kernels.host_convolution import cut
from spinntensor.kernels.host_gather import Table
from spinntensor.kernels.parallel import split

EXACT = 2.0**52
"""Below this a sum of magnitudes, as computed, proves that no sum of these products was rounded."""


@njit(cache=True, nogil=True)
def _sums(
    first: int,
    last: int,
    x: np.ndarray,
    ys: np.ndarray,
    xs: np.ndarray,
    zero: Any,
    w: np.ndarray,
    y: np.ndarray,
) -> None:
    """Rows first..last of y [N*OH*OW,C] = sums of (x - zero) w in the type of y."""
    kind = y.dtype.type
    for r in range(first, last):
        rest, j = divmod(r, xs.shape[0])
        image, i = divmod(rest, ys.shape[0])
        to = y[r]
        to[:] = 0
        for a in range(ys.shape[1]):
            for b in range(xs.shape[1]):
                if ys[i, a] >= 0 and xs[j, b] >= 0:
                    pixel, weights = x[image, ys[i, a], xs[j, b]], w[a, b]
                    for c in range(to.size):
                        to[c] += (kind(pixel[c]) - zero) * weights[c]


def exact_sums(x: np.ndarray, ys: Table, xs: Table, zero: int, w: np.ndarray, kind: Any) -> np.ndarray:
    """[N,OH,OW,C] = sums of (x - zero) w of integers, w [KH,KW,C], in type `kind`, which must hold them."""
    y = np.empty((len(x), len(ys), len(xs), x.shape[3]), kind)
    rows = y.reshape(-1, x.shape[3])
    split(_sums, len(rows), y.size * ys.shape[1], x, ys, xs, y.dtype.type(zero), w.astype(kind), rows)
    return y


@njit(cache=True, nogil=True)
def _exact(x: np.ndarray, w: np.ndarray, places: np.ndarray, scale: float) -> Any:
    """The int64 sum of rint(x * scale) w over the places (y, x, tap) of one channel."""
    s = np.int64(0)
    for p in range(len(places)):
        q = np.rint(np.float64(x[places[p, 0], places[p, 1]]) * scale)
        s += np.int64(q) * np.int64(w[places[p, 2]])
    return s


@njit(cache=True, nogil=True)
def _floats(
    first: int,
    last: int,
    x: np.ndarray,
    ys: np.ndarray,
    xs: np.ndarray,
    w: np.ndarray,
    factor: np.ndarray,
    exponent: np.ndarray,
    bits: int,
    y: np.ndarray,
) -> tuple[int, int]:
    """Rows first..last of y float32 [N*OH*OW,C]; fields that are not finite, and results that became infinite.

    w float64 [taps,C] are the mantissas of the weights, with `factor` and `exponent` of each column. Everything
    about errors is as in `host_block`, with the sum of magnitudes itself as the bound.
    """
    depth, taps = x.shape[3], w.shape[0]
    g = (taps + 8) * 2.0**-53
    top, magnitude = np.empty(depth, np.uint32), np.empty(depth)
    unit, scale = np.empty(depth, np.int64), np.empty(depth)
    s, t, mark = np.empty(depth), np.empty(depth), np.empty(depth, np.bool_)
    places = np.empty((taps, 3), np.int64)
    bad = infinite = 0
    for r in range(first, last):
        rest, j = divmod(r, xs.shape[0])
        image, i = divmod(rest, ys.shape[0])
        count = 0
        for a in range(ys.shape[1]):
            for b in range(xs.shape[1]):
                if ys[i, a] >= 0 and xs[j, b] >= 0:
                    places[count] = ys[i, a], xs[j, b], a * xs.shape[1] + b
                    count += 1
        top[:], s[:], t[:] = 0, 0.0, 0.0
        for p in range(count):
            words = x[image, places[p, 0], places[p, 1]].view(np.uint32)
            for c in range(depth):
                top[c] = max(top[c], words[c] & np.uint32(0x7FFFFFFF))
        largest, fields, scales = top.view(np.float32), magnitude.view(np.int64), scale.view(np.int64)
        for c in range(depth):
            magnitude[c] = largest[c]  # a subnormal float32 is a normal float64
        for c in range(depth):
            unit[c] = max(fields[c] >> 52, 874) - 1022  # e with |x| < 2**e; 0 has the least
            scales[c] = (1023 + bits - unit[c]) << 52  # 2**(bits - e)
        for p in range(count):
            pixel, weights = x[image, places[p, 0], places[p, 1]], w[places[p, 2]]
            for c in range(depth):
                v = np.rint(np.float64(pixel[c]) * scale[c]) * weights[c]
                s[c] += v
                t[c] += abs(v)
        unsure = 0
        for c in range(depth):
            e = 0.0 if t[c] <= EXACT else g * t[c]
            step = factor[c] / scale[c]
            low, high = np.float32((s[c] - e) * step), np.float32((s[c] + e) * step)
            y[r, c] = high  # -0 + 0 is +0
            mark[c] = (low != high) | ((abs(s[c]) <= e) & (e != 0.0)) | (abs(high) == np.inf)
            unsure += mark[c]
        if unsure:
            to = y[r].view(np.uint32)
            for c in range(depth):
                if mark[c] and top[c] >= INFINITY:  # of which every sum is infinite or NaN
                    to[c] = NAN
                    bad += 1
                elif mark[c]:
                    total = _exact(x[image, :, :, c], w[:, c], places[:count], scale[c])
                    to[c] = rounded(total, unit[c] + exponent[c] - 2 * bits)
                    infinite += to[c] & np.uint32(0x7FFFFFFF) == INFINITY
    return bad, infinite


def float_sums(x: np.ndarray, ys: Table, xs: Table, w: np.ndarray) -> tuple[np.ndarray, int, int]:
    """float32 [N,OH,OW,C] by `block_float`, w float32 [KH,KW,C] of at most PIECE taps; counts as for convolutions."""
    taps, depth = w.shape[0] * w.shape[1], x.shape[3]
    bits = magnitude_bits(max(taps, 1))
    right = right_lines(w.reshape(1, taps, depth), bits)
    y = np.empty((len(x), len(ys), len(xs), depth), np.float32)
    rows = y.reshape(-1, depth)
    weights = right.q[0], right.known[FACTOR, 0], right.exponent[0]
    done = split(_floats, len(rows), rows.size * len(w), x, ys, xs, *weights, bits, rows)
    columns = right.bad[0]
    if columns.any():
        y.view(np.uint32)[..., columns] = NAN
    bad = sum(part[0] for part in done) + np.count_nonzero(columns)
    return y, int(bad), int(sum(part[1] for part in done))


@njit(cache=True, nogil=True)
def _tap_floats(
    first: int,
    last: int,
    x: np.ndarray,
    ys: np.ndarray,
    xs: np.ndarray,
    pixels: tuple[int, int],
    c: np.ndarray,
    exponent: np.ndarray,
    bits: int,
    y: np.ndarray,
    finite: np.ndarray,
) -> None:
    """Taps first..last of y [taps,C], words of float32 = sums over the pixels start..stop of x times mantissas c.

    Clears `finite` [taps,C] where the pixels of a row are not. A channel whose mantissas are 0 gets 0.
    """
    depth = x.shape[3]
    top, scale, unit = np.empty(depth, np.uint32), np.empty(depth), np.empty(depth, np.int64)
    s = np.empty(depth, np.int64)
    for tap in range(first, last):
        a, b = divmod(tap, xs.shape[1])
        top[:], s[:] = 0, 0
        for turn in range(2):
            for p in range(pixels[0], pixels[1]):
                rest, j = divmod(p, xs.shape[0])
                image, i = divmod(rest, ys.shape[0])
                if ys[i, a] < 0 or xs[j, b] < 0:
                    continue
                pixel, others = x[image, ys[i, a], xs[j, b]], c[p - pixels[0]]
                if turn == 0:
                    words = pixel.view(np.uint32)
                    for k in range(depth):
                        top[k] = max(top[k], words[k] & np.uint32(0x7FFFFFFF))
                else:
                    for k in range(depth):
                        q = np.rint(np.float64(pixel[k]) * scale[k]) if scale[k] != 0.0 else 0.0
                        s[k] += np.int64(np.int32(q)) * np.int64(others[k])
            for k in range(depth):
                e = exponent_of(np.int64(top[k]))
                unit[k], scale[k] = e, 0.0 if e == NONFINITE else 2.0 ** (bits - e)
        for k in range(depth):
            finite[tap, k] &= unit[k] != NONFINITE
            y[tap, k] = rounded(s[k], unit[k] + exponent[k] - 2 * bits) if finite[tap, k] else np.int64(NAN)


def float_taps(x: np.ndarray, ys: Table, xs: Table, c: np.ndarray) -> tuple[np.ndarray, int, int]:
    """float32 [KH,KW,C] = sums over all pixels of x times c [N,OH,OW,C], in pieces of pixels; counts as elsewhere."""
    depth, taps = x.shape[3], ys.shape[1] * xs.shape[1]
    columns = c.reshape(-1, depth)
    y, finite = np.zeros((taps, depth), np.float32), np.ones((taps, depth), np.bool_)
    bad = np.zeros(depth, np.bool_)
    for start, stop in cut(len(columns)):
        bits = magnitude_bits(max(stop - start, 1))
        right = right_lines(columns[None, start:stop], bits)
        bad |= right.bad[0]
        piece = np.empty((taps, depth), np.uint32)
        exponents = np.where(right.bad[0], 0, right.exponent[0]).astype(np.int64)
        some = (start, stop), right.q[0].astype(np.int32), exponents, bits, piece, finite
        split(_tap_floats, taps, taps * (stop - start) * depth, x, ys, xs, *some)
        with np.errstate(all="ignore"):
            y = y + piece.view(np.float32) if start else piece.view(np.float32)
    y.view(np.uint32)[:, bad] = NAN
    lines = int(np.count_nonzero(~finite) + np.count_nonzero(bad))
    return y.reshape(ys.shape[1], xs.shape[1], depth), lines, settle(y, ~finite | bad)


@njit(cache=True, nogil=True)
def _tap_sums(
    first: int, last: int, x: np.ndarray, ys: np.ndarray, xs: np.ndarray, c: np.ndarray, y: np.ndarray
) -> None:
    """Taps first..last of y float64 [taps,C] = sums over all pixels of x times c [pixels,C]."""
    for tap in range(first, last):
        a, b = divmod(tap, xs.shape[1])
        to = y[tap]
        to[:] = 0.0
        for p in range(len(c)):
            rest, j = divmod(p, xs.shape[0])
            image, i = divmod(rest, ys.shape[0])
            if ys[i, a] >= 0 and xs[j, b] >= 0:
                pixel, others = x[image, ys[i, a], xs[j, b]], c[p]
                for k in range(to.size):
                    to[k] += np.float64(pixel[k]) * np.float64(others[k])


def exact_taps(x: np.ndarray, ys: Table, xs: Table, c: np.ndarray) -> np.ndarray:
    """float64 [KH,KW,C] = exact sums over all pixels of 13-bit mantissas x times c [N,OH,OW,C]."""
    depth, taps = x.shape[3], ys.shape[1] * xs.shape[1]
    y = np.empty((taps, depth))
    split(_tap_sums, taps, taps * c.size, x, ys, xs, c.reshape(-1, depth), y)
    return y.reshape(ys.shape[1], xs.shape[1], depth)
