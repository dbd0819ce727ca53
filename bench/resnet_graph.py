"""ResNet-50 in int8 on the host beside onnxruntime in float32: images a second, peak memory, where the time goes.

    python bench/resnet_graph.py [--batch 8] [--runs 3]

The network is the real one in shape (v1.5: strides in the 3x3 convolutions, batch norms folded) with random weights.
Multipliers are chosen layer by layer from one image's sums, so that activations neither vanish nor saturate. Each side
runs in a process of its own with one thread. Times depend on the machine; run it on a quiet one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

THREADS = ("SPINNTENSOR_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))
"""Blocks, channels inside of them, stride of the first one."""
SIZE, CLASSES, SEED = 224, 1000, 50
RATE, MEMORY = 0.25, 1.5
"""Targets: times the images a second of onnxruntime, and GB at most."""


def resnet50(net: Any, x: Any) -> Any:
    """The network out of `net`'s layers: conv(x, channels, size, stride, relu), add, max_pool, mean, dense."""
    x = net.max_pool(net.conv(x, 64, 7, 2, True))
    for blocks, channels, stride in STAGES:
        for block in range(blocks):
            step = stride if block == 0 else 1
            y = net.conv(net.conv(x, channels, 1, 1, True), channels, 3, step, True)
            y = net.conv(y, 4 * channels, 1, 1, False)
            x = net.add(y, net.conv(x, 4 * channels, 1, step, False) if block == 0 else x)
    return net.dense(net.mean(x), CLASSES)


class Integers:
    """Layers of bytes in a graph, tried on one image while they are added, so that each finds its constants.

    A tensor is (node, its value for that image, its zero point).
    """

    def __init__(self, batch: int) -> None:
        from spinntensor.graph import TensorType
        from spinntensor.graph.builder import Builder
        from spinntensor.ops import RULES

        self.rng, self.batch, self.macs = np.random.default_rng(SEED), batch, 0
        self.build = Builder(RULES)
        self.input = self.build.input("x", TensorType((batch, SIZE, SIZE, 3), "uint8"))
        sample = self.rng.integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)
        self.output = resnet50(self, (self.input, sample, 128))[0]
        self.graph = self.build.graph((self.output,))

    def _apply(self, op: str, *operands: Any, **attributes: Any) -> tuple[int, np.ndarray]:
        from spinntensor.ops import OPERATIONS, Counted

        node = self.build.add(op, *(n for n, _ in operands), **attributes)
        value = OPERATIONS[op].run(*(v for _, v in operands), **attributes)
        return node, value.value if isinstance(value, Counted) else value

    def _constant(self, value: np.ndarray) -> tuple[int, np.ndarray]:
        return self.build.constant(value, value.dtype.name), value

    def _weights(self, *shape: int) -> tuple[int, np.ndarray]:
        return self._constant(np.clip(self.rng.normal(0, 40, shape), -127, 127).astype(np.int8))

    def conv(self, x: Any, channels: int, size: int, stride: int, relu: bool) -> Any:
        """Sums of mean 0 and deviation 45 steps in every channel: above 0 alone, or around 128."""
        from spinntensor.kernels.quantize import multipliers

        node, value, zero = x
        pad = (size // 2,) * 4
        where = {"stride": (stride, stride), "dilation": (1, 1), "padding": pad, "groups": 1, "x_zero": zero}
        kernel = self._weights(size, size, value.shape[3], channels)
        acc = self._apply("conv2d", (node, value), kernel, **where)
        self.macs += acc[1].size * kernel[1].size // channels
        sums = acc[1].reshape(-1, channels)
        m, p = multipliers(45 / np.maximum(sums.std(0), 1))
        constants = [self._constant(v) for v in (np.rint(-sums.mean(0)).astype(np.int32), m, p)]
        out = 0 if relu else 128
        clamp = {"format": "uint8", "zero": out, "low": 0, "high": 255, "axis": 3, "relu": relu}
        return *self._apply("requantize", acc, *constants, **clamp), out

    def add(self, a: Any, b: Any) -> Any:
        """The sum above 0, with a scale that clamps one element in a thousand."""
        from spinntensor.kernels.quantize import ratio

        total = (a[1].astype(np.int32) - a[2]) + (b[1].astype(np.int32) - b[2])
        factor = ratio(min(255 / max(float(np.quantile(total, 0.999)), 70.0), 3.5))
        attributes = {"a_zero": a[2], "b_zero": b[2], "a_ratio": factor, "b_ratio": factor}
        clamp = {"zero": 0, "low": 0, "high": 255, "relu": True}
        return *self._apply("add_q", a[:2], b[:2], **attributes, **clamp), 0

    def max_pool(self, x: Any) -> Any:
        return *self._apply("max_pool", x[:2], window=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1)), x[2]

    def mean(self, x: Any) -> Any:
        where = {"window": x[1].shape[1:3], "stride": (1, 1), "padding": (0, 0, 0, 0), "count_border": False}
        return *self._apply("avg_pool_q", x[:2], **where, zero=x[2], zero_out=x[2], multiplier=None), x[2]

    def dense(self, x: Any, classes: int) -> Any:
        channels = x[1].shape[3]
        flat = self.build.add("reshape", x[0], shape=(self.batch, channels))
        weights = self._weights(channels, classes)
        self.macs += channels * classes
        return *self._apply("matmul", (flat, x[1].reshape(1, -1)), weights, a_zero=x[2], b_zero=0), 0


