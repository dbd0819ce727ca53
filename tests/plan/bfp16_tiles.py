"""Builds the tiles that the recipes of bfp16 convolutions stand for, with their arrays, to run on the emulated core."""

from __future__ import annotations

import numpy as np

from spinntensor.kernels.bfp16_round13_outer_u32 import panel_words
from spinntensor.kernels.pack_outer import BLOCK, pairs_of
from spinntensor.kernels.tile import At, Fetch, Step, Store
from spinntensor.kernels.tile import Tile as Built
from spinntensor.plan.recipes import bfp16_conv as recipes
from spinntensor.plan.recipes.bfp16_conv import FIELDS, FILL, GEMM, PIXELS, RESULT, ROUND, SHIFT, Tile
from spinntensor.plan.recipes.parts import spans

BITS = 27
"""Magnitude bits that make results of exponents 27 and 27 the sums themselves."""


def rounded(x: np.ndarray) -> np.ndarray:
    """13-bit mantissas."""
    return np.rint(x / 2.0**SHIFT).astype(np.int64)


def regions(recipe) -> dict[str, int]:
    return {r.name: r.nbytes for r in recipe.regions}


def _round(at: At, count: int) -> Step:
    return Step(ROUND, {"x": at, "quads": -(-count // 4), "shift": SHIFT})


def _halves(low: int, high: int) -> int:
    return (low & 0xFFFF) | (high & 0xFFFF) << 16


def fields(to: At, image: tuple[int, int], c: int, kernel, stride, out, corner, taps=(1, 1), side=1) -> Step:
    """Panels of what lies under a kernel, in the image at `x`, or in the weights at `a`."""
    height, width = image
    words = {
        "tile": height | width << 16,
        "row_stride": 2 * width * c,
        "pixel_stride": 2 * c,
        "block_stride": 2 * height * width * c,
        "channels": c | 1 << 16,
        "kernel": kernel[0] | kernel[1] << 8 | stride[0] << 16 | stride[1] << 24,
        "dilation": _halves(*taps),
        "corner": _halves(*corner),
        "out": out[0] | out[1] << 16,
        "chunk_words": side,
    }
    return Step(FIELDS, {"x": At("x" if side else "a"), "pad": At("zeros"), "panels": to, **words})


def product(m: int, n: int, k: int, c: At, b: At, ldc: int, accumulate: int = 0) -> Step:
    sizes = {"m": m, "n": n, "pairs": pairs_of(k), "ldc": ldc, "accumulate": accumulate}
    return Step(GEMM, {"a": At("a"), "b": b, "c": c, **sizes})


def results(m: int, n: int, y: At, ldy: int) -> Step:
    words = {"m": m, "n": n, "lds": n, "ldy": ldy, "bits": BITS, "count": At("counts")}
    return Step(RESULT, {"s": At("c"), "ea": At("exponents"), "eb": At("exponents", 4 * m), "y": y, **words})


def constants(t: Tile, m: int) -> list:
    return [
        Fetch("exponents", At("exponents"), np.full(m + t.outputs, BITS, np.int32)),
        Fetch("zeros", At("zeros"), np.zeros(max(t.channels, 4), np.int16)),
        Fetch("counts", At("counts"), np.zeros(2, np.uint32)),
    ]


def forward(t: Tile, rows: int, x: np.ndarray, w: np.ndarray, top: int) -> Built:
    """`recipes.forward(t, rows)` on one image x [H,W,C]; `top` rows of padding."""
    k, n = t.kernel[0] * t.kernel[1] * t.channels, t.outputs
    steps: list = [*constants(t, rows * t.out[1]), Fetch("w", At("a"), w), _round(At("a"), w.size)]
    words = {"rows": n, "columns": k, "lines": 1, "k_stride": 2 * n, "line_stride": 0, "chunk_words": 0}
    steps.append(Step(PIXELS, {"x": At("a"), "panels": At("b"), **words}))
    at = 0
    for size, count in spans(t.out[0], rows):
        for _ in range(count):
            first = at * t.stride[0] - top
            last = first + (size - 1) * t.stride[0] + t.kernel[0]
            part = x[max(first, 0) : last]
            steps += [Fetch(f"x{at}", At("x"), part), _round(At("x"), part.size)]
            corner = min(first, 0), -t.padding[1]
            out = size, t.out[1]
            steps.append(fields(At("a"), part.shape[:2], t.channels, t.kernel, t.stride, out, corner))
            steps.append(product(size * t.out[1], n, k, At("c"), At("b"), n))
            made = np.dtype(np.float32)
            steps += [
                results(size * t.out[1], n, At("y"), n),
                Fetch(f"e{at}", At("zeros"), np.zeros(4, np.int16)),
                Store(f"y{at}", At("y"), (size, t.out[1], n), made),
            ]
            at += size
    return Built("forward", regions(recipes.forward(t, rows)), tuple(steps))


def by_input(t: Tile, rows: int, c: np.ndarray, w: np.ndarray, padding: tuple[int, int]) -> Built:
    """`recipes.by_input(t, rows)` on one cotangent c [OH,OW,O]; w [KH,KW,C,O]."""
    (sy, sx), n, wide = t.stride, t.outputs, t.out[1]
    steps: list = [*constants(t, rows * wide), Fetch("w", At("a"), w), _round(At("a"), w.size)]
    kept, offset = [], 0
    for a in range(sy):
        for b in range(sx):
            # taps that reach image pixels of this class, whose first one is at (a - padding) mod stride
            ky, kx = (a + padding[0]) % sy, (b + padding[1]) % sx
            kh, kw = len(range(ky, t.kernel[0], sy)), len(range(kx, t.kernel[1], sx))
            if not kh * kw:
                continue
            last = ky + (kh - 1) * sy, kx + (kw - 1) * sx
            panels = At("b", offset)
            steps.append(
                fields(
                    panels, (t.kernel[0], t.kernel[1] * n), t.channels, (kh, kw), (1, 1), (1, n),
                    (last[0], last[1] * n), (-sy, -sx * n), 0,
                )
            )  # fmt: skip
            # pixel y = a + sy i is reached by outputs (y + padding - tap) / stride, the last tap first
            corner = (a + padding[0] - last[0]) // sy, (b + padding[1] - last[1]) // sx
            kept.append((a, b, kh, kw, corner, panels))
            offset += 4 * panel_words(n, kh * kw * t.channels, "b")
    high = recipes.reach(t.kernel[0], sy, padding[0])
    low = min(corner[0] for *_, corner, _ in kept)
    at = 0
    for size, count in spans(t.out[0], rows):
        for _ in range(count):
            first = at + low
            part = c[max(first, 0) : first + size + high - 1]
            steps += [Fetch(f"c{at}", At("x"), part), _round(At("x"), part.size)]
            if len(kept) < sy * sx:
                words = {"value": 0, "rows": 1, "words": size * sy * sx * wide * n}
                steps.append(Step(FILL, {"y": At("y"), "y_row": 0, **words}))
            for a, b, kh, kw, corner, panels in kept:
                begin = at + corner[0] - max(first, 0)
                shape = part.shape[:2]
                steps.append(
                    fields(At("a"), shape, t.channels, (kh, kw), (1, 1), (size, wide), (begin, corner[1]))
                )
                steps.append(product(size * wide, n, kh * kw * t.channels, At("c"), panels, n))
                place = At("y", 4 * n * (a * size * wide * sx + b))
                steps.append(results(size * wide, n, place, sx * n))
            steps.append(Store(f"y{at}", At("y"), (sy, size, sx * wide, n), np.dtype(np.float32)))
            at += size
    return Built("by input", regions(recipes.by_input(t, rows)), tuple(steps))


def by_weight(t: Tile, rows: int, x: np.ndarray, c: np.ndarray, padding: tuple[int, int]) -> Built:
    """`recipes.by_weight(t, rows)` on one image x [H,W,C] and its cotangent c [OH,OW,O]."""
    (kh, kw), (sy, sx), n, inner = t.kernel, t.stride, t.outputs, t.channels
    width, held = x.shape[1] + 2 * t.padding[1], x.shape[2]
    joined = held == inner
    m = kh * kw * inner
    steps: list = [
        Fetch("exponents", At("exponents"), np.full(m + n, BITS, np.int32)),
        Fetch("counts", At("counts"), np.zeros(2, np.uint32)),
    ]
    border = np.pad(x, ((padding[0], kh), (t.padding[1], t.padding[1]), (0, 0)))
    at = 0
    for size, count in spans(t.out[0], rows):
        for _ in range(count):
            part = border[at * sy : at * sy + (size - 1) * sy + kh]
            steps += [Fetch(f"x{at}", At("x"), part), _round(At("x"), part.size)]
            steps.append(Fetch(f"c{at}", At("c"), c[at : at + size]))
            wide, k = t.out[1], size * t.out[1]
            words = {"columns": wide, "lines": size}
            strides = {"k_stride": 2 * c.shape[2], "line_stride": 2 * c.shape[2] * wide}
            dense = {"x": At("c"), "panels": At("b"), "rows": n, **words, **strides, "chunk_words": 0}
            steps.append(Step(PIXELS, dense))
            steps.append(_round(At("b"), 2 * pairs_of(k) * BLOCK * -(-n // BLOCK)))
            strides = {"k_stride": 2 * sx * held, "line_stride": 2 * sy * width * held}
            for tap in range(kh) if joined else range(kh * kw):
                u, v = (tap, 0) if joined else divmod(tap, kw)
                size_ = kw * inner if joined else inner
                place = At("x", 2 * (u * width + v) * held)
                field = {"x": place, "panels": At("a"), "rows": size_, **words, **strides, "chunk_words": 1}
                steps.append(Step(PIXELS, field))
                target = At("sums", 8 * tap * size_ * n)
                steps.append(product(size_, n, k, target, At("b"), n, int(at > 0)))
            at += size
    words = {"m": m, "n": n, "lds": n, "ldy": n, "bits": BITS, "count": At("counts")}
    places = {"s": At("sums"), "ea": At("exponents"), "eb": At("exponents", 4 * m), "y": At("a")}
    steps += [Step(RESULT, {**places, **words}), Store("y", At("a"), (m, n), np.dtype(np.float32))]
    return Built("by weight", regions(recipes.by_weight(t, rows)), tuple(steps))
