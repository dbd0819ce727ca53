"""LeNet-5 as tile tasks: however the network is cut and whoever computes what, the bits are the host's."""

import importlib.util
import sys
from functools import reduce
from pathlib import Path

import numpy as np
import pytest

import spinntensor as st
from spinntensor.emulator.core import Core
from spinntensor.emulator.memory import new_sdram
from spinntensor.report import timeline

EXAMPLE = Path(__file__).parents[1] / "examples" / "lenet_tiles.py"


@pytest.fixture(scope="module")
def lenet():
    spec = importlib.util.spec_from_file_location("lenet_tiles", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["lenet_tiles"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=[1, 2])
def network(request, lenet):
    """Layers, uint8 images, and the host's answers; the second network sees images of few grey levels."""
    rng = np.random.default_rng(request.param)
    pixels = rng.random((5, 32, 32, 1), np.float32)
    pixels = np.round(pixels * 3) / 3 - 0.25 if request.param == 2 else pixels
    x = st.quantize(pixels, st.calibrate(pixels, "uint8"))
    with st.counting():
        layers = lenet.lenet(x, rng)
        answers = reduce(lambda y, layer: layer(y), layers, x).quantized().data
    return layers, x.quantized().data, answers


def on_cores(lenet, network, plan, n, count):
    layers, images, answers = network
    sdram = new_sdram(8 << 20)
    got, steps = lenet.run(plan, images[:n], layers, [Core(strict=True, sdram=sdram) for _ in range(count)])
    np.testing.assert_array_equal(got, answers[:n])
    return steps


@pytest.mark.parametrize("plan", [0, 1])
def test_both_plans_give_the_hosts_bits(lenet, network, plan):
    steps = on_cores(lenet, network, list(lenet.PLANS.values())[plan], 5, 4)
    assert all(timeline.overlap(e.spans) > 0 for e in steps[0].executions)
    assert steps[0].busy > 0.6


@pytest.mark.parametrize("count, whole", [(1, True), (2, False), (3, True), (4, False)])
def test_other_cuts_on_fewer_cores_give_the_same_bits(lenet, network, count, whole):
    cut = {"conv1": 3, "conv2": 2, "dense1": 16, "dense2": 88, "dense3": 8}
    on_cores(lenet, network, lenet.Plan(cut, whole), 3, count)


def test_answers_differ_between_images(network):
    _, images, answers = network
    assert len(np.unique(answers, axis=0)) == len(images) and np.ptp(answers) == 255


def test_more_cores_take_fewer_cycles(lenet, network):
    plan = lenet.Plan({"conv1": 2, "conv2": 1, "dense1": 16, "dense2": 24, "dense3": 8}, whole=False)
    one, four = (sum(s.cycles for s in on_cores(lenet, network, plan, 2, count)) for count in (1, 4))
    assert 2.5 < one / four < 4.2
