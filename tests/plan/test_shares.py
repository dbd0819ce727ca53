"""Shares: needs are those of the elements, waits imply all of them, and nothing else is kept."""

import time
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan.chains import chain

from spinntensor.errors import OperandError
from spinntensor.lower.box import cut, index
from spinntensor.plan.cut import Cut, Task
from spinntensor.plan.needs import HOST, HOST_IN, HOST_OUT, last_step, needs, step_boxes, tile_boxes
from spinntensor.plan.schedule import ordered, share_phases
from spinntensor.plan.share import JOIN, TILES, Share, Wait
from spinntensor.plan.shares import resident, shares
from spinntensor.plan.simulate import simulate
from spinntensor.plan.values import copies_of, values
from spinntensor.plan.waits import known, reduced, sequence


def written(made, number):
    """For each worker, the elements of a value that it leaves."""
    stage = made.lowered.maker[number]
    parts = made.cuts[stage]
    shape = made.lowered.graph[number].type.shape
    found = {}
    source = parts.joins() if parts.partial else ((task.box, w) for task, w in parts)
    for box, worker in source:
        mask = found.setdefault((stage, last_step(parts), worker), np.zeros(shape, bool))
        mask[index(box)] = True
    return found


def read(made, stage, number):
    """For each step and worker, the elements that it reads of an input, in the input's own shape."""
    shape, parts = made.lowered.graph[number].type.shape, made.cuts[stage.number]
    found = {}
    tiles = [(task if parts.partial else Task(task.box), TILES, worker) for task, worker in parts]
    joins = [(Task(box), JOIN, worker) for box, worker in parts.joins()] if parts.partial else []
    for task, step, worker in tiles + joins:
        boxes = made.reads(stage, task, step)
        if number in boxes:
            mask = found.setdefault((stage.number, step, worker), np.zeros(shape, bool))
            mask[index(boxes[number])] = True
    return found


@given(st.integers(0, 10_000))
@settings(max_examples=60)
def test_needs_are_those_of_the_elements(seed):
    made = chain(seed)
    lowered = made.lowered
    found = {
        (n.reader, n.maker)
        for n in needs(lowered, made.cuts, made.reads)
        if HOST not in (n.reader[0], n.maker[0])
    }
    exact, maybe = set(), set()
    for stage in lowered.stages:
        for number in stage.inputs:
            home = lowered.home(number)
            if home not in lowered.maker:
                continue
            for (reader, a), (maker, b) in product(
                read(made, stage, number).items(), written(made, home).items()
            ):
                if (a.reshape(-1) & b.reshape(-1)).any():
                    exact.add((reader, maker))
                elif number != home:
                    maybe.add((reader, maker))
        parts = made.cuts[stage.number]
        if parts.partial:
            for (box, joiner), (task, worker) in product(parts.joins(), parts):
                if box == task.box:
                    exact.add(((stage.number, JOIN, joiner), (stage.number, TILES, worker)))
    assert exact <= found
    assert found <= exact | maybe


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_rectangles_cover_what_the_tiles_do(seed):
    made = chain(seed)
    for stage, found in zip(made.lowered.stages, made.cuts, strict=True):
        shape = tuple(axis.size for axis in stage.axes)
        counts = np.zeros((*shape, stage.sums.size) if found.sums else shape, int)
        for boxes in tile_boxes(found, sums=True).values():
            for box in boxes:
                counts[index(box)] += 1
        assert (counts == 1).all()
        results = np.zeros(shape, int)
        for boxes in step_boxes(found).values():
            for box in boxes:
                results[index(box)] += 1
        assert (results == 1).all() or (found.sums and not found.partial)


def test_the_host_writes_inputs_and_reads_outputs():
    made = chain(3)
    found = needs(made.lowered, made.cuts, made.reads)
    assert {n.reader[0] for n in found if n.maker == HOST_IN} >= {0}
    last = len(made.cuts) - 1
    workers = set(made.cuts[last].joiners or made.cuts[last].owners)
    assert {n.maker for n in found if n.reader == HOST_OUT} == {
        (last, last_step(made.cuts[last]), w) for w in workers
    }


