"""Formats layer by layer: the figures are the formula's, and the first layer that departs is the one made to."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pytest

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import OperandError
from spinntensor.nn.compare import compare
from spinntensor.nn.folding import fold


def data(*shape, seed=1):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def network():
    """A shortcut, a BatchNorm that is folded, an activation without an integer form."""
    x = nn.Input((6, 6, 2))
    y = shortcut = nn.Activation("relu", name="relu")(
        nn.BatchNorm(name="norm")(nn.Conv2D(4, 3, padding="same", name="conv")(x))
    )
    y = nn.Activation("relu", name="end")(nn.Add(name="sum")([nn.Conv2D(4, 1, name="thin")(y), shortcut]))
    y = nn.Dense(6, activation="tanh", name="hidden")(nn.GlobalAveragePool(name="mean")(y))
    return nn.Model(x, nn.Dense(3, name="logits")(y), name="network")


def outputs(model, x, **options):
    """What each layer gives, by name."""
    found = {}
    model.forward(
        x, observe=lambda layer, y: found.setdefault(getattr(layer, "name", layer), y.numpy()), **options
    )
    return found


def test_figures_are_those_of_the_formula():
    model, x = network(), data(10, 6, 6, 2)
    found = compare(model, x, batch_size=10)
    expected = outputs(model, x)
    int8, bfp16 = model.quantize("int8", x), fold(model)
    with st.counting():
        integers = outputs(int8, x)
    others = {
        "int8": (integers, {"conv": "relu", "sum": "end", "thin": "thin", "logits": "logits"}),
        "bfp16": (
            outputs(bfp16, x, mode=nn.Mode(format="bfp16")),
            {"conv": "norm", "end": "end", "hidden": "hidden"},
        ),
    }
    for format, (got, places) in others.items():
        rows = {row.layer: row for row in found[format].layers}
        for step, layer in places.items():
            y, other = expected[layer].astype(np.float64), got[step]
            apart = y - other
            assert rows[layer].sqnr_db == pytest.approx(
                10 * math.log10((y**2).sum() / (apart**2).sum()), abs=1e-6
            )
            assert rows[layer].largest_error == pytest.approx(np.abs(apart).max(), rel=1e-6)
            assert rows[layer].largest == pytest.approx(np.abs(y).max(), rel=1e-6)
    rows = {row.layer: row for row in found["int8"].layers}
    assert rows["relu"].covers == ("conv", "norm", "relu")
    assert "norm" not in rows
    assert rows["end"].input_sqnr_db == min(rows["relu"].sqnr_db, rows["thin"].sqnr_db)
    assert found["int8"].float_layers == ("hidden.tanh",)
    assert found.samples == 10 and found.synthetic


def test_passes_add_up():
    model, x = network(), data(10, 6, 6, 2)
    int8 = model.quantize("int8", x)
    one, several = [compare(model, x, [int8], batch_size=n)["int8"].layers for n in (10, 3)]
    for a, b in zip(one, several, strict=True):
        assert a.sqnr_db == pytest.approx(b.sqnr_db, rel=1e-9)
        assert (a.layer, a.largest_error, a.saturated) == (b.layer, b.largest_error, b.saturated)


def test_what_does_not_differ_is_exact():
    """Integers below 2**12 are operands of bfp16 as they are."""
    model = nn.Sequential([nn.Input((4,)), nn.Dense(3), nn.Dense(2)])
    model.set_weights([np.round(w * 9) for w in model.get_weights()])
    found = compare(model, np.round(data(4, 4) * 9), "bfp16")
    assert found["bfp16"].departs is None
    assert all(row.sqnr_db == math.inf and row.largest_error == 0 for row in found["bfp16"].layers)
    assert "exact" in str(found)


def test_the_first_layer_that_departs_is_named():
    """One huge weight in a channel that nothing reads takes the other channels' resolution, as all share a scale."""
    x = nn.Input((4,))
    y = nn.Dense(4, name="good")(x)
    y = nn.Dense(4, name="broken")(y)
    model = nn.Model(x, nn.Dense(3, name="behind")(y))
    kernel, bias = model.layer("broken").get_weights()
    kernel[:, 0] *= 60
    behind, more = model.layer("behind").get_weights()
    behind[0] = 0
    model.layer("broken").set_weights([kernel, bias])
    model.layer("behind").set_weights([behind, more])
    found = compare(model, data(50, 4))
    assert found["bfp16"].departs is None
    departs = found["int8"].departs
    # the large channel hides the noise of the small ones until only they are left
    assert departs is not None and departs.layer == "behind" and "below 20" in departs.reason
    assert "'behind'" in str(found)
    strict = compare(model, data(50, 4), threshold=60)["int8"].departs
    assert strict is not None and strict.layer == "input"


