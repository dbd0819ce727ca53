"""Dense and convolutions against float64 and PyTorch; their shapes, weights, formats, work and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as draw
from nn_reference import alone, convolution, randomized, same, samples, sqnr

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import ShapeError, UnknownNameError

SQNR = 60.0
"""dB that a product in bfp16 keeps, at least: operands have 13 bits."""


def near(result, reference, magnitude):
    """Whether a result is within a few roundings of sums of this magnitude."""
    assert result.dtype == np.float32 and result.shape == reference.shape
    assert np.all(np.abs(result - reference) <= 4e-7 * magnitude)


def activated(name, x):
    return {"relu": lambda: np.maximum(x, 0), "tanh": lambda: np.tanh(x), None: lambda: x}[name]()


# Dense -----------------------------------------------------------------------------------------------------


@given(
    shape=draw.sampled_from([(1,), (7,), (2, 3), (3, 2, 4)]),
    units=draw.integers(1, 9),
    bias=draw.booleans(),
    activation=draw.sampled_from([None, "relu", "tanh"]),
)
def test_dense_is_a_product_of_the_flattened_input(shape, units, bias, activation):
    rng = np.random.default_rng(units)
    model = randomized(alone(nn.Dense(units, activation, use_bias=bias), shape), rng)
    x = samples(rng, 5, *shape)
    weights = [w.astype(np.float64) for w in model.get_weights()]
    assert [w.shape for w in weights] == [(int(np.prod(shape)), units), (units,)][: 1 + bias]
    rows, offset = x.reshape(5, -1).astype(np.float64), weights[1] if bias else 0
    magnitude = np.abs(rows) @ np.abs(weights[0]) + np.abs(offset)
    near(model.predict(x), activated(activation, rows @ weights[0] + offset), magnitude)
    assert model.macs == rows.shape[1] * units


def test_dense_of_a_known_case():
    model = alone(nn.Dense(2), (3,))
    model.set_weights([[[1, 2], [3, 4], [5, 6]], [0.5, -0.5]])
    assert np.array_equal(model.predict(np.array([[1.0, 0, 2]])), [[11.5, 13.5]])


# Convolutions ----------------------------------------------------------------------------------------------

PADDINGS = ("valid", "same", 1, 2)


@given(draw.data())
def test_convolutions_are_those_of_float64(data):
    rank = data.draw(draw.sampled_from([1, 2]))
    sizes = tuple(data.draw(draw.integers(5, 8)) for _ in range(rank))
    kernel = tuple(data.draw(draw.integers(1, 3)) for _ in range(rank))
    strides = tuple(data.draw(draw.integers(1, 3)) for _ in range(rank))
    dilation = tuple(data.draw(draw.integers(1, 2)) for _ in range(rank))
    padding = data.draw(draw.sampled_from([*PADDINGS, tuple((i, i + 1) for i in range(rank))]))
    groups = data.draw(draw.sampled_from([1, 2]))
    kind = nn.Conv1D if rank == 1 else nn.Conv2D
    layer = kind(4, kernel, strides, padding, dilation, groups, use_bias=data.draw(draw.booleans()))
    rng = np.random.default_rng(data.draw(draw.integers(0, 99)))
    model = randomized(alone(layer, (*sizes, 4)), rng)
    x = samples(rng, 2, *sizes, 4)
    weights = model.get_weights()
    assert weights[0].shape == (*kernel, 4 // groups, 4)
    rims = {
        "valid": [(0, 0)] * rank,
        "same": [same(*axis) for axis in zip(sizes, kernel, strides, dilation, strict=True)],
        1: [(1, 1)] * rank,
        2: [(2, 2)] * rank,
    }
    rim = rims.get(padding, padding)
    offset = weights[1].astype(np.float64) if layer.use_bias else 0
    wanted = convolution(x, weights[0], strides, rim, dilation, groups) + offset
    magnitude = convolution(np.abs(x), np.abs(weights[0]), strides, rim, dilation, groups) + offset
    near(model.predict(x), wanted, magnitude)
    assert model.outputs[0].shape == wanted.shape[1:]
    assert model.macs == wanted[0].size * weights[0][..., 0].size


@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_keeps_channels_apart(rng, multiplier):
    layer = nn.DepthwiseConv2D((3, 2), 2, "same", multiplier, activation="relu")
    model = randomized(alone(layer, (7, 6, 4)), rng)
    x = samples(rng, 3, 7, 6, 4)
    kernel, bias = model.get_weights()
    assert kernel.shape == (3, 2, 4, multiplier)
    rim = [same(7, 3, 2), same(6, 2, 2)]
    parts = [convolution(x[..., [c]], kernel[:, :, [c]], (2, 2), rim, (1, 1)) for c in range(4)]
    magnitude = [convolution(abs(x[..., [c]]), abs(kernel[:, :, [c]]), (2, 2), rim, (1, 1)) for c in range(4)]
    wanted = np.maximum(np.concatenate(parts, -1) + bias, 0)
    near(model.predict(x), wanted, np.concatenate(magnitude, -1) + bias)
    assert model.macs == wanted[0].size * 6


# Formats ---------------------------------------------------------------------------------------------------

LAYERS = [
    (nn.Dense, (5,), (20,)),
    (nn.Conv1D, (6, 3), (9, 4)),
    (nn.Conv2D, (6, 3), (7, 7, 4)),
    (nn.Conv2D, (6, 3, 2, "same", 1, 2), (7, 7, 4)),
    (nn.DepthwiseConv2D, (3, 1, "same", 2), (7, 7, 4)),
]


@pytest.mark.parametrize(("kind", "arguments", "shape"), LAYERS)
def test_bfp16_is_close_and_defined_by_quantised_operands(rng, kind, arguments, shape):
    layer = kind(*arguments)
    model = randomized(alone(layer, shape), rng)
    x = samples(rng, 8, *shape)
    exact, short = model.predict(x), model.predict(x, format="bfp16")
    assert short.dtype == np.float32
    assert SQNR < sqnr(exact, short) < 100
    operands = st.quantize(x, "bfp16"), st.quantize(layer.kernel(), st.formats.Bfp16(axis=-1))
    again = layer.product(*operands, "float32") + layer.weights["bias"]
    assert np.array_equal(again.numpy(), short)


@pytest.mark.parametrize(("kind", "arguments", "shape"), LAYERS)
def test_products_of_bytes_are_exact_sums(rng, kind, arguments, shape):
    layer = kind(*arguments)
    alone(layer, shape)
    x8 = rng.integers(-9, 9, (2, *shape), np.int8)
    w8 = rng.integers(-9, 9, layer.kernel().shape, np.int8)
    sums = layer.product(st.tensor(x8), st.tensor(w8))
    assert sums.format == "int32"
    real = layer.product(st.tensor(x8, "float32"), st.tensor(w8, "float32"))
    assert np.array_equal(sums.numpy(), real.numpy())


# Refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Dense(0), "Dense 'dense'.*units 0.*from 1 on"),
        (lambda: nn.Conv2D(3, 0), "Conv2D 'conv2d'.*kernel_size 0"),
        (lambda: nn.Conv2D(3, (3, 3, 3)), r"kernel_size \(3, 3, 3\).*2 of them"),
        (lambda: nn.Conv2D(3, 3, padding="full"), "padding 'full'.*'valid', 'same'"),
        (lambda: nn.Conv1D(3, 3, padding=-1), "padding -1"),
        (lambda: nn.Conv2D(3, 3, groups=2), "3 filters.*multiple of 2 groups"),
        (lambda: nn.Conv2D(4, 3, groups=2, name="c")(nn.Input((5, 5, 3))), "Conv2D 'c'.*3 channels"),
        (lambda: nn.Conv2D(4, 5)(nn.Input((4, 9, 3))), r"shape \(4, 9, 3\).*at least 5 x 5"),
        (lambda: nn.Conv2D(4, 3, dilation_rate=3)(nn.Input((6, 9, 3))), "at least 7 x 7"),
        (lambda: nn.Conv2D(4, 3)(nn.Input((5, 3))), r"shape \(5, 3\).*\(height, width, channels\)"),
        (lambda: nn.Conv1D(4, 3)(nn.Input((5,))), r"shape \(5,\).*\(width, channels\)"),
        (lambda: nn.Dense(4)([nn.Input((5,)), nn.Input((5,))]), "2 inputs, expected one"),
    ],
)
def test_refusals_name_the_layer_and_both_sides(make, words):
    with pytest.raises(ShapeError, match=words):
        make()


@pytest.mark.parametrize("argument", ["kernel_initializer", "bias_initializer", "activation"])
def test_unknown_names_are_refused_at_once(argument):
    with pytest.raises(UnknownNameError, match=r"nope"):
        nn.Dense(3, **{argument: "nope"})


# PyTorch ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("padding", [0, 1, (1, 2)])
@pytest.mark.parametrize("rank", [1, 2])
def test_convolutions_agree_with_pytorch(rng, rank, padding, groups):
    torch = pytest.importorskip("torch")
    sizes = (13, 11)[:rank]
    pads = padding if isinstance(padding, int) else padding[:rank]
    for stride, dilation, kernel in ((1, 1, 3), (2, 1, 3), (1, 2, 3), (3, 2, 2), (2, 1, 1)):
        layer = (nn.Conv1D, nn.Conv2D)[rank - 1](16, kernel, stride, pads, dilation, groups)
        model = randomized(alone(layer, (*sizes, 8)), rng)
        x = samples(rng, 4, *sizes, 8)
        other = (torch.nn.Conv1d, torch.nn.Conv2d)[rank - 1](8, 16, kernel, stride, pads, dilation, groups)
        weight, bias = map(torch.from_numpy, model.get_weights())
        with torch.no_grad():
            other.weight[:] = weight.permute(rank + 1, rank, *range(rank))
            other.bias[:] = bias
            theirs = other(torch.from_numpy(x).movedim(-1, 1)).movedim(1, -1).numpy()
        ours = model.predict(x)
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= 2e-6 * np.abs(theirs).max()


@pytest.mark.slow
def test_dense_agrees_with_pytorch(rng):
    torch = pytest.importorskip("torch")
    model = randomized(alone(nn.Dense(300), (1000,)), rng)
    x = samples(rng, 50, 1000)
    kernel, bias = map(torch.from_numpy, model.get_weights())
    theirs = torch.nn.functional.linear(torch.from_numpy(x), kernel.T, bias).numpy()
    assert np.abs(model.predict(x) - theirs).max() <= 2e-6 * np.abs(theirs).max()