class Floats:
    """The same layers as nodes of an ONNX graph."""

    def __init__(self, batch: int) -> None:
        from onnx import TensorProto, helper

        self.helper, self.rng = helper, np.random.default_rng(SEED)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.depth = {"x": 3}
        end = resnet50(self, "x")
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (("x", (batch, 3, SIZE, SIZE)), (end, (batch, CLASSES)))
        ]
        graph = helper.make_graph(self.nodes, "resnet50", ends[:1], ends[1:], self.weights)
        opset = [helper.make_opsetid("", 17)]
        self.model = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()

    def _add(self, op: str, *inputs: str, depth: int, **attributes: Any) -> str:
        name = f"{op}{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(op, list(inputs), [name], **attributes))
        self.depth[name] = depth
        return name

    def _drawn(self, *shape: int) -> str:
        from onnx import numpy_helper

        deviation = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.0
        value = (self.rng.standard_normal(shape) * deviation).astype(np.float32)
        self.weights.append(numpy_helper.from_array(value, f"w{len(self.weights)}"))
        return self.weights[-1].name

    def conv(self, x: str, channels: int, size: int, stride: int, relu: bool) -> str:
        weights = self._drawn(channels, self.depth[x], size, size), self._drawn(channels)
        where = {"kernel_shape": [size] * 2, "strides": [stride] * 2, "pads": [size // 2] * 4}
        y = self._add("Conv", x, *weights, depth=channels, **where)
        return self._add("Relu", y, depth=channels) if relu else y

    def add(self, a: str, b: str) -> str:
        return self._add("Relu", self._add("Add", a, b, depth=self.depth[a]), depth=self.depth[a])

    def max_pool(self, x: str) -> str:
        where = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}
        return self._add("MaxPool", x, depth=self.depth[x], **where)

    def mean(self, x: str) -> str:
        return self._add(
            "Flatten", self._add("GlobalAveragePool", x, depth=self.depth[x]), depth=self.depth[x]
        )

    def dense(self, x: str, classes: int) -> str:
        return self._add(
            "Gemm", x, self._drawn(classes, self.depth[x]), self._drawn(classes), depth=classes, transB=1
        )


def measured(run: Callable[[], object], runs: int) -> dict[str, float]:
    """Seconds of the best of several runs after a first one, and the process's peak of memory in GB."""
    run()
    times = []
    for _ in range(runs):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return {"seconds": min(times), "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def ours(batch: int, runs: int) -> dict[str, Any]:
    """The integer network: speed, memory, seconds by operation, saturated elements."""
    from spinntensor.machine.host import execute, optimised, prepare
    from spinntensor.ops import OPERATIONS

    spent: Counter[str] = Counter()

    def timed(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*operands: Any, **attributes: Any) -> Any:
            start = perf_counter()
            result = run(*operands, **attributes)
            spent[name] += perf_counter() - start
            return result

        return watched

    net = Integers(batch)
    watched = {name: replace(o, run=timed(name, o.run)) for name, o in OPERATIONS.items()}
    graph = optimised(net.graph)
    program = prepare(graph, watched)
    images = np.random.default_rng(1).integers(0, 256, (batch, SIZE, SIZE, 3), np.uint8)
    found = measured(lambda: execute(program, {net.input: images}), runs)
    spent.clear()
    result = execute(program, {net.input: images})
    saturated = sum(counts.get("saturated", 0) for counts in result.counts.values())
    bytes_made = sum(n.type.size for n in graph.nodes if n.op in ("requantize", "add_q"))
    return {**found, "macs": net.macs, "spent": dict(spent), "saturated": saturated / bytes_made}


def theirs(batch: int, runs: int) -> dict[str, Any]:
    """The float32 network in onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(Floats(batch).model, options, providers=providers)
    images = np.random.default_rng(1).standard_normal((batch, 3, SIZE, SIZE)).astype(np.float32)
    return measured(lambda: session.run(None, {"x": images}), runs)


def apart(side: str, batch: int, runs: int) -> dict[str, Any]:
    """What one side measures in a process with one thread."""
    command = [
        sys.executable,
        str(Path(__file__)),
        "--side",
        side,
        "--batch",
        str(batch),
        "--runs",
        str(runs),
    ]
    environment = os.environ | dict.fromkeys(THREADS, "1")
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--side", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        print(json.dumps({"ours": ours, "theirs": theirs}[given.side](given.batch, given.runs)))
        return
    mine = apart("ours", given.batch, given.runs)
    rate = given.batch / mine["seconds"]
    print(f"int8 on the host, batch {given.batch}, one thread: {rate:.2f} images/s, {mine['seconds']:.2f} s")
    print(f"  {rate * mine['macs'] / 1e9:.1f} GMAC/s, {100 * mine['saturated']:.2f} % of the bytes saturated")
    for name, seconds in sorted(mine["spent"].items(), key=lambda item: -item[1]):
        print(f"  {name:<12} {seconds:8.3f} s  {100 * seconds / sum(mine['spent'].values()):5.1f} %")
    verdict = "PASS" if mine["gigabytes"] < MEMORY else "MISS"
    print(f"peak memory {mine['gigabytes']:.2f} GB   target < {MEMORY} GB   {verdict}")
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        print(f"ratio to onnxruntime: skipped, {' and '.join(missing)} not installed")
        return
    peer = given.batch / (other := apart("theirs", given.batch, given.runs))["seconds"]
    print(f"float32 in onnxruntime: {peer:.2f} images/s, peak memory {other['gigabytes']:.2f} GB")
    verdict = "PASS" if rate > RATE * peer else "MISS"
    print(f"ratio {rate / peer:.3f}   target > {RATE}   {verdict}")


if __name__ == "__main__":
    main()
