"""One interface for all executors: the same bits and counts on the host and on an emulated chip."""

from collections import Counter
from functools import lru_cache

import numpy as np
import pytest
from chips import counts_agree, tiny, values, where
from planning import small

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import GraphError, OperandError
from spinntensor.kernels import kernel
from spinntensor.lower.box import sizes
from spinntensor.machine import call
from spinntensor.machine.current import chosen
from spinntensor.machine.grammar import Host, parse
from spinntensor.machine.record import recording
from spinntensor.machine.runner import ChipRunner, HostRunner, runner

pytest.importorskip("unicorn")

DEAD = (3, 4, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17)
"""Cores without which a chip has four workers."""


def agree(graph, machine, batches=3, **options):
    """A chip gives what the host gives; the record of its run."""
    given = values(graph, batches)
    want = list(HostRunner(graph).run(given))
    with recording() as runs:
        got = list(ChipRunner(graph, machine, **options).run(given))
    assert len(got) == len(want)
    for mine, theirs in zip(got, want, strict=True):
        for a, b in zip(mine.outputs, theirs.outputs, strict=True):
            np.testing.assert_array_equal(np.asarray(a).view(np.uint8), np.asarray(b).view(np.uint8))
        counts_agree(mine.counts, theirs.counts)
    return runs[0]


PLANS = [
    pytest.param({}, id="16 workers"),
    pytest.param({"objective": "latency"}, id="latency"),
    pytest.param({"dead": DEAD}, id="4 workers"),
]


@pytest.mark.parametrize("options", PLANS)
@pytest.mark.parametrize("format", ["int8", "float32"])
@pytest.mark.parametrize("seed", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
def test_random_networks_have_the_hosts_bits(seed, format, options):
    options = dict(options)
    machine = where(options.pop("dead", ()))
    batch = 1 if "objective" in options else 2
    record = agree(small(seed, batch, format), machine, **options)
    assert record.batches == 3 and record.model_cycles > 0
    assert all(layer.cycles > 0 for layer in record.layers)


@pytest.mark.parametrize("options", PLANS)
def test_what_kernels_clamp_is_counted_as_on_the_host(options):
    """Inputs far beyond those that the network was calibrated for: many results saturate, and all are counted."""
    options = dict(options)
    machine = where(options.pop("dead", ()))
    graph = tiny()[1]
    given = [{i: 20 * x for i, x in one.items()} for one in values(graph, 3)]
    want = list(HostRunner(graph).run(given))
    made = ChipRunner(graph, machine, **options)
    for mine, theirs in zip(made.run(given), want, strict=True):
        silent = counts_agree(mine.counts, theirs.counts)
        assert len(silent) <= 1
        assert sum(c["saturated"] for n, c in mine.counts.items() if n not in silent) > 50


def test_quantum_and_threads_change_no_bit_and_threads_no_cycle():
    graph = small(3, 2)
    one, two = (agree(graph, where(), threads=n).model_cycles for n in (1, 2))
    assert one == two
    agree(graph, where(), quantum=700)


def test_results_stream_in_order_over_several_runs():
    graph = small(0, 2)
    made, given = ChipRunner(graph, where()), values(graph, 7)
    want = [r.outputs[0] for r in HostRunner(graph).run(given)]
    got = [r.outputs[0] for part in (given[:3], given[3:4], given[4:]) for r in made.run(part)]
    np.testing.assert_array_equal(got, want)
    assert list(made.run([])) == []


@lru_cache
def multiplies_of(name, shape):
    """Multiply instructions of a kernel, called by itself; those depend on its sizes alone."""
    found = kernel(name)
    full = {dim: low for dim, (low, _) in found.dims.items()} | dict(shape)
    return call.run(found, found.sample(np.random.default_rng(0), full, False)).counters.multiplies


def planned_multiplies(layer):
    """Multiply instructions of all kernels that the tiles of a planned layer call, and the joining of its sums."""
    tiles = [(*task.box, *(() if task.sums is None else (task.sums,))) for task, _ in layer.cut]
    joins = [box for box, _ in layer.cut.joins()] if layer.cut.partial else []
    recipes = [dict(layer.recipes)[sizes(t)] for t in tiles] + [dict(layer.joins)[sizes(b)] for b in joins]
    return sum(c.count * multiplies_of(c.kernel, c.shape) for r in recipes for c in r.calls)


DOORBELL = 3
"""Multiply instructions of the tile engine for a doorbell, at most; nothing else that it does takes any."""


@pytest.mark.parametrize("format", ["int8", "float32"])
def test_multiplies_of_layers_are_those_of_the_plan(format):
    record = agree(small(0, 2, format), where())
    shares = Counter(share.stage for share in record.plan.shares)
    workers = len(record.plan.workers)
    for layer, planned in zip(record.layers, record.plan.layers, strict=True):
        wanted = planned_multiplies(planned)
        assert 0 <= layer.multiplies - wanted <= DOORBELL * workers * shares[planned.stage]
        assert "winograd" in planned.recipe.kernel or wanted >= planned.macs
    found = sum(layer.multiplies for layer in record.layers)
    assert found == pytest.approx(sum(map(planned_multiplies, record.plan.layers)), rel=0.05)
    counted = sum(core.multiplies for core in record.cores) / record.batches
    assert found == pytest.approx(counted, rel=1e-3) and found <= counted


def test_a_model_predicts_on_a_chip():
    x = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)
    start = nn.Input((8, 8, 1))
    model = nn.Model(start, nn.Dense(3)(nn.Flatten()(nn.Conv2D(8, 3, activation="relu")(start))))
    np.testing.assert_array_equal(model.predict(x, machine="chip"), model.predict(x))
    with st.use("chip"), recording() as runs:
        got = model.predict(x, batch_size=2)
    np.testing.assert_array_equal(got, model.predict(x))
    assert [(one.plan.batch, one.batches) for one in runs] == [(2, 2), (1, 1)]


