"""int8 networks: bits by an independent model, accuracy, what is fused, what stays float32, and what is refused."""

from __future__ import annotations

import json
import time
import warnings

import integer_network
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import NumericWarning, OperandError, RangeError, ShapeError, UnknownNameError
from spinntensor.formats import Int8
from spinntensor.machine.host import evaluate
from spinntensor.nn import quantized_layers as steps
from spinntensor.nn.quantized_model import QuantizedModel


def data(*shape, seed=1, scale=1.0):
    return (np.random.default_rng(seed).normal(0, scale, shape)).astype(np.float32)


def statistics(model, seed=3):
    """Batch normalisation that does something."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, nn.BatchNorm):
            c = layer.weights["gamma"].shape
            layer.set_weights(
                [rng.uniform(0.5, 2, c), rng.normal(0, 0.5, c), rng.normal(0, 0.5, c), rng.uniform(0.5, 2, c)]
            )
    return model


def sqnr(y, other):
    return 10 * np.log10(np.sum(y.astype(float) ** 2) / np.sum((y.astype(float) - other) ** 2))


def small_resnet():
    """Everything that integer networks are made of."""
    x = nn.Input((6, 6, 2))
    y = nn.BatchNorm()(nn.Conv2D(3, 3, padding="same", use_bias=False, name="first")(x))
    y = shortcut = nn.Activation("relu", name="rectified")(y)
    y = nn.Activation("relu6")(
        nn.BatchNorm()(nn.DepthwiseConv2D(3, padding=1, depth_multiplier=2, name="depthwise")(y))
    )
    y = nn.Activation("relu")(nn.Add(name="sum")([nn.Conv2D(3, 1, name="thin")(y), shortcut]))
    y = nn.Concatenate(name="joined")([y, nn.Conv2D(2, 1, name="side")(y), shortcut])
    y = nn.Activation("relu")(nn.BatchNorm(name="alone")(nn.MaxPool2D(2)(y)))
    y = nn.Conv2D(4, 2, groups=2, activation="relu", name="grouped")(y)
    y = nn.Dropout(0.5)(nn.GlobalAveragePool(name="mean")(y))
    return statistics(nn.Model(x, nn.Dense(5, name="logits")(y), name="small", seed=2))


@pytest.mark.parametrize("activations", ["auto", "uint8", "int8"])
@pytest.mark.parametrize("method", ["minmax", "mse"])
def test_bits_are_those_of_plain_python(method, activations):
    model = small_resnet()
    # the two halves of the test data differ from the calibration data, so that some elements are clamped
    quantized = model.quantize("int8", data(32, 6, 6, 2), method=method, activations=activations)
    x = data(3, 6, 6, 2, seed=5, scale=1.5)
    with st.counting():
        found = quantized.predict(x)
    assert found.dtype == np.float32
    assert np.array_equal(found, integer_network.run(quantized, x))
    assert quantized.float_layers == ()


@settings(max_examples=15)
@given(
    seed=some.integers(0, 99),
    padding=some.sampled_from(["valid", "same", 1]),
    stride=some.integers(1, 2),
    groups=some.sampled_from([1, 2]),
    activation=some.sampled_from([None, "relu", "relu6"]),
    scale=some.sampled_from([1e-3, 1.0, 1e4]),
)
def test_bits_of_any_convolution(seed, padding, stride, groups, activation, scale):
    x = nn.Input((5, 4, 2))
    y = nn.Conv2D(4, (3, 2), strides=stride, padding=padding, groups=groups, activation=activation)(x)
    model = nn.Model(x, nn.Dense(3)(nn.Flatten()(y)), seed=seed)
    quantized = model.quantize("int8", data(8, 5, 4, 2, seed=seed, scale=scale))
    given = data(2, 5, 4, 2, seed=seed + 1, scale=scale)
    with st.counting():
        assert np.array_equal(quantized.predict(given), integer_network.run(quantized, given))


def test_constants_are_the_float_models_rounded():
    """Weights q = rhe(w / s), |q| <= 127 and 127 reached; biases rhe(b / (s sx)); minmax grids."""
    x = nn.Input((7,))
    model = nn.Model(x, nn.Dense(4, name="dense", bias_initializer="glorot_uniform")(x))
    model.set_weights([data(7, 4), data(4, seed=2)])
    samples = data(20, 7, seed=3)
    quantized = model.quantize("int8", samples)
    step = quantized.step("dense")
    kernel, bias = model.get_weights()
    scale = step.operation.scale
    given = quantized.step("input.quantize").grid
    assert np.allclose(scale, np.abs(kernel).max(0) / 127, rtol=1e-6)
    assert np.array_equal(step.operation.kernel, np.rint(kernel / scale))
    assert np.array_equal(np.abs(step.operation.kernel).max(0), [127] * 4)
    assert np.array_equal(step.operation.bias, np.rint(bias / (scale * float(given.scale))))
    assert np.isclose(float(given.scale), (samples.max() - samples.min()) / 255, rtol=1e-6)
    results = model.predict(samples)
    assert np.isclose(float(step.grid.scale), (results.max() - results.min()) / 255, rtol=1e-5)


def test_layers_become_steps():
    quantized = small_resnet().quantize("int8", data(32, 6, 6, 2))
    first = quantized.step("first")
    assert first.covers == ("first", "batch_norm", "rectified")
    assert first.operation.activation == "relu" and first.grid.format == Int8(unsigned=True)
    assert quantized.step("depthwise").operation.activation == "relu6"
    assert quantized.step("sum").covers == ("sum", "activation_1")
    assert isinstance(quantized.step("alone").operation, steps.Channels)
    assert isinstance(quantized.step("mean").operation, steps.Average)
    # what only the concatenation reads is made on its grid
    assert quantized.step("side").grid is quantized.step("joined").grid
    assert quantized.step("first").grid is not quantized.step("joined").grid
    assert quantized.results[0][1] == "logits"
    assert "no layer, all compute in integers" in quantized.summary()
    assert "first" in quantized.summary() and "uint8, scale" in quantized.summary()
    assert quantized.transforms[-1] == "quantised to int8" and len(quantized.transforms) == 2
    assert quantized.macs == small_resnet().macs


def test_accuracy_of_a_small_network():
    model = small_resnet()
    x = data(64, 6, 6, 2, seed=9)
    quantized = model.quantize("int8", data(64, 6, 6, 2))
    with st.counting():
        assert sqnr(model.predict(x), quantized.predict(x)) > 28
    assert sqnr(model.predict(x), model.quantize("bfp16").predict(x)) > 50


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_methods(method):
    model = small_resnet()
    x = data(64, 6, 6, 2)
    quantized = model.quantize("int8", x, method=method, percent=99.9)
    with st.counting() as counts:
        assert sqnr(model.predict(x), quantized.predict(x)) > 20
    assert (counts["saturated"] > 20) == (method == "percentile")
    assert method in quantized.calibration and "64 samples" in quantized.calibration


def test_calibration_is_the_same_however_data_is_cut():
    model = small_resnet()
    x = data(30, 6, 6, 2)
    whole = model.quantize("int8", x)
    for cut in ([x[:7], x[7:]], ((x[i : i + 10], np.zeros(10)) for i in (0, 10, 20)), st.tensor(x)):
        other = model.quantize("int8", cut)
        assert other.calibration == whole.calibration
        for mine, its in zip(whole.steps, other.steps, strict=True):
            assert mine.grid is its.grid is None or float(mine.grid.scale) == float(its.grid.scale)


def test_results_do_not_depend_on_batches():
    quantized = small_resnet().quantize("int8", data(32, 6, 6, 2))
    x = data(11, 6, 6, 2, seed=4)
    with st.counting():
        whole = quantized.predict(x)
        assert np.array_equal(whole, quantized.predict(x, batch_size=3))
        assert np.array_equal(whole, quantized.forward(x).numpy())
        assert np.array_equal(whole, quantized.predict(x, batch_size=4, format="int8"))
    assert quantized.predict(x[:0]).shape == (0, 5)


def test_layers_without_an_integer_form_say_so():
    class Halved(nn.Layer):
        """A layer of the user's."""

        def output_shape(self, *input_shapes):
            return self.only(input_shapes)

        def call(self, *inputs, mode):
            return inputs[0] * 0.5

    class Doubled(nn.Dense):
        """What it computes is not known by its class's name alone."""

        def call(self, *inputs, mode):
            return super().call(*inputs, mode=mode) * 2.0

    x = nn.Input((6,))
    a = nn.Dense(8, activation="tanh", name="a")(x)
    b = nn.Dense(8, activation="sigmoid", name="b")(x)
    y = nn.Multiply(name="product")([a, b])
    y = nn.Activation("leaky_relu", name="leaky")(nn.Dense(8, name="c")(y))
    y = Doubled(8, name="doubled")(Halved(name="half")(nn.Reshape((8,))(y)))
    model = nn.Model(x, nn.Dense(4, activation="softmax", name="out")(y))
    quantized = model.quantize("int8", data(50, 6))
    assert set(quantized.float_layers) == {
        "a.tanh",
        "b.sigmoid",
        "product",
        "leaky",
        "half",
        "doubled",
        "out.softmax",
    }
    for name in quantized.float_layers:
        assert name in quantized.summary().splitlines()[-3]
    given = data(20, 6, seed=2, scale=0.5)
    expected = model.predict(given)
    assert np.abs(quantized.predict(given) - expected).max() < 0.02
    assert np.allclose(quantized.predict(given).sum(1), 1, atol=1e-6)
    # float32 layers that follow each other have no bytes between them
    assert [quantized.steps[i].name for i in quantized.step("product").inputs] == ["a.tanh", "b.sigmoid"]


