"""Graphs of symbols: what is in them, in which order, what is let go when, and what is refused."""

from __future__ import annotations

import weakref

import pytest

from spinntensor import nn
from spinntensor.errors import ShapeError
from spinntensor.nn.graph import check_samples, network


def test_a_chain():
    x = nn.Input((4,))
    h = nn.Dense(3)(x)
    y = nn.Dense(2)(h)
    graph = network([x], [y])
    assert graph.nodes == (x, h, y)
    assert graph.layers == (x.layer, h.layer, y.layer)
    assert graph.last == {x: 1, h: 2, y: 3}
    assert repr(h) == "Symbol('dense', shape=(3,))"


def test_layers_stand_by_their_distance_from_the_outputs():
    """The short branch comes late, whatever was called first: Keras sorts its weights like that."""
    x = nn.Input((4,), "x")
    short = nn.Dense(4, name="short")(x)
    a = nn.Dense(4, name="a")(x)
    b = nn.Dense(4, name="b")(a)
    y = nn.Add(name="sum")([short, b])
    assert [layer.name for layer in network([x], [y]).layers] == ["x", "a", "short", "b", "sum"]


def test_a_layer_that_is_called_twice_stands_at_its_deepest_place():
    x = nn.Input((4,), "x")
    shared = nn.Dense(4, name="shared")
    a = shared(x)
    b = nn.Dense(4, name="b")(a)
    c = shared(b)
    graph = network([x], [c])
    assert [layer.name for layer in graph.layers] == ["x", "shared", "b"]
    assert graph.nodes == (x, a, b, c)


def test_an_input_that_nothing_needs_stays():
    x, z = nn.Input((4,), "x"), nn.Input((2,), "z")
    graph = network([x, z], [nn.Dense(1)(x)])
    assert z in graph.nodes and graph.inputs == (x, z)


def test_deep_graphs_need_no_deep_stack():
    x = y = nn.Input((2,))
    for _ in range(3000):
        y = nn.Activation("relu")(y)
    assert len(network([x], [y]).nodes) == 3001


def test_values_are_let_go_after_their_last_reader():
    class Value:
        """Something that can be watched."""

        def __init__(self, name):
            self.name = name

    x = nn.Input((4,), "x")
    a = nn.Dense(4, name="a")(x)
    b = nn.Dense(4, name="b")(a)
    c = nn.Dense(4, name="c")(b)
    graph, alive, seen = network([x], [nn.Add(name="d")([c, b])]), weakref.WeakSet(), []

    def step(node, given):
        made = given[0] if node is x else Value(node.layer.name)
        alive.add(made)
        seen.append((node.layer.name, "".join(sorted(v.name for v in alive))))
        return made

    (result,) = graph.replay([Value("x")], step)
    assert result.name == "d"
    assert seen == [("x", "x"), ("a", "ax"), ("b", "abx"), ("c", "bcx"), ("d", "bcdx")]  # x: the caller's own


def test_refusals():
    x, z = nn.Input((4,), "x"), nn.Input((4,), "z")
    y = nn.Add()([x, z])
    with pytest.raises(ShapeError, match=r"depend on 'z'.*list them"):
        network([x], [y])
    with pytest.raises(ShapeError, match=r"inputs of type Dense.*nn.Input"):
        network([nn.Dense(2)], [y])
    with pytest.raises(ShapeError, match=r"no outputs"):
        network([x, z], [])
    with pytest.raises(ShapeError, match=r"each nn.Input once"):
        network([x, x], [y])
    with pytest.raises(ShapeError, match=r"each nn.Input once"):
        network([y], [y])


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([(5, 4)], r"1 inputs, expected 2: x \(4,\), z \(2, 3\)"),
        ([(5, 4), (5, 3, 2)], r"InputLayer 'z'.*\(5, 3, 2\), expected shape \(5, 2, 3\)"),
        ([(5, 4), (6, 2, 3)], r"'z'.*\(6, 2, 3\), expected shape \(5, 2, 3\)"),
        ([(4,), (5, 2, 3)], r"'x'.*shape \(N, 4\).*samples on the first axis"),
        ([(), ()], r"'x'.*shape \(N, 4\)"),
    ],
)
def test_samples_are_checked_by_the_name_of_the_input(shapes, words):
    x, z = nn.Input((4,), "x"), nn.Input((2, 3), "z")
    graph = network([x, z], [nn.Dense(1)(x), nn.Dense(1)(z)])
    check_samples(graph, [(7, 4), (7, 2, 3)], "Model")
    with pytest.raises(ShapeError, match=words):
        check_samples(graph, shapes, "Model")
