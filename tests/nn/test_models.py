"""The networks: their sizes, names and options; and against PyTorch and Keras on the same weights."""

from __future__ import annotations

import os
from importlib.util import find_spec

import numpy as np
import pytest

from spinntensor import nn
from spinntensor.errors import OperandError, ShapeError, UnknownNameError
from spinntensor.nn.models import MODELS, build, lenet5, mlp, mobilenetv1, resnet8, resnet18, resnet50
from spinntensor.nn.weights import load_torchvision, to_torchvision

CLOSE = 1e-4
"""Of the largest logit."""

# Parameters without moving statistics, and multiply-accumulates: torchvision's and Keras's figures for the networks
# they have; the papers' tables round to these.
SIZES = {
    "mlp": (26_122, 25_856),
    "lenet5": (61_706, 416_520),
    "resnet8": (78_042, 12_501_632),
    "resnet20": (272_474, 40_813_184),
    "resnet32": (466_906, 69_124_736),
    "resnet56": (855_770, 125_747_840),
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet34": (21_797_672, 3_663_761_408),
    "resnet50": (25_557_032, 4_089_184_256),
    "resnet101": (44_549_160, 7_801_405_440),
    "mobilenetv1": (4_231_976, 568_740_352),
}
LARGE = ("resnet34", "resnet50", "resnet101")


def trainable(model):
    return sum(v.size for v in model.trainable_variables)


def sized(name):
    marks = [pytest.mark.slow] if name in LARGE else []
    return pytest.param(name, marks=marks)


def test_the_table_has_every_network():
    assert set(MODELS) == set(SIZES)


@pytest.mark.parametrize("name", [sized(name) for name in SIZES])
def test_sizes(name):
    model = build(name)
    assert (trainable(model), model.macs) == SIZES[name]
    assert model.outputs[0].shape == ((1000,) if SIZES[name][0] > 1e6 else (10,))
    assert model.name == name and model.synthetic


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mlp", (8, 8, 1)),
        ("lenet5", (32, 32, 3)),
        ("resnet8", (8, 8, 1)),
        ("resnet20", (8, 8, 1)),
        ("resnet18", (64, 48, 3)),
        ("mobilenetv1", (33, 32, 3)),
    ],
)
def test_other_shapes_and_classes(name, shape, rng):
    x = rng.normal(size=(3, *shape)).astype(np.float32)
    model = build(name, input_shape=shape, classes=7, statistics=x, seed=4)
    y = model.predict(x)
    assert y.shape == (3, 7) and np.isfinite(y).all() and y.std() > 0


def test_blocks_begin_with_a_share_of_the_variance():
    model = resnet18((32, 32, 3))
    for layer in model.layers:
        if isinstance(layer, nn.BatchNorm):
            share = 8**-0.5 if layer.name.endswith("bn2") else 1.0
            np.testing.assert_array_equal(layer.weights["gamma"].numpy(), np.float32(share))