def test_several_inputs_and_outputs():
    a, b = nn.Input((4, 4, 2), name="a"), nn.Input((3,), name="b")
    left = nn.Flatten()(nn.MaxPool2D()(nn.Conv2D(3, 1, activation="relu")(a)))
    joined = nn.Concatenate()([left, nn.Dense(5, name="right")(b)])
    model = nn.Model([a, b], [nn.Dense(2, name="one")(joined), nn.Dense(3, name="two")(joined)])
    given = [data(40, 4, 4, 2), data(40, 3)]
    quantized = model.quantize("int8", given)
    with st.counting():
        results = quantized.predict(given)
        assert len(results) == 2
        for y, other in zip(model.predict(given), results, strict=True):
            assert sqnr(y, other) > 25
        for y, other in zip(results, integer_network.run(quantized, *given), strict=True):
            assert np.array_equal(y, other)
    assert [s.layer.name for s in quantized.outputs] == ["one", "two"]
    assert len(quantized.graph((2, 4, 4, 2), (2, 3)).inputs) == 2


def test_shared_layers_sums_of_three_and_averages():
    x = nn.Input((6, 6, 2))
    shared = nn.Conv2D(2, 3, padding="same", name="shared")
    y = shared(shared(x))
    y = nn.Add()([y, x, nn.AveragePool2D(3, 1, padding="same")(x)])
    y = nn.AveragePool2D(2)(nn.ZeroPadding(((1, 1), (0, 2)))(y))
    model = nn.Model(x, nn.Dense(3)(nn.BatchNorm()(nn.Flatten()(y))))
    given = data(40, 6, 6, 2)
    quantized = model.quantize("int8", given)
    assert {"shared", "shared.2"} <= {s.name for s in quantized.steps}
    assert quantized.float_layers == ()
    with st.counting():
        assert sqnr(model.predict(given), quantized.predict(given)) > 25


