"""Graphs of operations on bytes, their values drawn at random, and the comparison of a walked plan with the host."""

from __future__ import annotations

from collections import Counter

import numpy as np
from chips import counts_agree
from walking import EARLY, LATE, RANDOM, walk

from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import TensorType
from spinntensor.image.emit.action import Fetch, Step, Store
from spinntensor.image.rows import sites_of
from spinntensor.kernels.kernel import equal_bits
from spinntensor.kernels.quantize import limits, multipliers
from spinntensor.lower.box import sizes
from spinntensor.lower.site import dtype_of
from spinntensor.machine import host
from spinntensor.machine.geometry import chip
from spinntensor.ops import RULES
from spinntensor.plan.planner import plan


class Bytes:
    """A graph under construction; constants come from one seeded generator.

    Activations are `form`; a first input has its own layout, so `start` may pass it through a pooling of 1x1 windows,
    behind which it lies as activations do.
    """

    def __init__(self, seed=0, form="uint8", symmetric=True):
        self.rng, self.form = np.random.default_rng(seed), form
        self.b = Builder(RULES)
        self.low, self.high = limits(dtype_of(form))
        self.least = -127 if symmetric else -128

    def input(self, *shape):
        return self.b.input("x", TensorType(shape, self.form))

    def start(self, *shape):
        return self.pool(self.input(*shape), 1)

    def shape(self, x):
        return self.b[x].type.shape

    def number(self):
        return int(self.rng.integers(self.low, self.high + 1))

    def constant(self, data, form="int32"):
        return self.b.constant(np.asarray(data, dtype_of(form)), form)

    def requantized(self, acc, taps, relu=False, form=None, odd=True):
        form = form or self.form
        channels = self.shape(acc)[-1]
        m, p = multipliers(self.rng.uniform(0.5, 2, channels) / (75 * taps**0.5))
        bias = self.rng.integers(-(1 << 12), 1 << 12, channels)
        low, high = limits(dtype_of(form))
        zero = int(self.rng.integers(low, high + 1)) & ~1 | int(odd)
        ends = {"zero": zero, "low": zero if relu else low, "high": high, "relu": relu}
        rows = (self.constant(v) for v in (bias, m, p))
        return self.b.add("requantize", acc, *rows, format=form, axis=len(self.shape(acc)) - 1, **ends)

    def conv(self, x, channels, kernel=3, stride=1, padding="same", groups=1, **more):
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        stride = (stride, stride) if isinstance(stride, int) else stride
        if padding == "same":
            padding = tuple(
                n
                for size, k, s in zip(self.shape(x)[1:3], kernel, stride, strict=True)
                for whole in [max((-(-size // s) - 1) * s + k - size, 0)]
                for n in (whole // 2, whole - whole // 2)
            )
        each = self.shape(x)[-1] // groups
        w = self.rng.integers(self.least, 128, (*kernel, each, channels))
        given = {"dilation": (1, 1), "groups": groups, "padding": padding, "stride": stride}
        acc = self.b.add("conv2d", x, self.constant(w, "int8"), x_zero=self.number(), **given)
        return self.requantized(acc, each * kernel[0] * kernel[1], **more)

    def add(self, a, b, relu=False):
        ratios = {k: int(self.rng.integers(1 << 18, 1 << 20)) for k in ("a_ratio", "b_ratio")}
        zero = self.number()
        ends = {
            "zero": zero,
            "low": max(zero, self.low) if relu else self.low,
            "high": self.high,
            "relu": relu,
        }
        zeros = {"a_zero": self.number(), "b_zero": self.number()}
        return self.b.add("add_q", a, b, **ratios, **zeros, **ends)

    def pool(self, x, window, stride=None, padding=(0, 0, 0, 0)):
        window = (window, window) if isinstance(window, int) else window
        stride = window if stride is None else (stride, stride) if isinstance(stride, int) else stride
        return self.b.add("max_pool", x, window=window, stride=stride, padding=padding)

    def mean(self, x, window, stride=None, padding=(0, 0, 0, 0), scaled=False, count_border=True):
        window = (window, window) if isinstance(window, int) else window
        stride = window if stride is None else (stride, stride) if isinstance(stride, int) else stride
        zero = self.number()
        more = {"zero": zero, "zero_out": self.number() if scaled else zero, "count_border": count_border}
        more["multiplier"] = int((1 << 32) / (window[0] * window[1]) * 0.4) if scaled else None
        return self.b.add("avg_pool_q", x, window=window, stride=stride, padding=padding, **more)

    def dense(self, x, outputs, **more):
        k = self.shape(x)[-1]
        w = self.constant(self.rng.integers(self.least, 128, (k, outputs)), "int8")
        acc = self.b.add("matmul", x, w, a_zero=self.number(), b_zero=0)
        return self.requantized(acc, k, **more)

    def reshape(self, x, *shape):
        return self.b.add("reshape", x, shape=shape)

    def real(self, x):
        zero = (int(self.rng.integers(*limits(dtype_of(self.b[x].type.format)))),)
        return self.b.add("dequantize", x, axis=None, scale=(0.0123,), zero=zero)

    def graph(self, *outputs):
        return host.optimised(self.b.graph(outputs))


def values(graph, seed=0):
    """Random values of all inputs."""
    rng, found = np.random.default_rng(seed), {}
    for node in graph.inputs:
        shape, kind = node.type.shape, dtype_of(node.type.format)
        if kind == np.float32:
            found[node.id] = rng.standard_normal(shape).astype(np.float32)
        else:
            found[node.id] = rng.integers(*limits(kind), shape, kind, endpoint=True)
    return found


def agrees(graph, where=None, batch=1, objective="throughput", whens=(LATE, EARLY, RANDOM), made=None):
    """The plan of a graph, after its walk has given what the host gives; the names of its recipes."""
    where = where or chip()
    made = made or plan(graph, where, batch=batch, objective=objective)
    honest(made, graph, where)
    given = values(graph)
    want = host.execute(host.prepare(graph), given)
    for when in whens:
        outputs, _, done = walk(made, graph, where, given, when, seed=3)
        for got, expected in zip(outputs, want.outputs, strict=True):
            wrong = np.argwhere(np.asarray(got) != np.asarray(expected))
            assert equal_bits(got, expected), (when, len(wrong), wrong[:5].tolist())
        counts_agree(done.counts, {n: c for n, c in want.counts.items() if c})
    return made


def honest(made, graph, where):
    """Tiles call the kernels of their recipes, and move no more bytes than these say, padding and borders aside."""
    sites = sites_of(made, graph, where)
    for share in made.shares:
        site = sites.sites[share.stage]
        tasks = [task for task, worker in site.cut if worker == share.worker]
        for task, tile in zip(tasks, sites.tiles(share), strict=True):
            recipe = site.recipes[sizes(task.box)]
            calls = Counter()
            for call in recipe.calls:
                calls[call.kernel] += call.count
            assert Counter(a.kernel for a in tile.actions if isinstance(a, Step)) == calls, tile.name
            loaded = sum(
                a.nbytes for a in tile.actions if isinstance(a, Fetch) and a.operand not in ("pad", "border")
            )
            stored = [a for a in tile.actions if isinstance(a, Store)]
            assert loaded <= sum(t.nbytes + 8 * t.pieces for t in recipe.loads), tile.name
            assert sum(a.nbytes for a in stored) <= sum(t.nbytes + 8 * t.pieces for t in recipe.stores), (
                tile.name
            )
            assert len(stored) <= sum(t.pieces for t in recipe.stores), tile.name
