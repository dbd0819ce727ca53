"""Grids of activations: int8 or uint8, how wide, and who shares one."""

from __future__ import annotations

import numpy as np
import pytest

from spinntensor import nn
from spinntensor.formats import Int8, grid
from spinntensor.nn.calibration import AT_ONCE, MOST, Settings, chunks, grids, seen, widened
from spinntensor.nn.folding import fold
from spinntensor.nn.quantized_layers import clamp
from spinntensor.nn.quantized_plan import plan


def data(*shape, seed=1, scale=1.0):
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def chosen(model, x, **settings):
    """Grids by the names of the layers that they are for."""
    drafted = plan(fold(model, split=True))
    observed, _ = seen(drafted, x)
    return {s.layer.name: g for s, g in grids(drafted, observed, Settings(**settings)).items()}


def network():
    """A shortcut around a ReLU: its terms must have one format."""
    x = nn.Input((6,))
    a = nn.Dense(6, activation="relu", name="positive")(x)
    b = nn.Dense(6, name="signed")(a)
    y = nn.Add(name="sum")([a, b])
    return nn.Model(x, nn.Dense(3, name="alone")(y))


def test_formats_follow_the_sign():
    found = chosen(network(), data(50, 6))
    unsigned = {name: g.format.unsigned for name, g in found.items()}
    # `signed` and `sum` are added to or made from what is never negative, so they are uint8 as well
    assert unsigned == {"input": False, "positive.relu": True, "signed": True, "sum": True, "alone": False}
    assert int(found["positive.relu"].zero_point) == 0 < int(found["signed"].zero_point)


@pytest.mark.parametrize("form", ["uint8", "int8"])
def test_formats_that_were_asked_for(form):
    found = chosen(network(), data(50, 6), activations=form)
    assert {g.format for g in found.values()} == {Int8(unsigned=form == "uint8")}


def test_minmax_is_the_range_that_was_seen():
    model, x = network(), data(50, 6)
    results = model.predict(x)
    g = chosen(model, x)["alone"]
    assert np.isclose(float(g.scale), (results.max() - results.min()) / 255, rtol=1e-5)
    narrow = chosen(model, x, method="percentile", percent=95.0)["alone"]
    assert float(narrow.scale) < float(g.scale)


def test_six_is_not_the_last_number():
    x = nn.Input((6,))
    model = nn.Model(x, nn.Dense(3)(nn.Dense(8, activation="relu6", name="six")(x)))
    for form in ("uint8", "int8"):
        g = chosen(model, data(50, 6, scale=30), activations=form)["six.relu6"]
        low, high = clamp(g, "relu6")
        assert high - low == 254
        assert np.isclose((high - int(g.zero_point)) * float(g.scale), 6, rtol=1e-6)
    g = chosen(model, data(50, 6, scale=0.1))["six.relu6"]
    assert clamp(g, "relu6") == (0, 255), "6 lies beyond this grid"


def test_what_only_a_concatenation_reads_has_its_grid():
    x = nn.Input((6,))
    a, b, c = (nn.Dense(4, activation=f, name=n)(x) for n, f in (("a", "relu6"), ("b", None), ("c", "tanh")))
    model = nn.Model(x, [nn.Concatenate(name="joined")([a, b, c]), nn.Dense(2)(b)])
    found = chosen(model, data(50, 6, scale=30))
    assert found["a.relu6"] is found["joined"] is found["c.tanh"]
    assert found["b"] is not found["joined"]


def test_widened():
    for form in (Int8(), Int8(unsigned=True)):
        g = grid(form, 0.5, 20)
        wide = widened(g, 2.0)
        assert float(wide.scale) == 1.0 and int(wide.zero_point) == 20
        same = widened(g, 1.0)
        assert float(same.scale) == 0.5 and int(same.zero_point) == 20


def test_passes_are_bounded():
    model = nn.Sequential([nn.Input((6,)), nn.Dense(3)])
    assert [len(a) for (a,) in chunks(model, np.zeros((MOST + 5, 6)))] == [MOST, 5]
    wide = nn.Sequential([nn.Input((AT_ONCE // 4,)), nn.Reshape((-1, 2))])
    assert [len(a) for (a,) in chunks(wide, np.zeros((5, AT_ONCE // 4), np.float32))] == [4, 1]
    assert [len(a) for (a,) in chunks(model, [np.zeros((4, 6)), (np.zeros((3, 6)), np.zeros(3))], 2)] == [
        2,
        2,
        2,
        1,
    ]