def test_sequences():
    model = nn.Sequential(
        [
            nn.Input((16, 4)),
            nn.Conv1D(6, 3, padding="same", activation="relu"),
            nn.AveragePool1D(2),
            nn.Conv1D(5, 3, activation="relu6"),
            nn.GlobalAveragePool(),
            nn.Dense(3, activation="softmax"),
        ]
    )
    x = data(60, 16, 4)
    quantized = model.quantize("int8", x)
    with st.counting():
        assert np.abs(quantized.predict(x) - model.predict(x)).max() < 0.02


def test_relu6_is_no_saturation():
    model = nn.Sequential([nn.Input((4,)), nn.Dense(6, activation="relu6"), nn.Dense(2)])
    x = data(200, 4, scale=20.0)
    quantized = model.quantize("int8", x)
    assert (model.layers[1].call(st.tensor(x), mode=nn.Mode()).numpy() == 6).mean() > 0.2
    assert quantized.saturations(x)["dense"] == 0


def test_dead_channels_and_huge_biases():
    """Channels with next to nothing in them have coarse scales, and so their biases fit."""
    model = nn.Sequential([nn.Input((5,)), nn.Dense(4, name="dense"), nn.Dense(3)])
    kernel = data(5, 4)
    kernel[:, 0], kernel[:, 1], kernel[:, 2] = 0, kernel[:, 1] * 1e-12, kernel[:, 2] * 1e-30
    model.layers[1].set_weights([kernel, np.array([0.5, -2.0, 3.0, 1e-20], np.float32)])
    x = data(50, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing may be clamped on the way
        quantized = model.quantize("int8", x)
    y = integer_network.dequantized(np.array(0), quantized.step("dense").grid)
    assert np.isfinite(y)
    with st.counting():
        assert sqnr(model.predict(x), quantized.predict(x)) > 30
    operation = quantized.step("dense").operation
    assert np.abs(operation.bias.astype(np.int64)).max() <= 2**29


def test_all_zero():
    model = nn.Sequential(
        [nn.Input((4,)), nn.Dense(3, kernel_initializer="zeros", activation="relu"), nn.Dense(2)]
    )
    quantized = model.quantize("int8", np.zeros((3, 4), np.float32))
    assert np.array_equal(quantized.predict(np.zeros((2, 4), np.float32)), np.zeros((2, 2)))


def test_the_graph_is_what_runs_and_holds_integers():
    quantized = small_resnet().quantize("int8", data(32, 6, 6, 2))
    graph = quantized.graph((2, 6, 6, 2))
    assert graph.inputs[0].type.shape == (2, 6, 6, 2)
    real = [n.op for n in graph.nodes if n.type.format == "float32"]
    assert real == ["input", "dequantize"]
    assert graph is quantized.graph((2, 6, 6, 2))
    assert {"quantize", "conv2d", "requantize", "add_q", "max_pool", "matmul"} <= {n.op for n in graph.nodes}
    x = data(2, 6, 6, 2)
    with st.counting():
        assert np.array_equal(evaluate(graph, {graph.inputs[0].id: x})[0][0], quantized.predict(x))


def test_saturations_are_counted_by_step_and_told():
    quantized = small_resnet().quantize("int8", data(32, 6, 6, 2))
    x = data(8, 6, 6, 2, seed=4, scale=4.0)
    found = quantized.saturations(x)
    assert found["input.quantize"] > 0 and found["joined"] == 0
    with st.counting() as counts:
        quantized.predict(x)
    assert counts["saturated"] == sum(found.values())
    with pytest.warns(NumericWarning, match="most often") as told:
        quantized.predict(x)
    assert len(told) == 1


def test_evaluate_takes_what_the_model_was_compiled_with():
    model = nn.Sequential([nn.Input((6,)), nn.Dense(8, activation="relu"), nn.Dense(3, activation="softmax")])
    x, y = data(90, 6), np.random.default_rng(0).integers(0, 3, 90)
    plain = model.quantize("int8", x)
    with pytest.raises(OperandError, match="give a loss"):
        plain.evaluate(x, y)
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    for format in ("int8", "bfp16"):
        other = model.quantize(format, x)
        found, expected = other.evaluate(x, y), model.evaluate(x, y)
        assert found.keys() == expected.keys()
        assert abs(found["loss"] - expected["loss"]) < 0.02
        again = plain.evaluate(x, y, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        assert abs(again["accuracy"] - expected["accuracy"]) < 0.05
    classes = other.predict(x).argmax(1)
    assert found["accuracy"] == pytest.approx(np.mean(classes == y))


def test_bfp16_is_the_folded_model_in_bfp16():
    model = small_resnet()
    other = model.quantize("bfp16")
    x = data(9, 6, 6, 2)
    expected = nn.folding.fold(model).predict(x, format="bfp16")
    assert np.array_equal(other.predict(x), expected)
    assert np.array_equal(other.forward(x).numpy(), expected)
    assert other.transforms == ("batch normalisation folded", "products in bfp16")
    assert "alone" in other.float_layers and "first" not in other.float_layers
    assert "bfp16" in other.summary()
    assert any("bfp16" in n.type.format for n in other.graph((9, 6, 6, 2)).nodes)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"format": "int4"}, OperandError, "'int8' or 'bfp16'"),
        ({"format": "int8"}, OperandError, "data to choose scales by"),
        ({"format": "int8", "calibration": 3}, OperandError, "an array, or batches"),
        ({"format": "int8", "calibration": []}, OperandError, "no samples"),
        ({"format": "int8", "calibration": data(0, 6, 6, 2)}, OperandError, "no samples"),
        ({"format": "int8", "calibration": data(4, 6, 6, 3)}, ShapeError, "input"),
        ({"format": "int8", "calibration": data(4, 6, 6, 2), "method": "max"}, OperandError, "'mse'"),
        ({"format": "int8", "calibration": data(4, 6, 6, 2), "activations": "int4"}, OperandError, "'uint8'"),
        (
            {"format": "int8", "calibration": data(4, 6, 6, 2), "method": "percentile", "percent": 3},
            OperandError,
            "50 < percent",
        ),
        ({"format": "int8", "calibration": data(4, 6, 6, 2) * np.nan}, OperandError, "finite"),
    ],
)
def test_bad_input(arguments, error, words):
    with pytest.raises(error, match=words):
        small_resnet().quantize(**arguments)


