"""Batch normalisation folded into products: the same results, and no folding where it would be wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

import spinntensor as st
from spinntensor import nn
from spinntensor.nn.folding import FOLDED, SPLIT, factor_and_offset, fold

BOUND = 2.0**-18
RNG = np.random.default_rng(7)


def randomise(model, seed=0):
    """Weights of any size and sign; variances that differ by powers of ten."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        for name, v in layer.weights.items():
            value = rng.normal(0, 1, v.shape)
            if name == "moving_variance":
                value = 10.0 ** rng.uniform(-3, 3, v.shape)
            v.assign(value.astype(np.float32))
    return model


def product_and_norm(kind, **options):
    """A model of one product and a BatchNorm, with random weights."""
    shapes = {nn.Dense: (6,), nn.Conv1D: (9, 3), nn.Conv2D: (6, 5, 4), nn.DepthwiseConv2D: (6, 5, 4)}
    x = nn.Input(shapes[kind])
    arguments = {nn.Dense: (7,), nn.Conv1D: (8, 3), nn.Conv2D: (8, 3), nn.DepthwiseConv2D: (3,)}
    y = nn.BatchNorm(name="norm")(kind(*arguments[kind], name="product", **options)(x))
    return randomise(nn.Model(x, y))


def bound(model, x):
    """What an output may change by: see `fold`."""
    product, norm = model.layer("product"), model.layer("norm")
    size = product.product(st.tensor(np.abs(x)), st.abs(product.kernel())).numpy().max()
    bias = np.abs(product.weights["bias"].numpy()) if product.use_bias else 0
    mean = np.abs(norm.weights["moving_mean"].numpy())
    beta = np.abs(norm.weights["beta"].numpy()) if norm.center else 0
    factor = np.abs(factor_and_offset(norm)[0])
    return BOUND * (factor * (size + bias + mean) + beta)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (nn.Dense, {}),
        (nn.Conv1D, {"padding": "same", "strides": 2}),
        (nn.Conv2D, {"padding": "same"}),
        (nn.Conv2D, {"padding": ((2, 0), (1, 1)), "dilation_rate": 2, "groups": 2}),
        (nn.DepthwiseConv2D, {"padding": 1, "depth_multiplier": 3, "strides": (2, 1)}),
    ],
)
def test_results_are_the_same(kind, options, use_bias):
    model = product_and_norm(kind, use_bias=use_bias, **options)
    folded = fold(model)
    x = RNG.normal(0, 3, (5, *model.inputs[0].shape)).astype(np.float32)
    assert [type(s).__name__ for s in folded.layers] == ["InputLayer", kind.__name__]
    assert np.all(np.abs(folded.predict(x) - model.predict(x)) <= bound(model, x))
    assert folded.transforms == (FOLDED,)
    assert folded.covers["product"] == ("product", "norm")
    assert model.layer("norm").weights, "the model itself is left alone"


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    seed=some.integers(0, 1000),
    padding=some.sampled_from(["valid", "same", 2]),
    stride=some.integers(1, 3),
    center=some.booleans(),
    scale=some.booleans(),
)
def test_any_convolution(seed, padding, stride, center, scale):
    x = nn.Input((7, 6, 2))
    y = nn.Conv2D(3, (3, 2), strides=stride, padding=padding, name="product")(x)
    model = randomise(nn.Model(x, nn.BatchNorm(center=center, scale=scale, name="norm")(y)), seed)
    given = np.random.default_rng(seed).normal(0, 1, (2, 7, 6, 2)).astype(np.float32)
    assert np.all(np.abs(fold(model).predict(given) - model.predict(given)) <= bound(model, given))


def test_the_weights_are_the_formula_rounded_once():
    model = product_and_norm(nn.Conv2D)
    product, norm = model.layer("product"), model.layer("norm")
    kernel, bias = product.get_weights()
    gamma, beta, mean, variance = [w.astype(np.float64) for w in norm.get_weights()]
    factor = gamma / np.sqrt(variance + norm.epsilon)
    found = fold(model).layer("product").get_weights()
    assert np.array_equal(found[0], (factor * kernel).astype(np.float32))
    assert np.allclose(found[1], factor * (bias - mean) + beta, rtol=1e-6, atol=1e-6)


