"""Models: graphs of any form, stacks, weights, runs in float32 and bfp16, gradients, names, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from nn_reference import randomized, samples, sqnr

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import ShapeError, UnknownNameError, WeightsError


def residual(seed=0):
    """Two inputs, a shortcut, a branch that is concatenated, a shared layer, two outputs."""
    image, extra = nn.Input((6, 6, 2), "image"), nn.Input((3,), "extra")
    h = nn.Conv2D(4, 3, padding="same", use_bias=False)(image)
    h = nn.BatchNorm()(h)
    trunk = nn.Activation("relu")(h)
    h = nn.Conv2D(4, 3, padding="same")(trunk)
    h = nn.Add()([trunk, h])
    flat = nn.GlobalAveragePool()(h)
    shared = nn.Dense(5, "tanh", name="shared")
    joined = nn.Concatenate()([flat, shared(extra), nn.Activation("sigmoid")(shared(extra))])
    return nn.Model([image, extra], [nn.Dense(3, "softmax")(joined), nn.Dense(1)(flat)], seed=seed)


def reference(model, x, z):
    """float64 results of `residual`."""
    named = {v.name: v.numpy().astype(np.float64) for v in model.variables}

    def conv(x, kernel):
        padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
        return sum(padded[:, i : i + 6, j : j + 6] @ kernel[i, j] for i in range(3) for j in range(3))

    h = conv(x.astype(np.float64), named["conv2d/kernel"])
    h = (h - named["batch_norm/moving_mean"]) / np.sqrt(named["batch_norm/moving_variance"] + 1e-3)
    trunk = np.maximum(h * named["batch_norm/gamma"] + named["batch_norm/beta"], 0)
    flat = (trunk + conv(trunk, named["conv2d_1/kernel"]) + named["conv2d_1/bias"]).mean((1, 2))
    extra = np.tanh(z @ named["shared/kernel"] + named["shared/bias"])
    joined = np.concatenate([flat, extra, 1 / (1 + np.exp(-extra))], 1)
    e = np.exp(joined @ named["dense/kernel"] + named["dense/bias"])
    return e / e.sum(1, keepdims=True), flat @ named["dense_1/kernel"] + named["dense_1/bias"]


@pytest.fixture
def data(rng):
    return samples(rng, 7, 6, 6, 2), samples(rng, 7, 3)


# Graphs ----------------------------------------------------------------------------------------------------


def test_a_graph_of_any_form_against_float64(rng, data):
    model = randomized(residual(), rng)
    wanted = reference(model, *data)
    for found in (model.forward(*data), model(*data), model(list(data))):
        for y, w in zip(found, wanted, strict=True):
            assert np.abs(y.numpy() - w).max() < 2e-6
    for y, w in zip(model.predict(data, batch_size=3), wanted, strict=True):
        assert np.abs(y - w).max() < 2e-6


def test_bfp16_is_close(rng, data):
    model = randomized(residual(), rng)
    exact, short = (model.predict(data, format=f) for f in ("float32", "bfp16"))
    for a, b in zip(exact, short, strict=True):
        assert 50 < sqnr(a, b) < 100


def test_lazy_and_compiled_runs_have_the_same_bits(rng, data):
    model = randomized(residual(), rng)
    for format in ("float32", "bfp16"):
        lazy = model.forward(*data, mode=nn.Mode(format=format))
        compiled = model.compiled(format)(*map(st.tensor, data))
        again = model.predict(data, format=format)
        for a, b, c in zip(lazy, compiled, again, strict=True):
            assert a.numpy().tobytes() == b.numpy().tobytes() == c.tobytes()


def test_observers_see_every_layer_in_order(data):
    model, seen = residual(), []
    results = model.forward(*data, observe=lambda layer, y: seen.append((layer, y.shape)))
    assert [layer for layer, _ in seen] == [s.layer for s in model.nodes]
    assert [shape[1:] for _, shape in seen] == [s.shape for s in model.nodes]
    assert len(results) == 2


def test_a_model_on_symbols_is_part_of_another(rng, data):
    inner = residual()
    image, extra = nn.Input((6, 6, 2)), nn.Input((3,))
    first, second = inner([image, extra])
    outer = nn.Model([image, extra], nn.Concatenate()([second, first]))
    wanted = inner.predict(data)
    assert np.array_equal(outer.predict(data), np.concatenate(wanted[::-1], 1))
    inner.set_weights([w + 1 for w in inner.get_weights()])  # the layers are the same ones
    assert np.array_equal(outer.predict(data)[:, 0], inner.predict(data)[1][:, 0])
    with pytest.raises(ShapeError, match=r"inputs of shapes \[\(3,\)\]"):
        inner(extra)


def test_one_output_is_a_tensor_and_several_are_a_list():
    x = nn.Input((2,))
    one, two = nn.Dense(1)(x), nn.Dense(2)(x)
    assert nn.Model(x, one).forward(np.ones((3, 2))).shape == (3, 1)
    assert nn.Model([x], [one]).forward(np.ones((3, 2))).shape == (3, 1)
    assert [y.shape for y in nn.Model(x, [one, two]).forward(np.ones((3, 2)))] == [(3, 1), (3, 2)]


def test_integers_are_taken_as_numbers():
    model = nn.Sequential([nn.Input((2,)), nn.Flatten()])
    assert model.forward(np.array([[1, 200]], np.uint8)).numpy().tolist() == [[1, 200]]
    with pytest.raises(ShapeError, match=r"bool"):
        model.predict(np.array([[True, False]]))


def test_training_changes_moving_statistics_alone(data):
    model = residual()
    before = model.get_weights()
    model.forward(*data, mode=nn.Mode(training=True))
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    names = [v.name for v in model.variables]
    assert [n for n, c in zip(names, changed, strict=True) if c] == [
        "batch_norm/moving_mean",
        "batch_norm/moving_variance",
    ]


# Gradients -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_are_slopes(rng, data, compiled):
    """Against central differences of the model's own float32 loss, along a direction for each variable."""
    model = randomized(residual(), rng)
    image, extra = map(st.tensor, data)

    def loss(image, extra):
        first, second = model.forward(image, extra, mode=nn.Mode(training=True))
        return st.sum(st.square(first)) + st.mean(second * second)

    both = st.value_and_grad(loss, variables=model.trainable_variables)
    value, slopes = (st.compile(both) if compiled else both)(image, extra)
    assert np.isfinite(float(value))
    for variable, slope in zip(model.trainable_variables, slopes, strict=True):
        start, along = variable.numpy(), rng.choice([-1.0, 1.0], variable.shape).astype(np.float32)
        ends = []
        for step in (2e-3, -2e-3):
            variable.assign(start + np.float32(step) * along)
            ends.append(float(loss(image, extra)))
        variable.assign(start)
        wanted = (ends[0] - ends[1]) / 4e-3
        assert abs(np.vdot(slope.numpy(), along) - wanted) < 2e-3 * max(1.0, abs(wanted)), variable.name


