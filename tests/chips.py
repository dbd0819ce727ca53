"""Small graphs on an emulated chip, for the tests of sessions and runners."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from planning import small

from spinntensor import nn
from spinntensor.image.image import image_of
from spinntensor.machine.geometry import ROOT, chip
from spinntensor.nn.workload import inference, training
from spinntensor.plan.planner import plan


def where(dead=(), **figures):
    """A chip without some of its cores, and with other figures."""
    made = chip().with_(**figures) if figures else chip()
    return made.without(cores={ROOT: list(dead)}) if dead else made


@lru_cache(16)
def image(seed, batch=2, format="int8", objective="throughput", dead=()):
    """The image of a small random network, and its graph."""
    graph, machine = small(seed, batch, format), where(dead)
    made = plan(graph, machine, objective=objective, batch=batch)
    return image_of(made, graph, machine), graph


@lru_cache(4)
def tiny(format="int8", dead=(), train=False):
    """The image of a network that runs in a moment, or of a step that trains it, and its graph."""
    start = nn.Input((6, 6, 3))
    x = nn.Conv2D(8, 3, padding="same", activation="relu")(start)
    x = nn.Activation("relu")(nn.Add()([nn.Conv2D(8, 3, padding="same")(x), x]))
    model = nn.Model(start, nn.Dense(5)(nn.GlobalAveragePool()(x)), name="tiny", seed=1)
    graph, machine = (training if train else inference)(model, format, 2).graph, where(dead)
    return image_of(plan(graph, machine, objective="throughput", batch=2), graph, machine), graph


def counts_agree(mine, theirs):
    """What a chip counted is what the host counted, but in nodes whose kernels do not count; these."""
    silent = {node for node, found in mine.items() if "uncounted" in found}
    counted = [{n: dict(c) for n, c in some.items() if n not in silent} for some in (mine, theirs)]
    assert counted[0] == counted[1]
    return silent


def values(graph, count, seed=0):
    """Values of inputs and variables for so many batches; variables stay the same."""
    rng = np.random.default_rng(seed)
    held = {n.id: _drawn(rng, n) for n in graph.nodes if n.op == "variable"}
    return [{n.id: _drawn(rng, n) for n in graph.inputs} | held for _ in range(count)]


def _drawn(rng, node):
    kind = node.type
    if kind.format == "float32":
        return np.asarray(rng.random(kind.shape, np.float32) + (kind.shape == ()))
    return rng.integers(0, 3, kind.shape).astype(kind.format)
