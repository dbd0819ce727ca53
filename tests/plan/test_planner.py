"""Plans of random networks on random chips: valid, repeatable, and with the host's bits tile by tile."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from cutting import same, values_of
from hypothesis import given, settings
from hypothesis import strategies as st
from planning import machine, small, valid

from spinntensor import nn
from spinntensor.errors import ITCMError, OperandError, SDRAMError, UnsupportedError
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import TensorType
from spinntensor.lower import lower
from spinntensor.machine import host
from spinntensor.machine.geometry import ROOT, MachineError, chip, spinn3
from spinntensor.nn.workload import inference, training
from spinntensor.ops import RULES
from spinntensor.plan.execute import execute
from spinntensor.plan.keep import lowered_with
from spinntensor.plan.planner import plan
from spinntensor.plan.saving import digest, dumps, loads


@given(
    st.integers(0, 10_000),
    st.sampled_from([1, 3, 16, 19]),
    st.sampled_from([0, 1, 5, 14]),
    st.sampled_from(["throughput", "latency"]),
)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_plans_are_valid_and_have_the_bits_of_the_host(seed, batch, dead, objective):
    graph = small(seed, batch)
    where = machine(np.random.default_rng(seed), dead)
    made = plan(graph, where, objective=objective, batch=batch)
    valid(made, graph, where)
    values = values_of(graph, seed)
    want = host.execute(host.prepare(graph), values)
    got = execute(lower(graph, residual=True), [layer.cut for layer in made.layers], values)
    assert all(same(a, b) for a, b in zip(got.outputs, want.outputs, strict=True))
    assert got.counts == want.counts


def test_equal_input_gives_an_equal_plan():
    graph = small(5, 8)
    one, two = (plan(graph, chip(), batch=8) for _ in range(2))
    assert one == two
    assert digest(one) == digest(two)
    assert digest(plan(graph, chip().without(cores={ROOT: [3]}), batch=8)) != digest(one)


def test_the_plan_is_the_same_in_another_process():
    program = (
        "from planning import small; from spinntensor.plan.planner import plan;"
        "from spinntensor.machine.geometry import chip; from spinntensor.plan.saving import digest;"
        "print(digest(plan(small(5, 8), chip(), batch=8)))"
    )
    here = os.path.dirname(os.path.dirname(__file__))
    found = set()
    for seed in ("1", "2"):
        env = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": here,
        }
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True
        )
        found.add(done.stdout.strip())
    assert found == {digest(plan(small(5, 8), chip(), batch=8))}


def test_a_batch_of_one_image_a_worker_keeps_images_with_their_workers():
    made = plan(inference(nn.models.build("resnet8"), "int8", 16).graph, chip(), batch=16)
    pairs = [(s, made.shares[w.share]) for s in made.shares for w in s.waits]
    across = {
        made.layers[stage].kind for a, b in pairs if a.worker != b.worker for stage in (a.stage, b.stage)
    }
    assert "conv2d" not in across  # the last layer, ten logits an image, may be cut otherwise
    assert made.totals.bubble_cycles < 0.1 * 16 * made.totals.period_cycles


def test_several_chips_are_refused():
    with pytest.raises(OperandError, match=r"spinn3, 4 chips.*expected one chip"):
        plan(small(1, 1), spinn3())


def test_an_objective_that_is_none_is_refused():
    with pytest.raises(OperandError, match=r"'fast'.*throughput or latency"):
        plan(small(1, 1), chip(), objective="fast")


def test_a_chip_without_workers_cannot_be_made():
    with pytest.raises(MachineError, match="no core that works"):
        chip().without(cores={ROOT: range(1, 18)})


def test_operations_without_kernels_are_named_all_at_once():
    b = Builder(RULES)
    x = b.input("x", TensorType((4, 6), "int32"), "line:1")
    y = b.add("cumsum", x, source="line:2", axis=1)
    z = b.add("prod", y, source="line:3", axes=(1,))
    with pytest.raises(UnsupportedError) as caught:
        plan(host.optimised(b.graph([z])), chip())
    assert "line:2" in str(caught.value)
    assert "line:3" in str(caught.value)


def test_a_model_that_does_not_fit_says_what_takes_the_room():
    graph = small(5, 16)
    needed = plan(graph, chip(), batch=16).totals.sdram_bytes
    where = chip().with_(sdram_usable_bytes=needed // 8)
    with pytest.raises(SDRAMError) as caught:
        plan(graph, where, batch=16)
    assert len(caught.value.largest) == 3
    assert caught.value.needed > caught.value.available == needed // 8


def test_an_instruction_memory_that_is_too_small_is_refused():
    with pytest.raises(ITCMError, match="gemm_s16_3x3_outer_u32"):
        plan(small(5, 2), chip().with_(itcm_bytes=8192), batch=2)


def test_less_instruction_memory_gives_up_the_kernels_that_save_least():
    graph = small(5, 16)
    large = plan(graph, chip(), batch=16)
    small_ = plan(graph, chip().with_(itcm_bytes=20_992), batch=16)
    assert small_.totals.period_cycles >= large.totals.period_cycles
    valid(small_, graph, chip().with_(itcm_bytes=20_992))


def test_a_layer_far_bigger_than_its_neighbours_keeps_all_workers_busy():
    from spinntensor.commands.plan import named, workload

    work = workload(named("10-1024-20"), "10-1024-20", chip(), "int8", "throughput", None)
    made = plan(work.graph, chip(), batch=work.batch)
    busy = [0.0] * 16
    for share in made.shares:
        busy[share.worker] += share.issue
    assert min(busy) > 0.9 * made.totals.period_cycles
    assert made.totals.host_share > 0.9


def test_json_has_what_was_promised():
    made = plan(small(5, 8), chip(), model="random", format="int8", batch=8)
    record = json.loads(dumps(made, 1.5))
    keys = "model machine format objective batch images_per_s images_per_s_host_fed latency_ms"
    keys += " mac_per_worker_cycle joules_per_image plan_s plan_sha256 layers"
    assert set(keys.split()) <= record.keys()
    wanted = {"name", "macs", "cycles", "bound_by", "kernel", "cores", "tile", "dtcm_bytes"}
    assert all(wanted <= layer.keys() for layer in record["layers"])
    assert loads(dumps(made)) == made


@pytest.mark.parametrize("format", ["float32", "bfp16"])
def test_plans_in_floating_formats_are_written_and_read(format):
    made = plan(small(5, 4, format), chip(), batch=4)
    assert loads(dumps(made)) == made


@pytest.mark.slow
def test_resnet50_as_planned_has_the_bits_of_the_host():
    graph = inference(nn.models.build("resnet50"), "int8", 1).graph
    made = plan(graph, chip(), objective="latency")
    valid(made, graph, chip())
    assert sum(len(layer.cut.workers) == 16 for layer in made.layers) > 50
    values = values_of(graph, 3)
    want = host.execute(host.prepare(graph), values)
    got = execute(lower(graph, residual=True), [layer.cut for layer in made.layers], values)
    assert all(same(a, b) for a, b in zip(got.outputs, want.outputs, strict=True))
    assert got.counts == want.counts


@given(
    st.integers(0, 10_000),
    st.sampled_from(["float32", "bfp16"]),
    st.booleans(),
    st.sampled_from([0, 4]),
)
@settings(max_examples=8, deadline=None, derandomize=True)
def test_plans_in_floating_formats_and_of_training_have_the_bits_of_the_host(seed, format, train, dead):
    graph = small(seed, 4, format, train)
    where = machine(np.random.default_rng(seed), dead)
    made = plan(graph, where, batch=4)
    valid(made, graph, where)
    assert sum(len(layer.cut.workers) >= 4 for layer in made.layers) > len(made.layers) / 2
    values = values_of(graph, seed)
    want = host.execute(host.prepare(graph), values)
    cuts = [layer.cut for layer in made.layers]
    got = execute(lowered_with(graph, made.recomputed), cuts, values)
    assert all(same(a, b) for a, b in zip(got.outputs, want.outputs, strict=True))
    assert all(same(got.updates[v], want.updates[v]) for v in want.updates)
    assert got.counts == want.counts


@pytest.mark.parametrize("dead", [0, 5, 10])
def test_tiles_whose_rims_no_kernel_takes_give_way_to_others(dead):
    """A gradient by the input, of a window as large as the image and two steps wide."""
    x = nn.Input((5, 5, 3))
    y = nn.Conv2D(12, 5, strides=2)(nn.Conv2D(8, 1, activation="relu")(x))
    graph = training(nn.Model(x, nn.Dense(5)(nn.Flatten()(y)), seed=1), "float32", 1).graph
    where = machine(np.random.default_rng(0), dead)
    valid(plan(graph, where, objective="latency"), graph, where)


def test_sums_are_split_where_results_are_few():
    made = plan(small(3, 4, "bfp16", train=True), chip(), batch=4)
    split = [layer for layer in made.layers if layer.cut.partial]
    assert {"conv2d_weight", "reduce"} <= {layer.kind for layer in split}
    assert all(layer.cut.joiners for layer in split)
