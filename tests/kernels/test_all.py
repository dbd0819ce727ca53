"""Every kernel of the table: plain C, hand-written code and host twin give the same bits; estimators hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.emulator.core import Core
from spinntensor.errors import EstimateError
from spinntensor.image.store import variants
from spinntensor.kernels import kernel, kernels
from spinntensor.kernels.estimate import estimate
from spinntensor.kernels.kernel import draw_shape, equal_bits
from spinntensor.machine.call import run

NAMES = tuple(kernels())
STRETCH = 1.5
TOLERANCE = 0.02


@pytest.fixture(scope="module")
def strict_core():
    return Core(strict=True)


def check_bits(name, core, examples):
    """Plain C, hand-written code and twin agree on `examples` drawn shapes and operands."""
    k = kernel(name)
    shapes = st.fixed_dictionaries({d: st.integers(lo, hi) for d, (lo, hi) in k.dims.items()})

    @settings(max_examples=examples, deadline=None, derandomize=True)
    @given(shape=shapes, seed=st.integers(0, 2**32 - 1), extreme=st.booleans())
    def same_bits(shape, seed, extreme):
        operands = k.sample(np.random.default_rng(seed), shape, extreme)
        expected, clamped = k.twin(operands), k.clamped(operands)
        for variant in variants(name):
            one = run(k, operands, variant, core)
            got = one.result
            assert one.clamped == clamped, f"{name} ({variant})"
            np.testing.assert_array_equal(got, expected, err_msg=f"{name} ({variant})")
            assert equal_bits(got, expected), f"{name} ({variant})"

    same_bits()


@pytest.mark.parametrize("name", NAMES)
def test_bits(name, strict_core):
    check_bits(name, strict_core, 12)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_bits_on_many_shapes(name, strict_core):
    check_bits(name, strict_core, 300)


@pytest.mark.parametrize("name", NAMES)
def test_estimate(name):
    k, core, rng = kernel(name), Core(), np.random.default_rng(77)
    drawn = [draw_shape(k, rng, STRETCH) for _ in range(6)]
    for shape in (*drawn, *k.bench[:1]):
        cycles = run(k, k.sample(rng, shape, False), core=core).counters.cycles
        assert estimate(k, shape) == pytest.approx(cycles, rel=TOLERANCE), shape


def test_weights_of_another_version_are_refused(monkeypatch):
    monkeypatch.setattr("spinntensor.kernels.estimate.weights", lambda: {NAMES[0]: [1.0]})
    with pytest.raises(EstimateError, match=r"has 1 fitted weights.*run python bench/fit.py"):
        estimate(kernel(NAMES[0]), kernel(NAMES[0]).bench[0])
