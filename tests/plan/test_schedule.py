"""Schedules: phases, order, the host's link, and a whole period put together."""

import time
from dataclasses import replace
from itertools import pairwise, product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan.chains import chain, random_cut
from plan.test_shares import large

from spinntensor.errors import OperandError, SDRAMError
from spinntensor.lower.box import cut
from spinntensor.lower.lowering import lower
from spinntensor.lower.views import ITEM_BYTES
from spinntensor.machine.facts import facts
from spinntensor.nn.models import MODELS
from spinntensor.nn.workload import inference, training
from spinntensor.plan.cut import Cut
from spinntensor.plan.layout import Layout
from spinntensor.plan.needs import HOST, rules
from spinntensor.plan.plan import BODY, INPUT, OUTPUT
from spinntensor.plan.schedule import (
    barriers,
    busiest,
    host_cycles,
    host_fed,
    ordered,
    phases_of,
    scheduled,
    sdram_cycles,
    share_phases,
)  # fmt: skip
from spinntensor.plan.share import TILES, Share
from spinntensor.plan.work import Work

FACTS = facts()


def plan_of(made, phases=1, rules=FACTS, **more):
    return scheduled(
        made.lowered, made.cuts, made.work, made.reads, made.layout, {}, rules, 4, 4, phases, **more
    )


@given(st.lists(st.integers(0, 20).map(float), min_size=1, max_size=12), st.integers(1, 5))
def test_phases_are_neighbours_in_ascending_order(cycles, count):
    phases = phases_of(cycles, count)
    assert len(phases) == len(cycles)
    assert phases[0] == 0
    assert all(b - a in (0, 1) for a, b in pairwise(phases))
    assert max(phases) < count


@given(st.integers(0, 10_000), st.integers(1, 3))
@settings(max_examples=25)
def test_a_period_holds_every_share_once_and_ends(seed, phases):
    made = chain(seed)
    found = plan_of(made, phases)
    assert found == plan_of(made, phases)
    assert sorted(n for row in found.order for n in row) == list(range(len(found.shares)))
    assert all(found.shares[n].worker == w for w, row in enumerate(found.order) for n in row)
    keys = {(s.stage, s.step, s.worker) for s in found.shares}
    for stage, parts in enumerate(made.cuts):
        assert {k[2] for k in keys if k[:2] == (stage, TILES)} == set(parts.owners)
    assert found.run.interval >= busiest(found.shares, found.order, found.bells) - 1e-6
    assert found.run.latency >= found.run.interval - 1e-6 or phases == 1
    assert found.fed.interval >= host_fed(found.run.interval, found.host) - 1e-6
    assert 0 < found.host_share <= 1 + 1e-9
    inputs = [s for s in found.line.spans if s.kind == INPUT]
    outputs = [s for s in found.line.spans if s.kind == OUTPUT]
    assert len(inputs) == len(outputs) == 3
    first = min(s.start for s in found.line.spans if s.kind == BODY)
    assert inputs[0].end <= first
    link = sorted((s.start, s.end) for s in found.line.spans if s.lane == HOST)
    assert all(a[1] <= b[0] + 1e-9 for a, b in pairwise(link))


def test_the_slower_of_machine_and_link_sets_the_pace():
    made = chain(7, images=True)
    slow, fast = plan_of(made), plan_of(made, rules=FACTS.with_(root_mbit_per_s=1e6))
    assert sum(slow.host) > 10 * slow.run.interval
    assert slow.fed.interval == pytest.approx(sum(slow.host))
    assert slow.host_share == pytest.approx(1)
    # the share that reads the inputs is rung once more, the one that makes the outputs rings once more
    assert fast.fed.interval == pytest.approx(fast.run.interval + 2 * fast.bells.cost)
    assert fast.host_share < 0.1
    assert host_fed(5.0, (2.0, 1.0)) == 5.0
    assert host_fed(2.0, (2.0, 1.0)) == 3.0


def test_the_link_carries_all_bytes_of_inputs_and_outputs():
    made = chain(7)
    inputs, outputs = host_cycles(made.lowered, made.layout, FACTS)
    sizes = [made.layout(n).nbytes for n in (0, made.lowered.graph.outputs[0])]
    assert inputs == pytest.approx(sizes[0] * 8 / 10e6 * 200e6)
    assert outputs == pytest.approx(sizes[1] * 8 / 10e6 * 200e6)


