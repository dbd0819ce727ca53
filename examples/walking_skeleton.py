"""Two int8 convolutions as tile tasks in SDRAM, walked by the tile engine on one emulated core.

The same network runs twice: by im2col and by Winograd. Bands of rows stream through the core's 64 KB while the band
before is computed; the bits equal the host's both times. Run it: `python examples/walking_skeleton.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spinntensor.emulator.core import Core
from spinntensor.image.pipeline import pipeline
from spinntensor.kernels import conv2d_tile, winograd_tile
from spinntensor.kernels.conv2d_tile import Conv2d
from spinntensor.kernels.quantize import multipliers
from spinntensor.kernels.tile import Fetch, Store, Tile
from spinntensor.kernels.winograd_tile import WinogradTile
from spinntensor.machine.tile_engine import OPERANDS_AT, Execution, execute
from spinntensor.report import timeline

SDRAM = 0x6000_0000
PROGRAM_AT = SDRAM
CONSTANTS_AT = SDRAM + 0x1_0000
TENSORS_AT = SDRAM + 0x4_0000
TENSOR_BYTES = 0x1_0000
SIZES, CHANNELS = (20, 18, 16), (16, 24, 16)
BANDS = {"im2col": (3, 4), "winograd": (6, 4)}
"""Output rows of a tile, for each layer."""


@dataclass(frozen=True)
class Layer:
    """A 3x3 convolution without padding, quantised: weights [M,3,3,C], and constants of its requantisation."""

    w: np.ndarray
    constants: dict[str, object]


def network(rng: np.random.Generator) -> tuple[Layer, ...]:
    """Two layers with random weights; ReLU is the clamp at the zero point."""
    layers = []
    for c, m in pairwise(CHANNELS):
        scales = rng.uniform(0.5, 2, m) / (75 * (9 * c) ** 0.5)
        multiplier, shift = multipliers(scales)
        bias = rng.integers(-(1 << 12), 1 << 12, m, np.int32)
        constants = {
            "bias": bias,
            "m": multiplier,
            "p": shift,
            "zero": 7,
            "zp": 7,
            "low": 7,
            "dtype": np.uint8,
        }
        layers.append(Layer(rng.integers(-127, 127, (m, 3, 3, c), np.int8, endpoint=True), constants))
    return tuple(layers)


def convolution(layer: Layer, rows: int, width: int) -> Conv2d:
    """The layer's convolution on a band that gives `rows` rows of output."""
    m, _, _, c = layer.w.shape
    return Conv2d((rows + 2, width), c, m, (3, 3), (1, 1), (0, 0), (rows, width - 2), (3, 3, c), -(-m // 3))


def tiles(layers: tuple[Layer, ...], plan: str) -> Iterator[tuple[int, int, Tile]]:
    """(layer, first output row, tile) of every band; only shapes matter, the pixels are in SDRAM."""
    for number, layer in enumerate(layers):
        width, c, m = SIZES[number], CHANNELS[number], CHANNELS[number + 1]
        rows = BANDS[plan][number]
        for first in range(0, SIZES[number + 1], rows):
            x = np.zeros((rows + 2, width, c), np.uint8)
            if plan == "im2col":
                operands = layer.constants | {"x": x, "w": layer.w}
                yield number, first, conv2d_tile.tile(convolution(layer, rows, width), operands)
            else:
                w = np.ascontiguousarray(layer.w.transpose(0, 3, 1, 2))
                shape = WinogradTile(rows // 2, width // 2 - 1, c, m, group=-(-m // 3) * 3)
                yield number, first, winograd_tile.build(shape, layer.constants | {"x": x, "w": w})


def run(plan: str, x: np.ndarray, layers: tuple[Layer, ...], core: Core) -> tuple[np.ndarray, Execution]:
    """Run the network by `plan`; returns the output and what the core did."""
    listed = list(tiles(layers, plan))
    data: dict[int, bytes] = {TENSORS_AT: x.tobytes()}
    where: dict[bytes, int] = {}

    def place(i: int, transfer: Fetch | Store) -> int:
        number, first, _ = listed[i]
        if transfer.label == "x":
            return TENSORS_AT + number * TENSOR_BYTES + first * SIZES[number] * CHANNELS[number]
        if transfer.label == "y":
            return TENSORS_AT + (number + 1) * TENSOR_BYTES + first * SIZES[number + 1] * CHANNELS[number + 1]
        content = transfer.data.tobytes()
        if content not in where:
            where[content] = CONSTANTS_AT + sum(-(-len(b) // 8) * 8 for b in where)
            data[where[content]] = content
        return where[content]

    piped = pipeline([tile for *_, tile in listed], place, OPERANDS_AT)
    done = execute(core, piped.commands, PROGRAM_AT, data, piped.regions)
    shape = (SIZES[-1], SIZES[-1], CHANNELS[-1])
    raw = core.read(TENSORS_AT + len(layers) * TENSOR_BYTES, int(np.prod(shape)))
    return np.frombuffer(raw, np.uint8).reshape(shape), done


def host(x: np.ndarray, layers: tuple[Layer, ...]) -> np.ndarray:
    """The network by the definition of its convolutions, a layer at a time."""
    for layer in layers:
        whole = convolution(layer, x.shape[0] - 2, x.shape[1])
        x = conv2d_tile.twin(whole, layer.constants | {"x": x, "w": layer.w})
    return x


def main() -> None:
    rng = np.random.default_rng(1)
    x, layers = rng.integers(0, 256, (SIZES[0], SIZES[0], CHANNELS[0]), np.uint8), network(rng)
    expected = host(x, layers)
    macs = sum(9 * c * m * n * n for (c, m), n in zip(pairwise(CHANNELS), SIZES[1:], strict=True))
    for plan in BANDS:
        output, done = run(plan, x, layers, Core(strict=True))
        cycles, moving = (
            done.counters.cycles,
            sum(s.end - s.start for s in done.spans if s.lane.startswith("dma")),
        )
        same = (
            "equal to the host's, bit for bit"
            if np.array_equal(output, expected)
            else "DIFFERENT from the host's"
        )
        print(f"{plan}: {cycles:,} model cycles, {macs / cycles:.2f} MAC/cycle, result {same}")
        print(timeline.text(done.spans))
        print(
            f"{moving:,} cycles of DMA, {timeline.overlap(done.spans) / moving:.0%} of them while a kernel ran\n"
        )


if __name__ == "__main__":
    main()
