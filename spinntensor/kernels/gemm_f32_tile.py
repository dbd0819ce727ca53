"""A float32 matrix product on one core, conversions included: C[M,N] = A[M,K] B[K,N], each element rounded once.

A stays in the DTCM as mantissas; A's rows and B's columns arrive as float32, `group` at a time, in one staging
buffer. Where K is cut into chunks, operands arrive twice, first for the exponents of whole rows and columns, and
the int64 sums of all of C wait in the DTCM; else a group of columns is finished before the next one arrives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from spinntensor.kernels.block_float import PIECE, draw, magnitude_bits, product, prove
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Operands, Shape, Work
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile

NAME = "gemm_f32_tile"


@dataclass(frozen=True)
class GemmTile:
    """Sizes of a tile, and how it is cut.

    Parameters
    ----------
    m, n, k : C is [m,n], its sums have length k (1 to 8192).
    chunk : k that are in the DTCM at a time; all of them when 0.
    group : rows of A, or columns of B, that arrive at a time; even.
    """

    m: int
    n: int
    k: int
    chunk: int = 0
    group: int = 8

    @property
    def chunks(self) -> tuple[tuple[int, int], ...]:
        """First k of each chunk, and the one behind its last."""
        return _cut(self.k, self.chunk or self.k)


def _cut(size: int, step: int) -> tuple[tuple[int, int], ...]:
    return tuple((at, min(at + step, size)) for at in range(0, size, step))


def build(tile: GemmTile, operands: Operands) -> Tile:
    """The kernel calls of a, b (float32 [m,k] and [k,n]), with their places in the DTCM.

    Stores `y J`, the float32 columns of C from J on, and `counts`: rows of A and columns of B that are not finite,
    finite sums that became infinite (uint32). OperandError for operands or cuts that do not fit.
    """
    a = array(NAME, "a", operands["a"], np.float32, 2, {0: tile.m, 1: tile.k})
    b = array(NAME, "b", operands["b"], np.float32, 2, {0: tile.k, 1: tile.n})
    word(NAME, "k", tile.k, 1, PIECE)
    word(NAME, "group", tile.group + tile.group % 2, tile.group, 1 << 16)
    bits = magnitude_bits(tile.k)
    prove(NAME, tile.k, bits)
    depth = max(end - start for start, end in tile.chunks)
    group, even = min(tile.group, max(tile.m, tile.n)), tile.m + tile.m % 2
    whole = len(tile.chunks) > 1
    columns = tile.n if whole else min(group, tile.n)
    regions = {
        "x": 4 * group * depth,
        "a": 4 * even * depth,
        "b": 4 * (group + group % 2) * depth,
        "sums": 8 * tile.m * columns,
        "y": 4 * tile.m * columns,
        "tops": 4 * (tile.m + tile.n),
        "exponents": 4 * (tile.m + tile.n),
        "counts": 16,
    }
    actions = _chunked(tile, a, b, bits) if whole else _single(tile, a, b, bits)
    counts = Fetch("counts", At("counts"), np.zeros(4, np.uint32))
    last = Store("counts", At("counts"), (2,), np.dtype(np.uint32))
    return Tile(NAME, {name: -(-size // 8) * 8 for name, size in regions.items()}, (counts, *actions, last))


def _words(x: np.ndarray, rows: bool) -> dict[str, int | At]:
    """Layout of staged operands: some rows of A [R,K], or columns of B [K,R]."""
    (r, k) = x.shape if rows else x.shape[::-1]
    strides = (4, 4 * k, 8 * k) if rows else (4 * r, 4, 8)
    return {"x": At("x"), "rows": r, "k": k} | dict(
        zip(("k_stride", "row_stride", "pair_stride"), strides, strict=True)
    )


def _top(x: np.ndarray, rows: bool, line: int, accumulate: int) -> Step:
    return Step("convert_f32_top", _words(x, rows) | {"top": At("tops", 4 * line), "accumulate": accumulate})


def _panel(x: np.ndarray, rows: bool, line: int, to: At, bits: int, chunk: int) -> Step:
    # every chunk finds the same rows not finite: those after the first are counted in a word that nobody reads
    places: dict[str, int | At] = {
        "top": At("tops", 4 * line),
        "exponents": At("exponents", 4 * line),
        "panels": to,
    }
    count: dict[str, int | At] = {"count": At("counts", 8 if chunk else 0), "bits": bits}
    return Step("convert_f32_panel", _words(x, rows) | places | count)


def _product(tile: GemmTile, c: At, n: int, ldc: int, k: int, accumulate: int) -> Step:
    words = {"m": tile.m, "n": n, "k": k, "ldc": ldc, "accumulate": accumulate}
    return Step("gemm_f32_2x2_u64", {"a": At("a"), "b": At("b"), "c": c, **words})


def _result(tile: GemmTile, first: int, n: int, bits: int) -> Iterator[Step | Store]:
    places: dict[str, int | At] = {
        "s": At("sums"),
        "ea": At("exponents"),
        "eb": At("exponents", 4 * (tile.m + first)),
        "y": At("y"),
    }
    sizes: dict[str, int | At] = {
        "m": tile.m,
        "n": n,
        "lds": n,
        "ldy": n,
        "bits": bits,
        "count": At("counts", 4),
    }
    yield Step("convert_f32_result", places | sizes)
    yield Store(f"y {first}", At("y"), (tile.m, n), np.dtype(np.float32))


def _single(tile: GemmTile, a: np.ndarray, b: np.ndarray, bits: int) -> Iterator[Fetch | Step | Store]:
    for i, end in _cut(tile.m, tile.group):
        yield Fetch(f"a {i}", At("x"), np.ascontiguousarray(a[i:end]))
        yield _top(a[i:end], True, i, 0)
        yield _panel(a[i:end], True, i, At("a", 4 * i * tile.k), bits, 0)
    for j, end in _cut(tile.n, tile.group):
        x = np.ascontiguousarray(b[:, j:end])
        yield Fetch(f"b {j}", At("x"), x)
        yield _top(x, False, tile.m + j, 0)
        yield _panel(x, False, tile.m + j, At("b"), bits, 0)
        yield _product(tile, At("sums"), end - j, end - j, tile.k, 0)
        yield from _result(tile, j, end - j, bits)


def _chunked(tile: GemmTile, a: np.ndarray, b: np.ndarray, bits: int) -> Iterator[Fetch | Step | Store]:
    for c, (start, stop) in enumerate(tile.chunks):
        for i, end in _cut(tile.m, tile.group):
            x = np.ascontiguousarray(a[i:end, start:stop])
            yield Fetch(f"a {i} {start}", At("x"), x)
            yield _top(x, True, i, int(c > 0))
        for j, end in _cut(tile.n, tile.group):
            x = np.ascontiguousarray(b[start:stop, j:end])
            yield Fetch(f"b {j} {start}", At("x"), x)
            yield _top(x, False, tile.m + j, int(c > 0))
    for c, (start, stop) in enumerate(tile.chunks):
        for i, end in _cut(tile.m, tile.group):
            x = np.ascontiguousarray(a[i:end, start:stop])
            yield Fetch(f"a {i} {start}", At("x"), x)
            yield _panel(x, True, i, At("a", 4 * i * (stop - start)), bits, c)
        for j, end in _cut(tile.n, tile.group):
            x = np.ascontiguousarray(b[start:stop, j:end])
            yield Fetch(f"b {j} {start}", At("x"), x)
            yield _panel(x, False, tile.m + j, At("b"), bits, c)
            yield _product(tile, At("sums", 8 * j), end - j, tile.n, stop - start, int(c > 0))
    yield from _result(tile, 0, tile.n, bits)


def result(stored: Mapping[str, np.ndarray]) -> np.ndarray:
    """C, float32 [m,n], out of what the tile stored."""
    return np.concatenate([y for label, y in stored.items() if label.startswith("y ")], axis=1)


def twin(operands: Operands) -> np.ndarray:
    """C = A B, float32 [m,n], by the definition in `block_float`."""
    return product(operands["a"], operands["b"])


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    m, n, k = shape["m"], shape["n"], shape["k"]
    return {"a": draw(rng, (m, k), extreme), "b": np.ascontiguousarray(draw(rng, (n, k), extreme).T)}


def work(shape: Shape) -> Work:
    """The bound is that of the product alone: four cycles a MAC."""
    macs = shape["m"] * shape["n"] * shape["k"]
    return Work(macs, shape["m"] * shape["n"], 4 * macs)


bench = (
    {"m": 32, "n": 32, "k": 256},
    {"m": 32, "n": 64, "k": 256},
    {"m": 64, "n": 64, "k": 192, "group": 4},
    {"m": 48, "n": 48, "k": 512, "chunk": 128},
)
"""`GemmTile(**shape)`; the last one in chunks of k, whose operands arrive twice."""
