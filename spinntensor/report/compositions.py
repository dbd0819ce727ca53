"""Benchmark cases of several kernels on one core: convolution tiles and a Strassen step, everything counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinntensor.emulator.core import Core
from spinntensor.image.store import Blob, blob
from spinntensor.kernels import Work, bfp16_tile, conv2d_tile, gemm_f32_tile, strassen_step, winograd_tile
from spinntensor.kernels.tile import Tile
from spinntensor.machine.tile import run_tile
from spinntensor.report.line import shape_text

SEED = 1


@dataclass(frozen=True)
class Composition:
    """A tile to measure.

    Parameters
    ----------
    name, shape : what its line says.
    tile : kernel calls and operands.
    expected : the host's result.
    result : what the tile stored, put together.
    work : logical work and issue bound.
    """

    name: str
    shape: str
    tile: Tile
    expected: np.ndarray
    result: Callable[[dict[str, np.ndarray]], np.ndarray]
    work: Work

    def run(self, core: Core, pick: Callable[[str], Blob] = blob) -> tuple[np.ndarray, int]:
        """The result and the model cycles of all calls, with the kernels' used code or what `pick` chooses."""
        done = run_tile(core, self.tile, pick)
        return self.result(done.stored), done.counters.cycles


def _y(stored: dict[str, np.ndarray]) -> np.ndarray:
    return stored["y"]


def _conv2d() -> Iterator[Composition]:
    for label, conv in conv2d_tile.BENCH.items():
        operands = conv2d_tile.sample(conv, np.random.default_rng(SEED))
        tile, expected = conv2d_tile.tile(conv, operands), conv2d_tile.twin(conv, operands)
        yield Composition(tile.name, label, tile, expected, _y, conv2d_tile.work(conv))


def _winograd() -> Iterator[Composition]:
    for shape in winograd_tile.bench:
        operands = winograd_tile.sample(np.random.default_rng(SEED), shape, False)
        sizes: dict[str, Any] = dict(shape)
        tile = winograd_tile.build(winograd_tile.WinogradTile(**sizes), operands)
        label = shape_text(shape)
        yield Composition(tile.name, label, tile, winograd_tile.twin(operands), _y, winograd_tile.work(shape))


def _float32() -> Iterator[Composition]:
    for shape in gemm_f32_tile.bench:
        operands = gemm_f32_tile.sample(np.random.default_rng(SEED), shape, False)
        tile = gemm_f32_tile.build(gemm_f32_tile.GemmTile(**shape), operands)
        label = shape_text(shape)
        expected, work = gemm_f32_tile.twin(operands), gemm_f32_tile.work(shape)
        yield Composition(tile.name, label, tile, expected, gemm_f32_tile.result, work)


def _bfp16() -> Iterator[Composition]:
    for shape in bfp16_tile.bench:
        operands = bfp16_tile.sample(np.random.default_rng(SEED), shape, False)
        cut = bfp16_tile.Bfp16Tile(**shape)
        tile, expected = bfp16_tile.build(cut, operands), bfp16_tile.twin(cut, operands)
        label = shape_text(shape)
        yield Composition(tile.name, label, tile, expected, bfp16_tile.result, bfp16_tile.work(shape))


def _strassen() -> Iterator[Composition]:
    m, k, n = 256, 256, 36
    rng = np.random.default_rng(SEED)
    a = rng.integers(-127, 128, (m, k), np.int8)
    b = rng.integers(0, 256, (k, n), np.uint8)
    tile = strassen_step.strassen_tile(a, b)
    expected = a.astype(np.int32) @ b.astype(np.int32)
    macs = m * k * n
    yield Composition(
        tile.name,
        f"m{m} n{n} k{k}",
        tile,
        expected,
        lambda stored: strassen_step.whole(stored, m, n),
        Work(macs, m * n, macs * 7 / 8 * 24 / 18),
    )


def compositions() -> Iterator[Composition]:
    """All of them, made as they are asked for."""
    yield from _conv2d()
    yield from _winograd()
    yield from _strassen()
    yield from _float32()
    yield from _bfp16()


NAMES = (conv2d_tile.NAME, winograd_tile.NAME, strassen_step.NAME, gemm_f32_tile.NAME, bfp16_tile.NAME)
