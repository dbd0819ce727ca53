"""Models against Keras itself: order, shapes and values of weights carried over, geometry, training steps."""

from __future__ import annotations

import os

import numpy as np
import pytest
from nn_reference import samples

from spinntensor import nn

pytestmark = pytest.mark.slow
NAMES = {
    "BatchNorm": "BatchNormalization",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "AveragePool1D": "AveragePooling1D",
    "AveragePool2D": "AveragePooling2D",
    "ZeroPadding": "ZeroPadding2D",
}
"""Keras's names of layers that have another one."""


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


class Pair:
    """Symbols of Keras and of this package that were made alike."""

    def __init__(self, keras):
        self.keras = keras

    def layer(self, kind, *arguments, **options):
        """A pair of layers, to be called on pairs of symbols."""
        theirs = getattr(self.keras.layers, NAMES.get(kind, kind))(*arguments, **options)
        ours = getattr(nn, kind)(*arguments, **options)

        def call(x):
            many = isinstance(x, list)
            return tuple(f([v[i] for v in x] if many else x[i]) for i, f in enumerate((theirs, ours)))

        return call

    def input(self, shape):
        return self.keras.Input(shape), nn.Input(shape)

    def models(self, inputs, outputs, rng):
        """Both models, with the same weights, carried over by `get_weights` and `set_weights`."""
        theirs = self.keras.Model([x[0] for x in inputs], [y[0] for y in outputs])
        ours = nn.Model([x[1] for x in inputs], [y[1] for y in outputs])
        shapes = [w.shape for w in theirs.get_weights()]
        assert shapes == [w.shape for w in ours.get_weights()]
        weights = [0.3 * samples(rng, *s) if len(s) > 1 else rng.uniform(0.5, 1.5, s) for s in shapes]
        theirs.set_weights(weights)
        ours.set_weights(theirs.get_weights())
        return theirs, ours


def agree(theirs, ours, data, bound=4e-6):
    a, b = theirs.predict(data, verbose=0), ours.predict(data)
    for x, y in zip(*(v if isinstance(v, list) else [v] for v in (a, b)), strict=True):
        assert x.shape == y.shape
        assert np.abs(x - y).max() <= bound * np.abs(x).max()


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs(keras, seed):
    """Branches of any length, shared layers, several inputs and outputs: Keras's order of layers and weights."""
    rng, pair = np.random.default_rng(seed), Pair(keras)

    def any_of(values):
        return values[rng.integers(len(values))]

    inputs = [pair.input((6, 6, 4)) for _ in range(rng.integers(1, 3))]
    values, shared = list(inputs), pair.layer("Conv2D", 4, 3, padding="same")
    for _ in range(12):
        x, z = any_of(values), any_of(values)
        steps = [
            lambda x=x: pair.layer("Conv2D", 4, 3, padding="same", activation=any_of(["relu", "tanh", None]))(
                x
            ),
            lambda x=x: pair.layer("BatchNorm")(x),
            lambda x=x, z=z: pair.layer(any_of(["Add", "Multiply"]))([x, z]),
            lambda x=x, z=z: pair.layer("Conv2D", 4, 1)(pair.layer("Concatenate")([x, z])),
            lambda x=x: pair.layer("DepthwiseConv2D", 3, padding="same", activation="leaky_relu")(x),
            lambda x=x: pair.layer("Activation", any_of(["sigmoid", "softmax", "relu6"]))(x),
            lambda x=x: shared(x),
        ]
        values.append(any_of(steps)())
    made = values[len(inputs) :]
    ends = [made[i] for i in rng.choice(len(made), rng.integers(1, 4), replace=False)]
    ends[1:] = [pair.layer("Dense", 5)(pair.layer("Flatten")(y)) for y in ends[1:]]
    theirs, ours = pair.models(inputs, ends, rng)
    kinds = [NAMES.get(type(x).__name__, type(x).__name__) for x in ours.layers]
    assert kinds == [type(x).__name__ for x in theirs.layers]
    data = [samples(rng, 3, 6, 6, 4) for _ in inputs]
    agree(theirs, ours, data)


@pytest.mark.parametrize("seed", range(25))
def test_geometry(keras, seed):
    rng, pair = np.random.default_rng(seed), Pair(keras)
    window = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    stride, padding = int(rng.integers(1, 4)), ("same", "valid")[rng.integers(2)]
    spread = int(rng.integers(1, 3)) if stride == 1 else 1
    odd = tuple(k | 1 for k in window)  # Keras on torch counts the border of even windows of means
    layers = [
        pair.layer("Conv2D", 6, window, strides=stride, padding=padding, dilation_rate=spread, groups=2),
        pair.layer("DepthwiseConv2D", window, strides=stride, padding=padding, depth_multiplier=2),
        pair.layer("MaxPool2D", window, strides=stride, padding=padding),
        pair.layer("AveragePool2D", window if padding == "valid" else odd, strides=1, padding=padding),
        pair.layer("ZeroPadding", ((1, 2), (0, 3))),
    ]
    size = int(rng.integers(8, 12)), int(rng.integers(8, 12)), 4
    for layer in layers:
        x = pair.input(size)
        agree(*pair.models([x], [layer(x)], rng), [samples(rng, 2, *size)])
    line, width = pair.input((11, 4)), window[0]
    for layer in (
        pair.layer("Conv1D", 6, width, strides=stride, padding=padding, dilation_rate=spread),
        pair.layer("MaxPool1D", width, strides=stride, padding=padding),
        pair.layer("AveragePool1D", width, strides=stride),
    ):
        agree(*pair.models([line], [layer(line)], rng), [samples(rng, 2, 11, 4)])


def test_batch_norm_in_training(keras, rng):
    pair = Pair(keras)
    x = pair.input((5, 6))
    theirs, ours = pair.models([x], [pair.layer("BatchNorm", momentum=0.9)(x)], rng)
    data = samples(rng, 8, 5, 6)
    wanted = keras.ops.convert_to_numpy(theirs([data], training=True))
    found = ours.forward(data, mode=nn.Mode(training=True)).numpy()
    assert np.abs(found - wanted).max() < 2e-6
    for a, b in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        assert np.abs(a - b).max() < 1e-6


def test_defaults_are_those_of_keras(keras):
    """Arguments that both have, by the defaults they have."""
    import inspect

    aliases = {"glorot_uniform": "GlorotUniform", "zeros": "Zeros", "ones": "Ones"}
    for kind in (
        "Dense",
        "Conv1D",
        "Conv2D",
        "DepthwiseConv2D",
        "MaxPool2D",
        "AveragePool1D",
        "BatchNorm",
        "Concatenate",
    ):
        theirs = inspect.signature(getattr(keras.layers, NAMES.get(kind, kind)).__init__).parameters
        for name, parameter in inspect.signature(getattr(nn, kind).__init__).parameters.items():
            if (
                name in theirs
                and name not in ("self", "name")
                and theirs[name].default is not inspect.Parameter.empty
            ):
                wanted, found = theirs[name].default, parameter.default
                if isinstance(wanted, tuple):
                    wanted = wanted[0]
                assert found == wanted or aliases.get(str(found)) == wanted, (kind, name)
