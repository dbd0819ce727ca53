"""Schedules at their corners, and against Keras's."""

import math

import pytest

from spinntensor.errors import OperandError
from spinntensor.nn import schedules


def test_constant_and_numbers():
    assert schedules.schedule(0.5)(0) == schedules.schedule(0.5)(9) == 0.5
    assert schedules.schedule(2)(1) == 2.0

    def own(step):
        return 1 / (1 + step)

    assert schedules.schedule(own) is own


@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf, True, "0.1", None])
def test_numbers_that_are_no_rate(wrong):
    with pytest.raises(OperandError, match="learning_rate"):
        schedules.schedule(wrong)


def test_step_decay():
    rate = schedules.StepDecay(1.0, 10, 0.5)
    assert [rate(s) for s in (0, 9, 10, 19, 20, 35)] == [1, 1, 0.5, 0.5, 0.25, 0.125]


def test_piecewise_constant():
    rate = schedules.PiecewiseConstantDecay([2, 5], [1.0, 0.1, 0.01])
    assert [rate(s) for s in range(8)] == [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01]
    assert repr(rate) == repr(schedules.PiecewiseConstantDecay((2, 5), (1.0, 0.1, 0.01)))


def test_cosine():
    rate = schedules.CosineDecay(2.0, 8, alpha=0.25)
    assert rate(0) == 2.0 and rate(8) == rate(100) == 0.5
    assert rate(4) == pytest.approx(1.25) and all(rate(s) > rate(s + 1) for s in range(8))


def test_polynomial():
    rate = schedules.PolynomialDecay(1.0, 10, 0.5, power=2)
    assert rate(0) == 1 and rate(5) == pytest.approx(0.625) and rate(10) == rate(11) == 0.5


def test_warm_up_counts_the_other_from_its_start():
    after = schedules.StepDecay(1.0, 2, 0.5)
    rate = schedules.WarmUp(after, 4, start=0.2)
    assert [rate(s) for s in range(9)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1, 0.5, 0.5, 0.25])
    assert schedules.WarmUp(0.5, 2)(1) == 0.25


@pytest.mark.parametrize(
    "make",
    [
        lambda: schedules.StepDecay(1.0, 0),
        lambda: schedules.CosineDecay(1.0, 0),
        lambda: schedules.PolynomialDecay(1.0, -1),
        lambda: schedules.WarmUp(1.0, 0),
        lambda: schedules.CosineDecay(1.0, 2.5),
        lambda: schedules.PiecewiseConstantDecay([1], [1.0]),
        lambda: schedules.PiecewiseConstantDecay([2, 1], [1.0, 2.0, 3.0]),
    ],
)
def test_settings_that_are_refused(make):
    with pytest.raises(OperandError):
        make()


@pytest.mark.slow
def test_against_keras(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    theirs = pytest.importorskip("keras").optimizers.schedules
    pairs = [
        (theirs.CosineDecay(0.1, 50, alpha=0.1), schedules.CosineDecay(0.1, 50, 0.1)),
        (theirs.PolynomialDecay(0.1, 50, 0.01, 2.0), schedules.PolynomialDecay(0.1, 50, 0.01, 2.0)),
        (theirs.ExponentialDecay(0.1, 7, 0.3, staircase=True), schedules.StepDecay(0.1, 7, 0.3)),
        (
            theirs.PiecewiseConstantDecay([10, 20], [0.1, 0.01, 0.001]),
            schedules.PiecewiseConstantDecay([10, 20], [0.1, 0.01, 0.001]),
        ),
    ]
    for keras, ours in pairs:
        for step in range(60):
            assert ours(step) == pytest.approx(float(keras(step)), rel=1e-5)
