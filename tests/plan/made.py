"""Plans for the tests of reports: made up, but consistent - tiles, recipes, shares, time line and totals agree.

The layers are bottleneck blocks of convolutions, such as those of ResNet-50. Workers do their shares in order; a share
waits for those of the layers that it reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

import numpy as np

from spinntensor.lower.box import boxes, cut, sizes, whole
from spinntensor.machine.facts import facts
from spinntensor.plan.cut import Cut
from spinntensor.plan.needs import FETCH, HOST, RETURN
from spinntensor.plan.plan import (
    BODY,
    DOORBELLS,
    INPUT,
    LEAD,
    LINK,
    OUTPUT,
    TAIL,
    Buffer,
    Layer,
    Plan,
    Span,
    Totals,
)
from spinntensor.plan.recipe import Call, Recipe, Region, Transfer
from spinntensor.plan.share import TILES, Share, Wait

CLOCK = facts().clock_hz
ENGINE = 60
"""Cycles of the tile engine for a call or a transfer."""
WORD = 3.0 / 4
"""Cycles of a byte by DMA."""
BELLS = 300.0
"""Cycles of the doorbells that a share hears."""

Shape = tuple[str, str, int, int, int, int]
"""Name, kind, side of the image, channels read, channels made, taps."""


def shapes(blocks: int, rng: np.random.Generator) -> Iterator[Shape]:
    """Layers of a network of bottleneck blocks."""
    side, channels, width = 56, 64, 64
    yield "stem", "conv2d", 112, 3, 64, 49
    yield "stem_pool", "pool", side, 64, 64, 9
    for i in range(blocks):
        name, out = f"block{i}", 4 * width
        yield f"{name}_reduce", "conv2d", side, channels, width, 1
        yield f"{name}_conv", "conv2d", side, width, width, 9
        yield f"{name}_expand", "conv2d", side, width, out, 1
        if out != channels:
            yield f"{name}_shortcut", "conv2d", side, channels, out, 1
        yield f"{name}_add", "map", side, out, out, 1
        channels = out
        if i % 4 == 3 and side > 7:
            side, width = side // 2, 2 * width
    yield "pool", "pool", 1, channels, channels, side * side
    yield "classes", "matmul", 1, channels, int(rng.choice([10, 100, 1000])), 1


def recipe(kind: str, taps: int, c: int, n: int, h: int, w: int) -> Recipe:
    """What a tile of h x w pixels and n channels takes, by kernels of the package."""
    pixels = h * w
    row = -(-pixels * n // 8) * 8
    if kind in ("map", "pool"):
        name = "eltwise_max_u8" if kind == "pool" else "eltwise_add_s8"
        call = Call(name, (("n", pixels * n), ("scalar", 0)), taps)
        regions = (Region("x", row, 2), Region("y", row, 2))
        loads = (Transfer("x", row * taps, h), Transfer("y", row, h))
        return Recipe(f"{kind} {name}", regions, (call,), loads, (Transfer("r", row, h),))
    k = min(taps * c, 128)
    steps = -(-taps * c // k)
    calls = (
        Call("gemm_s8_2x4_outer_u32", (("accumulate", 0), ("k", k), ("m", n), ("n", pixels)), steps),
        Call("residual_add_u8_x16", (("counts", 3), ("n", pixels * n), ("odd", 0), ("relu", 0), ("ties", 0))),
    )
    regions = (
        Region("x", -(-pixels * min(c, 64) // 8) * 8, 2),
        Region("panel", -(-pixels * k // 8) * 8),
        Region("weights", -(-n * k // 8) * 8, 2),
        Region("sums", 4 * pixels * n + pixels * n % 2 * 4),
    )
    loads = (Transfer("x", pixels * c * taps // max(1, taps - 1), h), Transfer("w", n * taps * c, steps))
    name = "conv2d 3x3 im2col" if taps == 9 else f"{kind} 1x1"
    return Recipe(
        name, regions, calls, loads, (Transfer("r", row, h),), pixels * n * taps * c, 0,
        (("chunk", (1, 3, k)), ("group", n)),
    )  # fmt: skip


def made(seed: int = 1, blocks: int = 2, workers: int = 4, batch: int = 2, periods: int = 3) -> Plan:
    """A plan of `2 + 4 blocks + ...` layers, the same for equal arguments."""
    rng = np.random.default_rng(seed)
    found = list(shapes(blocks, rng))
    costs: list[dict[int, tuple[float, ...]]] = []
    layers: list[Layer] = []
    for number, one in enumerate(found):
        layer, work = _layer(number, one, workers, batch, rng)
        layers.append(layer)
        costs.append(work)
    shares = _shares(layers, costs, batch)
    order = tuple(tuple(s.number for s in shares if s.worker == w) for w in range(workers))
    spans = _spans(shares, order, periods)
    ends = {s.period: s.end for s in spans if s.kind == OUTPUT}
    period = ends[periods - 1] - ends[periods - 2]
    macs, used = sum(layer.macs for layer in layers), sum(s.issue for s in shares)
    buffers = _buffers(found, layers, batch)
    rate, fill = batch * CLOCK / period, ends[0]
    totals = Totals(
        rate, min(rate, 20.0), 1e3 * fill / CLOCK, period, fill, fill / 7, workers * period - used,
        macs / (17 * period), 0.9 / rate, min(1.0, rate / 20), max(b.address + b.nbytes for b in buffers),
    )  # fmt: skip
    slower = replace(totals, images_per_s=rate * 0.8, period_cycles=period / 0.8)
    return Plan(
        "made", "chip", "int8", "throughput", batch, tuple((0, 0, i + 1) for i in range(workers)), 17,
        tuple(layers), shares, order, buffers, totals, spans, (("SDRAM 400 MB/s, peripherals 5 cycles", slower),),
    )  # fmt: skip


def _layer(
    number: int, one: Shape, workers: int, batch: int, rng: np.random.Generator
) -> tuple[Layer, dict[int, tuple[float, ...]]]:
    """A layer, and for each of its workers tiles, lead, body, tail, issue, bytes loaded and stored."""
    name, kind, side, c, n, taps = one
    shape = (batch, side, side, n)
    rows = -(-side // max(1, 112 // side))
    spans = (cut(batch, batch), cut(side, rows), cut(side, 1), cut(n, -(-n // 32), 8))
    tiles = list(boxes(spans))
    owners = tuple(
        sorted(i * workers // len(tiles) if len(tiles) >= workers else i for i in range(len(tiles)))
    )
    made_cut = Cut(spans, order=(0, 1, 2, 3), owners=owners)
    largest = max(tiles, key=lambda box: prod(sizes(box)))
    _, h, w, m = sizes(largest)
    tile = recipe(kind, taps, c, m, h, w)
    tile = replace(tile, packed=taps * c * n if kind in ("conv2d", "matmul") else 0)
    issue = sum(call.cycles for call in tile.calls) + ENGINE * (len(tile.calls) + len(tile.loads))
    lead = WORD * sum(t.nbytes for t in tile.loads)
    tail = WORD * sum(t.nbytes for t in tile.stores)
    work = {}
    for worker in sorted(set(owners)):
        count = owners.count(worker)
        body = max(issue, lead + tail) * count * (1 + 0.1 * rng.random())
        loaded, stored = (count * sum(t.nbytes for t in ts) for ts in (tile.loads, tile.stores))
        work[worker] = (count, lead, body, tail, issue * count, loaded, stored)
    slowest = max(one[1] + one[2] + one[3] for one in work.values())
    kernels = sum(call.cycles for call in tile.calls) * len(tiles)
    engine = issue * len(tiles) - kernels
    dma = sum(w[1] + w[2] - w[4] for w in work.values())
    doorbells = BELLS * len(work)
    idle = max(0.0, workers * slowest - kernels - engine - dma - doorbells)
    terms = {"kernels": kernels, "engine": engine, "dma": dma, "doorbells": doorbells, "idle": idle}
    macs = prod(shape) * c * taps if kind in ("conv2d", "matmul") else 0
    bound = "issue" if issue > lead + tail else "dma"
    other = f"conv2d of 16 channels, tile 1 x {h} x {w} x 16, {slowest * 1.1:,.0f} cycles" if macs else ""
    sizes_by_axis = tuple(zip("nhwc", (1, h, w, m), strict=True))
    assert sum(prod(sizes(box)) for box in tiles) == prod(sizes(whole(shape)))
    return (
        Layer(number, name, kind, shape, macs, made_cut, tile, sizes_by_axis, slowest, terms, bound, other),
        work,
    )


def _shares(layers: list[Layer], costs: list[dict[int, tuple[float, ...]]], batch: int) -> tuple[Share, ...]:
    """The host's inputs, a share for each layer and worker, waiting for those of the layer before, and outputs."""
    shares = [_host(0, FETCH, batch, ())]
    before = [0]
    for layer, work in zip(layers, costs, strict=True):
        waits = tuple(Wait(number) for number in before)
        start = len(shares)
        for worker, cost in work.items():
            tiles, lead, body, tail, issue, loaded, stored = cost
            number = len(shares)
            moved = (int(loaded), int(stored), (*waits, Wait(number, 1)))
            shares.append(
                Share(number, layer.stage, TILES, worker, int(tiles), lead, body, tail, issue, *moved)
            )
        before = list(range(start, len(shares)))
    shares.append(_host(len(shares), RETURN, batch, tuple(Wait(number) for number in before)))
    return tuple(shares)


