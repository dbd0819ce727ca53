"""Small workloads and machines to plan, and what must hold for every plan."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from spinntensor import nn
from spinntensor.abi import memory
from spinntensor.machine.geometry import ROOT, chip
from spinntensor.nn.workload import inference, training
from spinntensor.plan.code import code_bytes, room
from spinntensor.plan.execute import checked
from spinntensor.plan.keep import lowered_with
from spinntensor.plan.recipes.parts import OPERANDS_AT


def network(rng, widths=(3, 8, 12, 16, 24, 64, 128), window=nn.MaxPool2D):
    """A small network of convolutions with sizes drawn at random: strides, a branch, pooling, dense layers.

    widths : channels of layers; window : the pooling layer.
    """
    sizes = [int(rng.choice(widths)) for _ in range(3)]
    height, width = (int(n) for n in rng.integers(5, 15, 2))
    x = start = nn.Input((height, width, int(rng.choice([1, 3, 8]))))
    for channels in sizes:
        kernel = int(rng.choice([1, 3, 5]))
        stride = int(rng.choice([1, 1, 2]))
        x = nn.Conv2D(channels, kernel, strides=stride, padding="same", activation="relu")(x)
    if rng.integers(2):
        y = nn.Conv2D(sizes[-1], 3, padding="same")(x)
        x = nn.Activation("relu")(nn.Add()([x, y]))
    if rng.integers(2) and min(x.shape[:2]) >= 2:
        x = window(2)(x)
    x = nn.GlobalAveragePool()(x) if rng.integers(2) else nn.Flatten()(x)
    return nn.Model(start, nn.Dense(int(rng.integers(2, 40)))(x), name="random", seed=int(rng.integers(99)))


def small(seed, batch, format="int8", train=False):
    """The graph of a random small network, or of a step that trains it."""
    rng = np.random.default_rng(seed)
    model = network(rng) if format == "int8" else network(rng, (8, 12, 16, 24), nn.AveragePool2D)
    return (training if train else inference)(model, format, batch).graph


def machine(rng, dead=0):
    """A chip, with so many dead cores, and sometimes other figures."""
    numbers = rng.choice(18, dead, replace=False).tolist()
    made = chip().with_(sdram_mb_per_s=float(rng.choice([400, 600, 1000])))
    return made.without(cores={ROOT: numbers}) if dead else made


def valid(plan, graph, where):
    """All that a plan promises about its tiles, memories and workers."""
    lowered = lowered_with(graph, plan.recomputed)
    assert len(plan.layers) == len(lowered.stages)
    assert len(plan.workers) == where.workers
    room_bytes = memory.STACK_LIMIT - OPERANDS_AT
    for layer, stage in zip(plan.layers, lowered.stages, strict=True):
        checked(stage, layer.cut)
        assert set(layer.cut.workers) <= set(range(where.workers))
        assert 0 < layer.recipe.dtcm_bytes <= room_bytes
        ends = OPERANDS_AT
        for region in layer.recipe.regions:
            assert region.nbytes % 8 == 0
            ends += region.nbytes * region.places
        assert ends <= memory.STACK_LIMIT
        assert layer.cycles > 0
        assert layer.bound_by in ("issue", "dma", "doorbells", "host")
    assert code_bytes(k for layer in plan.layers for k in layer.recipe.code) <= room(where.facts)
    sdram(plan, where)
    shares(plan)


def sdram(plan, where):
    """Buffers that are alive in the same layer never share a byte, and none leaves the memory."""
    count = len(plan.layers)
    for now in range(-1, count + 1):
        spans = []
        for b in plan.buffers:
            if b.first <= now <= b.last or b.first < 0:
                spans += [
                    (b.address + i * b.stride, b.address + i * b.stride + b.nbytes) for i in range(b.copies)
                ]
        spans.sort()
        assert all(one[1] <= two[0] for one, two in pairwise(spans)), now
        assert not spans or spans[-1][1] <= where.facts.sdram_usable_bytes


def shares(plan):
    """Each worker's tiles are in its shares, each share is done once, and the time line keeps all waits."""
    numbers = [n for row in plan.order for n in row]
    assert sorted(numbers) == [s.number for s in plan.shares]
    for share in plan.shares:
        cut = plan.layers[share.stage].cut
        assert share.tiles == (cut.joiners if share.step == "join" else cut.owners).count(share.worker)
    done = {}
    for span in plan.spans:
        key = span.share, span.period
        done[key] = max(done.get(key, 0.0), span.end)
    for span in plan.spans:
        if span.lane >= 0:
            for wait in plan.shares[span.share].waits:
                before = done.get((wait.share, span.period - wait.periods))
                assert before is None or before <= span.start + 1e-6