def test_a_drop_near_the_threshold_is_a_departure():
    sizes = (8, 8, 8, 8)
    model = nn.Sequential(
        [nn.Input((8,)), *[nn.Dense(n, activation="relu", name=f"d{i}") for i, n in enumerate(sizes)]]
    )
    x = data(40, 8)
    int8 = model.quantize("int8", x)
    rows = compare(model, x, [int8])["int8"].layers
    number, most = max(enumerate(r.input_sqnr_db - r.sqnr_db for r in rows[1:]), key=lambda pair: pair[1])
    row = rows[number + 1]
    threshold = row.sqnr_db - most / 4
    assert all(r.sqnr_db > threshold for r in rows[: number + 1]), "the example does not show what it should"
    departs = compare(model, x, [int8], threshold=threshold, drop=most / 2)["int8"].departs
    assert departs is not None and departs.layer == row.layer
    assert "below that of its worst input" in departs.reason
    far = compare(model, x, [int8], threshold=threshold - 2 * most, drop=most / 2)["int8"].departs
    assert far is None or far.layer != row.layer


def test_saturations_are_counted_where_they_happen():
    model, x = network(), data(30, 6, 6, 2)
    int8 = model.quantize("int8", x)
    found = compare(model, x * 3, [int8])["int8"]
    counted = int8.saturations(x * 3)
    by_layer = {row.layer: row.saturated for row in found.layers}
    assert by_layer["input"] == counted["input.quantize"] > 0
    assert by_layer["relu"] == counted["conv"] > 0
    assert sum(by_layer.values()) == sum(counted.values())


def test_table_and_json():
    found = compare(network(), data(8, 6, 6, 2))
    text = str(found)
    assert text.startswith("'network' against float32, 8 samples")
    lines = {line.split()[0]: line for line in text.splitlines() if line}
    assert "fused" in lines["norm"] and "dB" in lines["norm"]
    assert "labels carry no meaning" in text
    assert "in float32: hidden.tanh" in text
    record = json.loads(found.json())
    assert [f["format"] for f in record["formats"]] == ["bfp16", "int8"]
    assert {"layer", "sqnr_db", "largest_error", "saturated", "covers"} <= record["formats"][1]["layers"][
        0
    ].keys()
    assert record["formats"][1]["layers"][0]["input_sqnr_db"] is None
    with pytest.raises(KeyError, match="there are bfp16, int8"):
        found["int4"]


def test_batches_and_loaders():
    model, x = network(), data(12, 6, 6, 2)
    whole = compare(model, x, "int8")
    parts = compare(model, [(x[:5], np.zeros(5)), (x[5:], np.zeros(7))], "int8")
    assert parts.samples == whole.samples == 12
    assert [r.layer for r in parts["int8"].layers] == [r.layer for r in whole["int8"].layers]
    assert parts["int8"].layers[-1].sqnr_db == pytest.approx(whole["int8"].layers[-1].sqnr_db)
    once = (x[i : i + 4] for i in (0, 4, 8))
    with pytest.raises(OperandError, match="read twice"):
        compare(model, once)
    assert compare(model, once, "int8", calibration=x).samples == 12
    with pytest.raises(OperandError, match="at least one"):
        compare(model, x[:0], ["bfp16"])


def test_shared_layers_are_compared_call_by_call():
    x = nn.Input((5,))
    shared = nn.Dense(5, name="shared")
    model = nn.Model(x, shared(nn.Activation("relu", name="between")(shared(x))))
    found = compare(model, data(20, 5))
    for format in ("bfp16", "int8"):
        rows = [row for row in found[format].layers if row.layer in ("between", "shared.2")]
        assert len(rows) == 2 and all(row.sqnr_db > 25 for row in rows)


def test_nothing_is_warned_of():
    """The table has the counts."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compare(network(), data(8, 6, 6, 2), calibration=data(4, 6, 6, 2, seed=2) / 4)
    assert sum(row.saturated for row in found["int8"].layers) > 0
