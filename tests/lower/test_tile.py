"""What a tile says it reads: all that it then reads, and no more than the smallest box that holds it."""

from dataclasses import replace

import numpy as np
import pytest
from cutting import cut_of, graph_of, small_resnet, training, values_of

import spinntensor as sp
from spinntensor.lower import lower
from spinntensor.lower.box import whole
from spinntensor.lower.operations import LOWERED
from spinntensor.lower.site import hull, part_of
from spinntensor.lower.tile import Work, at_home
from spinntensor.machine.host import evaluate
from spinntensor.nn.optimizers import SGD


@pytest.mark.parametrize("form", ["bfp16", "float32"])
def test_reads_are_what_is_fetched(form):
    graph = training(small_resnet(), form, 3, 3, SGD(0.1))
    lowered, values = lower(graph), values_of(graph)
    every = tuple({i for s in lowered.stages for i in s.inputs})
    wanted = replace(lowered.graph, outputs=every, updates=())
    known = dict(zip(every, evaluate(wanted, values, LOWERED)[0], strict=True))
    rng = np.random.default_rng(2)
    for stage in lowered.stages:
        work, cut = Work(lowered, stage), cut_of(rng, stage)
        parts = {}
        for task, _ in cut:
            seen = {}

            def fetch(number, box, seen=seen):
                seen.setdefault(number, []).append(box)
                return part_of(known[number], box)

            if cut.partial:
                left = work.partial(task.box, task.sums, fetch, lambda number, found: None)
                parts.setdefault(task.box, []).append((task.sums, left))
            else:
                work.run(task.box, fetch, lambda number, found: None)
            assert work.reads(task.box, task.sums if cut.partial else None) == {
                i: hull(b) for i, b in seen.items()
            }
        for box, found in parts.items():
            seen = {}
            ordered = [part for _, part in sorted(found, key=lambda entry: entry[0])]
            work.join(box, ordered, fetch, lambda number, found: None)
            _, site, split = work.summing
            beside = {site.node.inputs[place]: at for place, at in split.beside(site).items()}
            assert work.reads(box, joining=True) == {i: hull(b) for i, b in seen.items()} | beside


def test_boxes_of_views_at_home():
    graph, _ = graph_of(lambda x: sp.reshape(sp.exp(x), (3, 2, 4)) * 2.0, [np.ones((6, 4), np.float32)])
    lowered = lower(graph)
    (number,) = lowered.stages[1].inputs
    home, box = at_home(lowered, number, ((1, 2), (0, 2), (1, 3)))
    assert home == lowered.stages[0].results[0] and box == ((2, 4), (1, 3))
    assert at_home(lowered, home, whole((6, 4))) == (home, whole((6, 4)))