def _host(number: int, step: str, batch: int, waits: tuple[Wait, ...]) -> Share:
    return Share(number, HOST, step, HOST, 0, 0.0, 1e6 * batch, 0.0, 0.0, 0, 0, waits)


def _spans(shares: tuple[Share, ...], order: tuple[tuple[int, ...], ...], periods: int) -> tuple[Span, ...]:
    """What runs when: each worker, and the host, in order, each share when what it waits for is done."""
    ends: dict[tuple[int, int], float] = {}
    free = dict.fromkeys(range(-1, len(order)), 0.0)
    spans = []
    for period in range(periods):
        for share in shares:  # numbered so that what a share waits for comes before
            met = [ends.get((w.share, period - w.periods), 0.0) for w in share.waits]
            start = max([free[share.worker], *met])
            if share.worker == HOST:
                end = start + share.body
                spans.append(Span(LINK, LINK, period, start, end, INPUT if share.step == FETCH else OUTPUT))
            else:
                where, ready = (share.worker, share.number, period), start + share.lead
                end = ready + BELLS + share.body
                spans.append(Span(*where, start, ready, LEAD))
                spans.append(Span(*where, ready, ready + BELLS, DOORBELLS))
                spans.append(Span(*where, ready + BELLS, end, BODY))
                spans.append(Span(*where, end, end + share.tail, TAIL))
            free[share.worker] = end
            ends[share.number, period] = end + share.tail
    return tuple(spans)


def _buffers(found: list[Shape], layers: list[Layer], batch: int) -> tuple[Buffer, ...]:
    """Weights one behind the other, and activations in two halves that change places from layer to layer."""
    buffers, at = [], 0
    for layer in layers:
        if layer.recipe.packed:
            nbytes = -(-layer.recipe.packed // 8) * 8
            buffers.append(Buffer(f"{layer.name} weights", "weights", at, nbytes, -1, len(layers)))
            at += nbytes
    sizes_of = [-(-prod(layer.shape) // 8) * 8 for layer in layers]
    image = batch * 224 * 224 * 3
    buffers.append(Buffer("image", "input", at, image, -1, 0, 0))
    at += image
    for i, (layer, nbytes) in enumerate(zip(layers, sizes_of, strict=True)):
        role = "output" if i == len(layers) - 1 else "activation"
        place = at + (i % 2) * max(sizes_of)
        buffers.append(Buffer(layer.name, role, place, nbytes, i, min(i + 1, len(layers)), i + 1))
    at += 2 * max(sizes_of)
    buffers.append(
        Buffer("programs", "program", at, 64 * sum(one.cut.tiles for one in layers), -1, len(found))
    )
    return tuple(buffers)