def test_other_mistakes():
    quantized = small_resnet().quantize("int8", data(32, 6, 6, 2))
    with pytest.raises(OperandError, match="a float model"):
        nn.quantize.quantize(quantized, "int8", data(4, 6, 6, 2))
    with pytest.raises(OperandError, match="'int8'"):
        quantized.predict(data(4, 6, 6, 2), format="float32")
    with pytest.raises(ShapeError, match="input"):
        quantized.predict(data(4, 5, 6, 2))
    with pytest.raises(ShapeError, match="input"):
        quantized.forward(data(4, 5, 6, 2))
    with pytest.raises(UnknownNameError, match="firs"):
        quantized.step("firs")


def test_sums_that_could_leave_32_bits_are_refused():
    operation = steps.Product(
        np.full((70_000, 1), 127, np.int8),
        np.ones(1),
        np.zeros(1, np.int32),
        st.calibrate(data(10), "int8"),
        None,
        nn.Dense(1),
    )
    with pytest.raises(RangeError, match="split the layer"):
        operation.prove("Dense 'wide'", st.calibrate(np.abs(data(10)), "uint8"))


def test_it_is_deterministic():
    x = data(32, 6, 6, 2)
    one, two = [small_resnet().quantize("int8", x) for _ in range(2)]
    assert one.summary() == two.summary()
    assert np.array_equal(one.predict(x), two.predict(x))
    assert isinstance(one, QuantizedModel) and json.dumps(one.transforms)