def assembled(made, phases=()):
    found = values(made.lowered, made.cuts, made.reads, made.layout, {}, phases=phases)
    return shares(
        made.lowered,
        made.cuts,
        made.work,
        needs(made.lowered, made.cuts, made.reads),
        copies_of(found),
        phases=phases,
        host=(100.0, 50.0),
    )


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=60)
def test_waits_that_are_left_out_hold_all_the_same(seed, state):
    made = chain(seed, state=state)
    full = assembled(made)
    order = (
        *ordered(full, (0,) * len(made.cuts), (1.0,) * len(made.cuts), 4),
        (len(full) - 2, len(full) - 1),
    )
    fewer = reduced(full, order)
    assert all(set(a.waits) <= set(b.waits) for a, b in zip(fewer, full, strict=True))
    run = simulate(fewer, order, batches=5, phases=share_phases(fewer, (0,) * len(made.cuts)))
    loads, ends = times(run)
    for share in full:
        if share.worker == HOST:
            continue
        for period, wait in product(range(5), share.waits):
            if period >= wait.periods and full[wait.share].worker != HOST:
                assert ends[wait.share, period - wait.periods] <= loads[share.number, period] + 1e-6


def times(run):
    """For each share and period, when its first transfer starts, and when its last is done; all have both."""
    loads = {(s.share, s.period): s.start for s in run.spans if s.kind == "lead"}
    ends = {(s.share, s.period): s.end for s in run.spans if s.kind == "tail"}
    return loads, ends


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_each_wait_that_is_kept_is_needed(seed):
    made = chain(seed, stages=3)
    full = resident(assembled(made))
    order = ordered(full, (0,) * len(made.cuts), (1.0,) * len(made.cuts), 4)
    fewer = reduced(full, order)
    assert reduced(fewer, order) == fewer
    for share in fewer:
        for wait in share.waits:
            without = [
                Share(**{**vars(s), "waits": tuple(w for w in s.waits if w != wait)}) if s is share else s
                for s in fewer
            ]
            (*clock, periods), place = known(without, order)[share.number], wait.share
            worker = full[place].worker
            needed = (periods - wait.periods) * len(order[worker]) + order[worker].index(place)
            assert clock[worker] <= needed or wait.periods > periods


def test_a_stage_may_not_work_before_what_it_reads_is_made():
    made = chain(1)
    with pytest.raises(OperandError, match="no stage in a phase before what it reads"):
        assembled(made, phases=(1, 0, 0, 0, 0))


def test_a_state_ties_a_batch_to_the_one_before():
    made = chain(2, state=True)
    full = assembled(made)
    last = len(made.cuts) - 1
    mine = [s for s in full if s.stage == last]
    assert mine
    assert all(Wait(s.number, 1) in s.waits for s in mine)


def test_shares_that_wait_in_a_circle_are_refused():
    a = Share(0, 0, TILES, 0, 1, 1.0, 1.0, 1.0, 1.0, 0, 0, (Wait(1),))
    b = Share(1, 0, TILES, 1, 1, 1.0, 1.0, 1.0, 1.0, 0, 0, (Wait(0),))
    with pytest.raises(OperandError, match="2 shares that wait in a circle"):
        sequence([a, b], [[0], [1]])
    with pytest.raises(OperandError, match="each of 0 to 1 once"):
        sequence([a, b], [[0], [0]])


def test_shares_of_a_large_network_are_made_quickly():
    made = large()
    start = time.perf_counter()
    full = assembled(made)
    order = ordered(resident(full), (0,) * len(made.cuts), (1.0,) * len(made.cuts), 16)
    fewer = reduced(resident(full), order)
    assert len(fewer) >= 70 * 16
    assert time.perf_counter() - start < 5  # some .6 s on a quiet core; loaded machines take more


def large():
    """Seventy stages of 16 workers with a thousand tiles each."""
    made = chain(5, stages=70, workers=16, images=True)
    cuts = []
    for stage in made.lowered.stages:
        spans = tuple(cut(a.size, a.size) for a in stage.axes)
        tiles = np.prod([len(s) for s in spans])
        cuts.append(Cut(spans, (), (), tuple(int(i * 16 // tiles) for i in range(tiles))))
    works = {
        key: made.works.get(key, made.works[0, TILES, 0])
        for key in product(range(70), (TILES, JOIN), range(16))
    }
    return replace(made, cuts=tuple(cuts), works=works)