def test_gradients_in_bfp16_are_close(rng, data):
    model = randomized(residual(), rng)
    found = {}
    for format in ("float32", "bfp16"):
        mode = nn.Mode(training=True, format=format)

        def loss(image, extra, mode=mode):
            first, second = model.forward(image, extra, mode=mode)
            return st.sum(st.square(first)) + st.mean(second * second)

        _, slopes = st.value_and_grad(loss, variables=model.trainable_variables)(*map(st.tensor, data))
        found[format] = np.concatenate([s.numpy().ravel() for s in slopes])
    assert sqnr(found["float32"], found["bfp16"]) > 40


def test_frozen_layers_have_no_gradients():
    model = residual()
    count = len(model.trainable_variables)
    model.layer("shared").trainable = False
    assert len(model.trainable_variables) == count - 2 and len(model.variables) == count + 2


# Weights ---------------------------------------------------------------------------------------------------


def test_weights_come_in_keras_order():
    """The order of keras.Model with the same layers, which sorts them by their distance from the outputs."""
    names = [v.name for v in residual().variables]
    assert names == [
        "conv2d/kernel",
        "batch_norm/gamma",
        "batch_norm/beta",
        "batch_norm/moving_mean",
        "batch_norm/moving_variance",
        "conv2d_1/kernel",
        "conv2d_1/bias",
        "shared/kernel",
        "shared/bias",
        "dense/kernel",
        "dense/bias",
        "dense_1/kernel",
        "dense_1/bias",
    ]


def test_weights_make_the_model(rng, data):
    first, second = residual(0), residual(1)
    assert not np.array_equal(first.predict(data)[0], second.predict(data)[0])
    second.set_weights(first.get_weights())
    assert all(map(np.array_equal, first.predict(data), second.predict(data)))


def test_seeds_decide_the_first_weights():
    first, again, other = (residual(s).get_weights() for s in (3, 3, 4))
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first[0], other[0])
    with pytest.raises(ShapeError, match=r"seed -1"):
        nn.Sequential(seed=-1)


def test_random_weights_are_called_so(rng):
    model = residual()
    assert model.synthetic
    with pytest.raises(WeightsError):
        model.set_weights([])
    assert model.synthetic
    model.set_weights(model.get_weights())
    assert not model.synthetic


def test_work_and_size():
    model = residual()
    assert model.parameters == 72 + 16 + 148 + 20 + 45 + 5 == sum(w.size for w in model.get_weights())
    assert model.macs == 36 * 72 + 36 * 144 + 15 + 15 + 14 * 3 + 4


# Names -----------------------------------------------------------------------------------------------------


def test_layers_by_name():
    model = residual()
    assert isinstance(model.layer("conv2d_1"), nn.Conv2D) and model.layer("conv2d_1") in model.layers
    with pytest.raises(UnknownNameError, match=r"did you mean 'conv2d_1'"):
        model.layer("conv2d_2")


def test_names_are_unique_and_stay():
    x = nn.Input((2,))
    a, b, c = nn.Dense(2), nn.Dense(2, name="dense"), nn.Dense(2)
    nn.Model(x, c(b(a(x))))
    assert [layer.name for layer in (a, b, c)] == ["dense_1", "dense", "dense_2"]
    nn.Model(x, nn.Dense(2)(c(x)))
    assert c.name == "dense_2"
    with pytest.raises(ShapeError, match=r"two layers called 'twin'"):
        nn.Model(x, nn.Dense(2, name="twin")(nn.Dense(2, name="twin")(x)))


def test_names_of_models():
    assert residual().name == "model" and nn.Sequential().name == "sequential"
    assert repr(nn.Sequential(name="net")) == "Sequential('net')"


def test_inputs_that_do_not_fit():
    model = residual()
    with pytest.raises(
        ShapeError, match=r"Model\('model'\): received 1 inputs|Model\('model'\) at.*1 inputs"
    ):
        model.forward(np.ones((2, 6, 6, 2)))
    with pytest.raises(ShapeError, match=r"InputLayer 'extra'.*\(2, 4\), expected shape \(2, 3\)"):
        model.forward(np.ones((2, 6, 6, 2)), np.ones((2, 4)))