@pytest.mark.slow
def test_resnet50():
    """20 dB over 16 crops of the bundled photographs, and one photograph in less than 3 s."""
    pytest.importorskip("sklearn")
    photographs = nn.data.photographs()
    train, test = [
        np.concatenate(
            [nn.data.crops(photographs[name], 8, seed=seed + i) for i, name in enumerate(nn.data.PHOTOGRAPHS)]
        )
        for seed in (10, 20)
    ]
    model = nn.resnet50(statistics=train[::2])
    quantized = model.quantize("int8", train)
    assert quantized.float_layers == ()
    with st.counting():
        assert sqnr(model.predict(test, batch_size=4), quantized.predict(test, batch_size=4)) > 20
        quantized.predict(test[:1])
        start = time.perf_counter()
        quantized.predict(test[:1])
    assert time.perf_counter() - start < 3


@pytest.mark.slow
def test_digits():
    """int8 after training, and bfp16, are within half a point of float32, as a mean of seeds."""
    pytest.importorskip("sklearn")
    (x, y), (x_test, y_test) = nn.data.digits()
    losses = []
    for seed in range(2):
        model = nn.resnet8(x.shape[1:], 10, seed=seed)
        rate = nn.CosineDecay(0.1, 8 * -(-len(x) // 32))
        loss = nn.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(nn.SGD(rate, 0.9), loss, ["accuracy"], seed=seed)
        model.fit(x, y, batch_size=32, epochs=8, verbose=0)
        right = model.evaluate(x_test, y_test)["accuracy"]
        others = [model.quantize("int8", x[:256]), model.quantize("bfp16")]
        with st.counting():
            losses.append([right - other.evaluate(x_test, y_test)["accuracy"] for other in others])
        assert right > 0.95
    assert np.abs(np.mean(losses, axis=0)).max() <= 0.005
