"""Models as dictionaries: there and back through JSON, and what is no model."""

from __future__ import annotations

import json
from copy import deepcopy

import numpy as np
import pytest
from nn_reference import samples

from spinntensor import nn
from spinntensor.errors import OperandError, ShapeError, UnknownNameError


def graph(seed=0):
    a, b = nn.Input((4, 3), "a"), nn.Input((12,))
    shared = nn.Dense(6, "relu", name="shared")
    h = nn.Add()([shared(a), shared(b)])
    return nn.Model([b, a], [nn.Dense(2)(h), nn.Reshape((2, 3))(h)], name="graph", seed=seed)


SHARED = next(i for i, c in enumerate(graph().config()["layers"]) if c["config"]["name"] == "shared")


def stack():
    return nn.Sequential(
        [nn.Input((9, 4)), nn.Conv1D(4, 3, padding=((1, 0),)), nn.BatchNorm(), nn.Dense(2)], seed=5
    )


def again(model):
    return nn.Model.from_config(json.loads(json.dumps(model.config())))


@pytest.mark.parametrize("make", [graph, stack])
def test_there_and_back(rng, make):
    model = make()
    other = again(model)
    assert type(other) is type(model) and other.config() == model.config()
    assert [x.name for x in other.layers] == [x.name for x in model.layers]
    assert all(map(np.array_equal, model.get_weights(), other.get_weights()))
    xs = [samples(rng, 3, *s.shape) for s in model.inputs]
    found = zip(model.forward(*xs), other.forward(*xs), strict=True)
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in found)


def test_a_layer_called_twice_stays_one():
    config = graph().config()
    names = [c["config"]["name"] for c in config["layers"]]
    calls = [names[layer] for layer, _ in config["nodes"]]
    assert names.count("shared") == 1 and calls.count("shared") == 2
    assert len(again(graph()).get_weights()) == 4


def test_frozen_layers_stay_frozen():
    model = stack()
    model.layers[1].trainable = False
    assert [x.trainable for x in again(model).layers] == [True, False, True, True]


def test_a_stack_without_a_shape():
    other = again(nn.Sequential([nn.Dense(3, name="d"), nn.Flatten()], name="open", seed=2))
    assert not other.built and (other.name, other.seed, len(other.stack)) == ("open", 2, 2)


@pytest.mark.parametrize(
    ("path", "value", "kind", "words"),
    [
        (["layers", 0, "class"], "Danse", UnknownNameError, "unknown layer 'Danse'; did you mean 'Dense'"),
        (["class"], "Graph", UnknownNameError, "unknown model kind 'Graph'"),
        (["layers", SHARED, "config", "units"], -1, ShapeError, "units -1"),
        (["layers", SHARED, "config", "color"], "red", OperandError, "color"),
        (["layers"], None, OperandError, "from_config.*TypeError"),
        (["nodes", 2, 1], [99], OperandError, "IndexError"),
        (["nodes"], {}, OperandError, "IndexError"),
        (["inputs"], [0], ShapeError, "depend on"),
    ],
)
def test_what_is_no_model(path, value, kind, words):
    config = deepcopy(graph().config())
    place = config
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(kind, match=words):
        nn.Model.from_config(config)
    with pytest.raises(OperandError, match=r"from_config.*give what config"):
        nn.Model.from_config({})
