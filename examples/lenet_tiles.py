"""LeNet-5 in int8 as tile tasks on four emulated cores, cut by hand in two ways; the bits always equal the host's.

Layers run one after the other; within a layer each core's tile engine walks a program of its own, and every number is
computed by its kernels. The cores share one SDRAM, where all tensors lie: the host writes the images, starts the cores
and reads the answers. Weights are random, so the answers mean nothing. Run it: `python examples/lenet_tiles.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

import spinntensor as st
from spinntensor.emulator.core import Core
from spinntensor.emulator.memory import SDRAM_BASES, new_sdram
from spinntensor.formats import Grid, Int8
from spinntensor.kernels import dense_tile, pool_tile
from spinntensor.kernels.conv2d_tile import Conv2d
from spinntensor.kernels.dense_tile import Dense
from spinntensor.kernels.quantize import multipliers
from spinntensor.machine.several import Task, Together, together

CORES, IMAGE = 4, (32, 32, 1)
SHAPES = {
    "conv1": (5, 5, 1, 6),
    "conv2": (5, 5, 6, 16),
    "dense1": (400, 120),
    "dense2": (120, 84),
    "dense3": (84, 10),
}
"""Weights, outputs last. ReLU follows all but the last, 2x2 maximum pooling the convolutions."""
SDRAM = SDRAM_BASES[0]
TENSOR_BYTES, FREE_AT = 0x8_0000, SDRAM + 0x40_0000
"""Room for each tensor, the images being number 0; and where programs and constants begin."""


@dataclass(frozen=True)
class Layer:
    """A layer's integers: weights, bias and output on their grids; x_grid is that of its input."""

    weights: st.Tensor
    bias: st.Tensor
    x_grid: Grid
    grid: Grid
    relu: bool

    def __call__(self, x: st.Tensor) -> st.Tensor:
        y = st.quantize(sums(x, self.weights), self.grid, bias=self.bias, relu=self.relu)
        return st.max_pool2d(y, 2) if self.weights.ndim == 4 else y

    @property
    def operands(self) -> dict[str, Any]:
        """The same integers as arrays, for tiles: outputs first, quotients of scales as multipliers."""
        m, p = multipliers(self.bias.grid.scale / self.grid.scale)
        zero = int(self.grid.zero_point)
        return {
            "w": np.ascontiguousarray(np.moveaxis(self.weights.quantized().data, -1, 0)),
            "bias": self.bias.quantized().data,
            "m": m,
            "p": p,
            "zero": int(self.x_grid.zero_point),
            "zp": zero,
            "low": zero if self.relu else 0,
        }


@dataclass(frozen=True)
class Plan:
    """How the network is cut: pooled rows or outputs of a task, by layer; and who does what.

    Parameters
    ----------
    whole : a core takes whole images, its own through the dense layers at once by a matrix product; else all tasks of
        a layer are dealt in turn, dense ones being matrix-vector products.
    """

    cut: Mapping[str, int]
    whole: bool


PLANS = {
    "pieces of images dealt in turn": Plan(
        {"conv1": 2, "conv2": 1, "dense1": 32, "dense2": 24, "dense3": 8}, whole=False
    ),
    "whole images": Plan({"conv1": 4, "conv2": 5, "dense1": 24, "dense2": 48, "dense3": 10}, whole=True),
}


def sums(x: st.Tensor, weights: st.Tensor) -> st.Tensor:
    """The exact int32 sums of a layer."""
    if weights.ndim == 4:
        return st.conv2d(x, weights)
    return st.matmul(st.reshape(x, (x.shape[0], -1)), weights)


def lenet(x: st.Tensor, rng: np.random.Generator) -> list[Layer]:
    """The network with random weights, its grids calibrated layer by layer on the quantised images `x`."""
    layers = []
    for name, shape in SHAPES.items():
        spread = (2 / np.prod(shape[:-1])) ** 0.5
        weights = st.quantize(rng.normal(0, spread, shape), Int8(symmetric=True, axis=-1))
        acc, bias, relu = sums(x, weights), rng.normal(0, 0.1, shape[-1]), name != "dense3"
        y = st.dequantize(acc) + bias
        grid = st.calibrate(st.relu(y) if relu else y, "uint8")
        layers.append(Layer(weights, st.quantize(bias, acc.grid), x.grid, grid, relu))
        x = layers[-1](x)
    return layers