def test_phases_shorten_a_period_of_many_waits():
    made = chain(11, stages=8)
    one, two = plan_of(made), plan_of(made, 2)
    assert two.run.interval < one.run.interval
    assert sum(two.run.bubbles) < sum(one.run.bubbles)
    assert two.run.fill > 0
    assert two.memory.nbytes > one.memory.nbytes
    assert one.run.interval <= barriers(one.shares, one.bells) + one.bells.spacing * len(one.shares)


def test_variables_allow_one_phase():
    made = chain(2, state=True, images=True)
    assert plan_of(made).phases == (0,) * len(made.cuts)
    found = made.lowered.graph
    (variable,) = (n.id for n in found.nodes if n.op == "variable")
    first = made.lowered.stages[1]  # reads the state as well, in an earlier phase than it is written
    early = replace(first, inputs=(*first.inputs, variable))
    stages = (made.lowered.stages[0], early, *made.lowered.stages[2:])
    tied = replace(made, lowered=replace(made.lowered, stages=stages))

    def reads(stage, task, step):
        boxes = made.reads(made.lowered.stages[stage.number], task, step)
        return {**boxes, variable: ((0, 4), (0, 10))} if stage.number == 1 else boxes

    with pytest.raises(OperandError, match="one phase"):
        scheduled(
            tied.lowered, tied.cuts, tied.work, reads, tied.layout, {}, FACTS, 4, 4, len(made.cuts)
        )  # fmt: skip


def test_too_little_memory_is_refused():
    with pytest.raises(SDRAMError, match="sdram_usable_bytes gives 1,000"):
        plan_of(chain(1), rules=FACTS.with_(sdram_usable_bytes=1000))


def test_the_sdram_bounds_a_period():
    one = Share(0, 0, TILES, 0, 1, 1.0, 1.0, 1.0, 1.0, 1000, 500)
    assert sdram_cycles([one, one], FACTS) == pytest.approx(3000 / 600e6 * 200e6)


def test_an_idle_worker_has_an_empty_row():
    made = chain(1, stages=2)
    cuts = tuple(random_cut(Random(1), s, 1) for s in made.lowered.stages)
    found = plan_of(replace(made, cuts=cuts))
    assert found.order[1:] == ((), (), ())
    assert found.run.bubbles[1] == found.run.interval
    assert share_phases(found.shares, found.phases) == (0,) * len(found.shares)
    assert ordered(found.shares, found.phases, (1.0, 1.0), 4)[0] == found.order[0]


def test_a_large_network_is_scheduled_quickly():
    made = large()
    works = {k: made.work(*k) for k in product(range(70), (TILES,), range(16))}
    start = time.perf_counter()
    found = scheduled(
        made.lowered, made.cuts, lambda *key: works[key], made.reads, made.layout, {}, FACTS, 16, 4
    )
    assert time.perf_counter() - start < 10  # some 1.5 s on a quiet core
    assert found.run.settled


@pytest.mark.parametrize(("name", "format", "train"), [("resnet8", "int8", False), ("lenet5", "bfp16", True)])
def test_real_networks_are_scheduled(name, format, train):
    """Images dealt to four workers; training joins them in weights, so it waits and rings more."""
    made = MODELS[name]()
    work = training(made, format, 4) if train else inference(made, format, 4)
    lowered = lower(work.graph)
    cuts = tuple(by_images(stage) for stage in lowered.stages)

    def cost(stage, step, worker):
        return Work(100.0, 1000.0 + lowered.stages[stage].macs / 4, 100.0, 1.0, 64, 64)

    def layout(number):
        kind = lowered.graph[number].type
        return Layout(kind.shape, ITEM_BYTES[kind.format.partition("(")[0]])

    found = scheduled(lowered, cuts, cost, rules(lowered), layout, {}, FACTS, 4, 4)
    assert found.run.settled
    assert busiest(found.shares, found.order, found.bells) <= found.run.interval + 1e-6
    across = [w for s in found.shares for w in s.waits if found.shares[w.share].worker != s.worker]
    if train:
        assert across
        assert {b.role for b in found.memory.buffers} >= {"state", "activation", "weights"}
    else:
        assert not across  # images stay with their workers, in their arenas
        expected = busiest(found.shares, found.order, found.bells)
        assert found.run.interval == pytest.approx(expected, rel=1e-12)


def by_images(stage):
    """Rows of the first axis dealt to four workers, all of it to the first where it cannot be cut."""
    axes = [cut(axis.size, 4 if i == 0 else 1, axis.unit) for i, axis in enumerate(stage.axes)]
    count = len(axes[0]) if axes else 1
    return Cut(tuple(axes), (), (), tuple(range(count)))