def test_a_chain_of_norms_goes_into_one_product():
    x = nn.Input((4,))
    y = nn.Dense(5, name="product", use_bias=False)(x)
    for _ in range(3):
        y = nn.BatchNorm()(y)
    model = randomise(nn.Model(x, nn.Activation("relu")(y)))
    folded = fold(model)
    given = RNG.normal(0, 1, (6, 4)).astype(np.float32)
    assert len(folded.layers) == 3
    assert np.allclose(folded.predict(given), model.predict(given), rtol=1e-4, atol=1e-4)


def behind_padding(x):
    """The border would have to become the offset."""
    return nn.BatchNorm()(nn.ZeroPadding(1)(nn.Conv2D(3, 1)(x)))


def behind_activation(x):
    return nn.BatchNorm()(nn.Conv2D(3, 1, activation="relu")(x))


def behind_another_layer(x):
    return nn.BatchNorm()(nn.Activation("tanh")(nn.Conv2D(3, 1)(x)))


def before_a_padded_product(x):
    """The border is 0 behind the BatchNorm, not before it."""
    return nn.Conv2D(3, 3, padding="same")(nn.BatchNorm()(x))


def read_twice(x):
    y = nn.Conv2D(3, 1)(x)
    return nn.Add()([y, nn.BatchNorm()(y)])


def flattened(x):
    """Channels are other ones."""
    return nn.BatchNorm()(nn.Flatten()(nn.Conv2D(3, 1)(x)))


@pytest.mark.parametrize(
    "build",
    [behind_padding, behind_activation, behind_another_layer, before_a_padded_product, read_twice, flattened],
)
def test_it_stays_where_folding_would_be_wrong(build):
    x = nn.Input((4, 4, 2))
    model = randomise(nn.Model(x, build(x)))
    folded = fold(model)
    given = RNG.normal(0, 1, (3, 4, 4, 2)).astype(np.float32)
    assert sum(isinstance(s, nn.BatchNorm) for s in folded.layers) == 1
    assert np.array_equal(folded.predict(given), model.predict(given))
    assert folded.transforms == ()


def test_a_product_that_is_a_result_keeps_its_value():
    x = nn.Input((4,))
    y = nn.Dense(3)(x)
    model = randomise(nn.Model(x, [y, nn.BatchNorm()(y)]))
    given = RNG.normal(0, 1, (2, 4)).astype(np.float32)
    for mine, other in zip(fold(model).predict(given), model.predict(given), strict=True):
        assert np.array_equal(mine, other)


def test_a_shared_product_has_a_copy_for_each_call():
    a, b = nn.Input((4,), name="a"), nn.Input((4,), name="b")
    shared = nn.Dense(4, name="product", use_bias=False)
    y = nn.Add()([nn.BatchNorm(name="left")(shared(a)), nn.BatchNorm(name="right")(shared(b))])
    model = randomise(nn.Model([a, b], y))
    folded = fold(model)
    given = [RNG.normal(0, 1, (3, 4)).astype(np.float32) for _ in range(2)]
    assert {"product", "product.2"} <= {s.name for s in folded.layers}
    assert {folded.covers["product"][1], folded.covers["product.2"][1]} == {"left", "right"}
    assert np.allclose(folded.predict(given), model.predict(given), rtol=1e-4, atol=1e-4)


def test_activations_become_layers_when_they_are_split_off():
    x = nn.Input((6,))
    hidden = nn.Dense(5, activation="relu", name="hidden")(x)
    model = nn.Model(x, nn.Dense(3, activation="softmax", name="out")(hidden))
    split = fold(model, split=True)
    assert [s.name for s in split.layers] == ["input", "hidden", "hidden.relu", "out", "out.softmax"]
    assert split.covers["hidden"] == ()
    assert split.covers["hidden.relu"] == ("hidden",)
    assert split.transforms == (SPLIT,)
    given = RNG.normal(0, 1, (4, 6)).astype(np.float32)
    assert np.array_equal(split.predict(given), model.predict(given))


def test_transforms_are_part_of_the_description():
    folded = fold(product_and_norm(nn.Dense))
    assert folded.config()["transforms"] == [FOLDED]
    assert fold(folded).transforms == (FOLDED,)


def test_folding_leaves_training_alone():
    model = product_and_norm(nn.Dense)
    before = model.get_weights()
    folded = fold(model)
    folded.set_weights([w * 0 for w in folded.get_weights()])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