def up(size: int) -> int:
    """Pixels and vectors lie on double words, as transfers and the pooling kernels want them."""
    return -(-size // 8) * 8


def at(number: int, offset: int = 0) -> int:
    """SDRAM address of a tensor's byte."""
    return SDRAM + number * TENSOR_BYTES + offset


def convolution(number: int, layer: Layer, n: int, rows: int) -> Iterator[tuple[int, Task]]:
    """(image, task) of each band of `rows` pooled rows."""
    _, _, c, m = layer.weights.shape
    size = 32 if number == 0 else 14
    pooled, x_pitch, y_pitch = size // 2 - 2, 1 if c == 1 else up(c), up(m)
    for image in range(n):
        for first in range(0, pooled, rows):
            out = 2 * min(rows, pooled - first), size - 4
            tile, chunk = (out[0] + 4, size), (5, 5, c)
            conv = Conv2d(
                tile, c, m, (5, 5), (1, 1), (0, 0), out, chunk, -(-m // 3), pitch=(x_pitch, y_pitch)
            )
            x = np.zeros((*tile, x_pitch), np.uint8)  # its shape matters; the pixels are in SDRAM
            places = {
                "x": at(number, (image * size + 2 * first) * size * x_pitch),
                "y": at(number + 1, (image * pooled + first) * pooled * y_pitch),
            }
            yield image, Task(pool_tile.tile(conv, layer.operands | {"x": x}), places)


def dense(number: int, layer: Layer, n: int, block: int, share: int) -> Iterator[tuple[int, Task]]:
    """(first image, task) of each block of outputs and of `share` images as a matrix; 0: of one, as a vector."""
    k, m = layer.weights.shape
    whole, step = layer.operands, share or 1
    for image in range(0, n, step):
        for first in range(0, m, block):
            part = slice(first, min(first + block, m))
            own = {name: whole[name][part] for name in ("w", "bias", "m", "p")}
            outputs, images = part.stop - first, min(step, n - image)
            shape = Dense(k, outputs, (up(k), up(outputs)))
            x = np.zeros((images, up(k)) if share else up(k), np.uint8)
            tile = (dense_tile.batch if share else dense_tile.tile)(shape, whole | own | {"x": x})
            y = [at(number + 1, (image + i) * up(m) + first) for i in range(images)]
            places = {f"y {i}": a for i, a in enumerate(y)} if share else {"y": y[0]}
            yield image, Task(tile, {"x": at(number, image * up(k)), **places})


def deal(number: int, name: str, layer: Layer, n: int, plan: Plan, cores: int) -> list[list[Task]]:
    """The tasks of a layer by core."""
    share = -(-n // cores)
    if layer.weights.ndim == 4:
        made = convolution(number, layer, n, plan.cut[name])
    else:
        made = dense(number, layer, n, plan.cut[name], share if plan.whole else 0)
    own: list[list[Task]] = [[] for _ in range(cores)]
    for i, (image, task) in enumerate(made):
        own[image // share if plan.whole else i % cores].append(task)
    return own


def run(
    plan: Plan, images: np.ndarray, layers: Sequence[Layer], cores: Sequence[Core]
) -> tuple[np.ndarray, list[Together]]:
    """The answers of the network to uint8 `images` [N,32,32,1], and what the cores did in each layer."""
    n, free, steps = len(images), FREE_AT, []
    cores[0].write(at(0), images.tobytes())
    for number, (name, layer) in enumerate(zip(SHAPES, layers, strict=True)):
        steps.append(together(cores, deal(number, name, layer, n, plan, len(cores)), free))
        free = steps[-1].free
    answers = cores[0].read(at(len(layers)), n * up(10))
    return np.frombuffer(answers, np.uint8).reshape(n, up(10))[:, :10], steps


def macs(layer: Layer) -> int:
    """Multiply-accumulates for one image."""
    outputs = {25: 28 * 28, 150: 10 * 10}.get(int(np.prod(layer.weights.shape[:-1])), 1)
    return layer.weights.size * outputs


def report(title: str, layers: Sequence[Layer], n: int, steps: Sequence[Together]) -> str:
    """A line for each layer, and one for all; a core's rate counts the cycles in which it waits for others."""
    lines = [f"{title:44} tasks     cycles  cores busy  MAC per worker cycle"]
    for name, layer, step in zip(SHAPES, layers, steps, strict=True):
        rate = n * macs(layer) / (len(step.tasks) * step.cycles)
        lines.append(f"  {name:42} {sum(step.tasks):5} {step.cycles:10,} {step.busy:11.0%} {rate:21.2f}")
    cycles = sum(step.cycles for step in steps)
    busy = sum(step.busy * step.cycles for step in steps) / cycles
    tasks, rate = sum(sum(s.tasks) for s in steps), n * sum(map(macs, layers)) / (CORES * cycles)
    return "\n".join([*lines, f"  {'all layers':42} {tasks:5} {cycles:10,} {busy:11.0%} {rate:21.2f}"])


def main() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.random((12, *IMAGE), np.float32)
    x = st.quantize(pixels, st.calibrate(pixels, "uint8"))
    with st.counting() as counts:
        layers = lenet(x, rng)
        expected = reduce(lambda y, layer: layer(y), layers, x).quantized().data
    print(f"{len(pixels)} random images and random weights, quantised on the host:\n{counts}\n")
    pieces, whole = PLANS
    for title, n in ((pieces, 1), (pieces, 12), (whole, 12)):
        sdram = new_sdram(8 << 20)
        cores = [Core(strict=True, sdram=sdram) for _ in range(CORES)]
        answers, steps = run(PLANS[title], x.quantized().data[:n], layers, cores)
        print(report(f"{title}, {n} image{'s'[: n - 1]}", layers, n, steps))
        same = np.array_equal(answers, expected[:n])
        print(f"  answers {'equal to' if same else 'DIFFERENT from'} the host's{', bit for bit' * same}\n")


if __name__ == "__main__":
    main()