def test_seeds_decide_the_weights():
    one, same, other = (resnet8(seed=s).get_weights() for s in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_the_sizes_of_an_mlp():
    model = mlp((20, 30, 40), (5, 2), 3)
    assert [w.shape for w in model.get_weights()[::2]] == [(10, 20), (20, 30), (30, 40), (40, 3)]
    assert mlp((), (5,), 3).parameters == 18


def test_lenet_has_options():
    model = lenet5(activation="relu", pooling="max")
    assert {type(x).__name__ for x in model.layers} >= {"MaxPool2D"} and model.layer(
        "conv1"
    ).activation == "relu"
    with pytest.raises(OperandError, match="received 'mean', expected 'average' or 'max'"):
        lenet5(pooling="mean")
    with pytest.raises(ShapeError, match="conv2"):
        lenet5((8, 8, 1))


def test_unknown_networks():
    with pytest.raises(UnknownNameError, match=r"unknown model 'resnet5O'; did you mean .*'resnet50'"):
        build("resnet5O")


def test_weights_and_statistics_exclude_each_other(rng):
    model = resnet8()
    with pytest.raises(OperandError, match="statistics"):
        resnet8(weights=to_torchvision(model), statistics=rng.normal(size=(2, 32, 32, 3)))


def test_weights_from_a_file_have_a_meaning(tmp_path):
    nn.safetensors.write(tmp_path / "w.safetensors", to_torchvision(resnet8(seed=3)))
    model = resnet8(weights=tmp_path / "w.safetensors")
    assert not model.synthetic
    np.testing.assert_array_equal(model.get_weights()[0], resnet8(seed=3).get_weights()[0])


def test_names_of_resnet18_are_those_of_torchvision():
    names = set(to_torchvision(resnet18((32, 32, 3))))
    assert len(names) == 122 - 20  # of torchvision's 122, 20 are counters
    assert {"conv1.weight", "bn1.running_var", "layer1.0.conv1.weight", "fc.bias"} <= names
    assert {
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.running_mean",
        "layer4.1.bn2.bias",
    } <= names
    assert not any(name.startswith("layer1.0.downsample") for name in names)


# Against PyTorch and Keras ----------------------------------------------------------------------------


def close(model, module, images):
    """Logits of PyTorch's weights agree."""
    torch_models = pytest.importorskip("torch_models")
    load_torchvision(model, torch_models.randomise(module, 3))
    theirs = torch_models.logits(module, images)
    assert np.abs(model.predict(images) - theirs).max() < CLOSE * np.abs(theirs).max()
    state = module.state_dict()
    for name, array in to_torchvision(model).items():
        np.testing.assert_array_equal(array, state[name].numpy())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "ours", "theirs", "arguments", "count"),
    [
        ("lenet5", {}, "LeNet", {}, 8),
        ("resnet8", {}, "ResNet", {"counts": (1, 1, 1), "classes": 10}, 4),
        ("resnet20", {"input_shape": (20, 28, 3)}, "ResNet", {"counts": (3, 3, 3), "classes": 10}, 4),
        ("resnet18", {"input_shape": (64, 64, 3)}, "ResNet", {"counts": (2, 2, 2, 2)}, 2),
        ("resnet50", {}, "ResNet", {"counts": (3, 4, 6, 3), "wide": True}, 1),
        ("mobilenetv1", {"alpha": 0.5, "input_shape": (96, 96, 3)}, "MobileNet", {"alpha": 0.5}, 2),
        ("mobilenetv1", {}, "MobileNet", {}, 1),
    ],
)
def test_against_pytorch(name, ours, theirs, arguments, count, rng):
    pytest.importorskip("torch")
    import torch_models

    model = build(name, **ours)
    images = rng.normal(size=(count, *model.inputs[0].shape)).astype(np.float32)
    close(model, getattr(torch_models, theirs)(**arguments), images)


@pytest.mark.slow
def test_mobilenet_against_keras(rng):
    if find_spec("keras") is None or find_spec("torch") is None:
        pytest.skip("Keras, or PyTorch as its backend, is not installed")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    shape = (64, 64, 3)
    theirs = keras.applications.MobileNet(
        shape, alpha=0.25, weights=None, classes=20, classifier_activation=None
    )
    weights = [np.abs(w + rng.normal(0, 0.1, w.shape)).astype(np.float32) for w in theirs.get_weights()]
    theirs.set_weights(weights)
    model = mobilenetv1(0.25, shape, 20)
    model.set_weights(weights)
    x = rng.uniform(-1, 1, (3, *shape)).astype(np.float32)
    expected = np.asarray(theirs.predict(x, verbose=0))
    assert np.abs(model.predict(x) - expected).max() < CLOSE * np.abs(expected).max()


@pytest.mark.slow
def test_resnet50_with_calibrated_random_weights_stays_sane(rng):
    x = rng.normal(size=(2, 224, 224, 3)).astype(np.float32)
    model = resnet50(statistics=x)
    spread = []
    model.forward(x[:1], observe=lambda layer, y: spread.append(float(np.abs(y.numpy()).max())))
    assert max(spread) < 100 and model.synthetic