def test_tensors_and_compiled_functions_run_where_they_are_told():
    a, b = (np.random.default_rng(i).standard_normal((9, 16)).astype(np.float32) for i in range(2))
    with st.use("chip"), recording() as runs:
        got = (st.tensor(a) @ st.tensor(b.T)).numpy()
    np.testing.assert_array_equal(got, (st.tensor(a) @ st.tensor(b.T)).numpy())
    assert len(runs) == 1
    with recording() as runs:
        step = st.compile(lambda x, y: st.relu(x - 0.5 * y), machine="chip")
        np.testing.assert_array_equal(step(a, b).numpy(), np.maximum(a - np.float32(0.5) * b, 0))
    assert len(runs) == 1


def test_bad_input_is_refused():
    graph = small(0, 2)
    given = values(graph, 1)[0]
    made = ChipRunner(graph, where())
    number = graph.inputs[0].id
    with pytest.raises(GraphError, match="no value"):
        list(made.run([{}]))
    with pytest.raises(GraphError, match="expected a value of shape"):
        list(made.run([{number: given[number][:1]}]))
    with pytest.raises(OperandError, match="expected host or chip"):
        runner(graph, parse("board:192.168.240.1"))


def test_the_machine_in_use():
    assert chosen() == Host()
    with st.use("chip") as found:
        assert chosen() == found and found.name == "chip"
    assert chosen() == Host() and chosen("chip").name == "chip"


def test_updates_hold_for_the_next_batch():
    graph = small(0, 2, "float32", True)
    given = values(graph, 3)
    held, want = {}, []
    for one in given:
        (result,) = HostRunner(graph).run([one | held])
        held = dict(result.updates)
        want.append(result.outputs[0])
    np.testing.assert_array_equal([r.outputs[0] for r in HostRunner(graph).run(given)], want)
