"""What all layers have: names, arguments, weights with their checks, refusals; and modes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from nn_reference import alone, samples

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import OperandError, ShapeError, WeightsError
from spinntensor.nn.layer import default_name
from spinntensor.nn.layers import LAYERS

ONE_OF_EACH = [
    nn.InputLayer((4, 5, 6)),
    nn.Dense(3, "relu", use_bias=False, kernel_initializer="he_normal", name="d"),
    nn.Conv1D(4, 3, 2, ((1, 2),), 1, 2, "tanh"),
    nn.Conv2D(4, (3, 2), 2, ((1, 2), (0, 1)), 1, 2, "tanh", bias_initializer="ones"),
    nn.DepthwiseConv2D(3, 2, "same", 2),
    nn.MaxPool1D(3, 2, 1),
    nn.MaxPool2D((3, 2), None, "same"),
    nn.AveragePool1D(3, 2, ((0, 1),), True),
    nn.AveragePool2D(3, name="mean"),
    nn.GlobalAveragePool(True),
    nn.BatchNorm(0.5, 1e-5, False, True, "zeros"),
    nn.Activation("leaky_relu", 0.1),
    nn.Add(),
    nn.Multiply(name="gate"),
    nn.Concatenate(1),
    nn.Flatten(),
    nn.Reshape((2, -1)),
    nn.ZeroPadding(((1, 2), (3, 4))),
    nn.Dropout(0.5),
]


def test_each_layer_is_here():
    assert [type(x) for x in ONE_OF_EACH] == list(LAYERS.values())


@pytest.mark.parametrize("layer", ONE_OF_EACH, ids=lambda x: type(x).__name__)
def test_arguments_survive_json(layer):
    text = json.dumps(layer.config())
    again = LAYERS[type(layer).__name__](**json.loads(text))
    assert again.config() == layer.config()
    assert json.dumps(again.config()) == text


def test_frozen_layers_say_so():
    layer = nn.Dense(3)
    assert "trainable" not in layer.config()
    layer.trainable = False
    assert layer.config()["trainable"] is False


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (nn.Dense, "dense"),
        (nn.Conv2D, "conv2d"),
        (nn.DepthwiseConv2D, "depthwise_conv2d"),
        (nn.MaxPool1D, "max_pool1d"),
        (nn.GlobalAveragePool, "global_average_pool"),
        (nn.BatchNorm, "batch_norm"),
        (nn.InputLayer, "input"),
        (nn.Layer, "layer"),
    ],
)
def test_default_names(kind, name):
    assert default_name(kind) == name


@pytest.mark.parametrize("name", ["", "a/b", 3])
def test_bad_names(name):
    with pytest.raises(OperandError, match=r"Dense: operand 'name'"):
        nn.Dense(3, name=name)


def test_weights_of_a_layer():
    model = alone(nn.Dense(3, name="d"), (2,))
    layer = model.layers[1]
    assert list(layer.weights) == ["kernel", "bias"]
    assert [v.name for v in layer.weights.values()] == ["d/kernel", "d/bias"]
    assert layer.parameters == 9 and len(layer.trainable_weights) == 2
    layer.set_weights([np.ones((2, 3)), [1, 2, 3]])
    kernel, bias = layer.get_weights()
    kernel[:] = 7  # a copy
    assert layer.weights["kernel"].numpy().sum() == 6 and bias.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("values", "weight", "words"),
    [
        ([np.zeros((2, 3))], "", r"received 1 arrays, expected 2: kernel \(2, 3\), bias \(3,\)"),
        ([np.zeros((3, 2)), np.zeros(3)], "kernel", r"received shape \(3, 2\), expected shape \(2, 3\)"),
        ([np.zeros((2, 3)), np.zeros((1, 3))], "bias", r"shape \(1, 3\), expected shape \(3,\)"),
        ([np.zeros((2, 3)), [0, np.nan, 0]], "bias", r"1 numbers that are not finite.*nan at \(1,\)"),
        ([np.full((2, 3), 1e39), np.zeros(3)], "kernel", r"6 numbers .*1e\+39 at \(0, 0\)"),
        ([np.zeros((2, 3)), np.zeros(3, bool)], "bias", "bool, expected real numbers"),
        ([np.zeros((2, 3), complex), np.zeros(3)], "kernel", "complex128"),
        ([np.zeros((2, 3)), ["a", "b", "c"]], "bias", "<U1"),
    ],
)
def test_weights_that_do_not_fit_change_nothing(values, weight, words):
    layer = nn.Dense(3, name="d")
    alone(layer, (2,))
    before = layer.get_weights()
    with pytest.raises(WeightsError, match=words) as caught:
        layer.set_weights(values)
    assert (caught.value.layer, caught.value.weight) == ("d", weight)
    assert all(map(np.array_equal, before, layer.get_weights()))


def test_a_layer_of_ones_own(rng):
    class Scale(nn.Layer):
        """x times a number for each feature."""

        def output_shape(self, *input_shapes):
            return self.only(input_shapes, 1)

        def weights_spec(self, *input_shapes):
            return (nn.Weight("scale", self.only(input_shapes), "ones"),)

        def call(self, *inputs, mode):
            return inputs[0] * self.weights["scale"]

    model = alone(Scale(), (3,))
    model.set_weights([[1, 2, 3]])
    x = samples(rng, 4, 3)
    assert np.array_equal(model.predict(x), x * np.float32([1, 2, 3]))
    with pytest.raises(ShapeError, match=r"Scale 'scale'.*\(features,\)"):
        Scale()(nn.Input((3, 3)))


def test_what_a_subclass_must_define():
    layer = nn.Layer()
    for method in (lambda: layer.output_shape((3,)), lambda: layer.call(st.ones((1, 3)), mode=nn.Mode())):
        with pytest.raises(NotImplementedError):
            method()
    assert layer.weights_spec((3,)) == () and layer.macs((3,)) == 0


def test_symbols_only():
    with pytest.raises(ShapeError, match=r"Dense 'dense'.*ndarray.*start from nn.Input"):
        nn.Dense(3)(np.ones((2, 2)))


def test_a_layer_cannot_have_two_kernels():
    layer = nn.Dense(3)
    x, z = nn.Input((4,)), nn.Input((5,))
    with pytest.raises(ShapeError, match=r"Dense 'dense'.*\(5, 3\).*expected weights.*\(4, 3\)"):
        nn.Model([x, z], [layer(x), layer(z)])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"format": "int8"}, "'int8'.*model.quantize"),
        ({"group": 0}, "'group'.*0"),
        ({"group": True}, "'group'"),
    ],
)
def test_modes_are_checked(arguments, words):
    with pytest.raises(OperandError, match=words):
        nn.Mode(**arguments)
