"""Values computed again: the same bits, and nobody behind the gap reads the first one."""

import numpy as np
import pytest
from cutting import graph_of, same, small_resnet, training, values_of

import spinntensor as sp
from spinntensor.graph.verify import verify
from spinntensor.lower.legalise import legalise
from spinntensor.lower.operations import LOWERED, LOWERED_RULES
from spinntensor.lower.recompute import cone, gap, recomputed, repeatable
from spinntensor.machine import host
from spinntensor.nn.optimizers import SGD


def step(format):
    return legalise(host.optimised(training(small_resnet(), format, 4, 4, SGD(0.1, momentum=0.9))))


@pytest.mark.parametrize("format", ["float32", "bfp16"])
def test_a_training_step_has_the_same_bits(format):
    graph = step(format)
    there = {n.id for n in graph.nodes if not repeatable(graph, n.id)}
    cones = [cone(graph, n.id, there.__contains__) for n in graph.nodes if gap(graph, n.id)[0] > 40]
    cones = [c for c in cones if c][:9]
    assert len(cones) > 4
    made = recomputed(graph, cones)
    verify(made.graph, LOWERED_RULES)
    values = values_of(graph, 1)
    one, two = (host.execute(host.prepare(g, LOWERED), values) for g in (graph, made.graph))
    assert all(same(a, b) for a, b in zip(one.outputs, two.outputs, strict=True))
    assert all(same(one.updates[v], two.updates[v]) for v in one.updates)
    assert {i: c for i, c in two.counts.items() if i not in made.copies} == dict(one.counts)
    for i, c in two.counts.items():
        assert c == one.counts.get(made.copies.get(i, i))


def test_late_readers_read_the_copy():
    def function(x):
        y = sp.exp(x)
        z = y
        for _ in range(5):
            z = sp.tanh(z)
        return z + y

    graph, _ = graph_of(function, [np.ones((3, 4), np.float32)])
    (first,) = (n.id for n in graph.nodes if n.op == "exp")
    assert gap(graph, first)[0] > 3
    assert repeatable(graph, first)
    made = recomputed(graph, [(first,)])
    ((copy, of),) = made.copies.items()
    assert of == first
    (late,) = (n for n in made.graph.nodes if n.op == "add")
    assert copy in late.inputs and first not in late.inputs
    assert gap(made.graph, first) == (0, ())


def test_what_is_not_element_wise_is_not_repeated():
    graph, _ = graph_of(lambda x, y: sp.sum(x @ y) + sp.max(x), [np.ones((3, 3), np.float32)] * 2)
    assert not any(repeatable(graph, n.id) for n in graph.nodes if n.op in ("matmul", "sum", "max", "input"))
    (product,) = (n.id for n in graph.nodes if n.op == "matmul")
    assert cone(graph, product, lambda i: True) == ()
