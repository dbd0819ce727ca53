"""Training steps in less memory: values are dropped and made again, and the bits stay."""

import pytest
from cutting import same, training, values_of
from planning import sdram

from spinntensor import nn
from spinntensor.errors import SDRAMError
from spinntensor.machine import host
from spinntensor.machine.geometry import chip
from spinntensor.nn.optimizers import SGD
from spinntensor.plan.execute import execute
from spinntensor.plan.keep import lowered_with
from spinntensor.plan.planner import plan


def step():
    x = nn.Input((24, 24, 3))
    y = nn.Activation("relu")(nn.BatchNorm()(nn.Conv2D(8, 3, padding="same", use_bias=False)(x)))
    other = nn.Conv2D(16, 1, strides=2, use_bias=False)(y)
    y = nn.BatchNorm()(nn.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(y))
    y = nn.Activation("relu")(nn.Add()([y, other]))
    y = nn.Activation("relu")(nn.BatchNorm()(nn.Conv2D(16, 3, padding="same", use_bias=False)(y)))
    model = nn.Model(x, nn.Dense(3)(nn.GlobalAveragePool()(y)), seed=1)
    return host.optimised(training(model, "bfp16", 64, 64, SGD(0.1, momentum=0.9)))


def test_a_step_that_does_not_fit_computes_values_again():
    graph = step()
    whole = plan(graph, chip(), batch=64)
    assert whole.recomputed == ()
    found = []
    for part in (0.95, 0.8):
        where = chip().with_(sdram_usable_bytes=int(part * whole.totals.sdram_bytes))
        try:
            made = plan(graph, where, batch=64)
        except SDRAMError:
            break
        found.append(made.recomputed)
        assert made.totals.sdram_bytes <= where.facts.sdram_usable_bytes
        sdram(made, where)
        values = values_of(graph, 2)
        want = host.execute(host.prepare(graph), values)
        got = execute(lowered_with(graph, made.recomputed), [layer.cut for layer in made.layers], values)
        assert all(same(a, b) for a, b in zip(got.outputs, want.outputs, strict=True))
        assert all(same(got.updates[v], want.updates[v]) for v in want.updates)
        assert got.counts == want.counts
    assert any(found)


def test_a_step_that_cannot_fit_is_refused():
    graph = step()
    with pytest.raises(SDRAMError, match="the largest: activations"):
        plan(graph, chip().with_(sdram_usable_bytes=500_000), batch=64)
