"""The network that a command names: by name or file, with weights, and errors that say what is near."""

from __future__ import annotations

import numpy as np
import pytest

from spinntensor.commands.networks import open_network, prepare, usual
from spinntensor.errors import InputError, OperandError, UnknownNameError
from spinntensor.nn import Activation, Dense, Input, Model
from spinntensor.nn.layers import BatchNorm
from spinntensor.nn.weights import save_weights


def test_a_network_by_name_takes_the_shape_of_the_data(small):
    found = prepare("mlp", [str(small)], classes=3)
    assert found.model.inputs[0].shape == (6,) and found.classes == 3 and found.model.synthetic
    assert found.calibration.words == "60 samples of the inputs" or found.calibration.words == "the inputs"


def test_equal_seeds_give_equal_weights(small):
    one, other, third = (prepare("mlp", [str(small)], seed=seed).model.get_weights() for seed in (5, 5, 6))
    for a, b, c in zip(one, other, third, strict=True):
        np.testing.assert_array_equal(a, b)
        assert c.ndim == 1 or not np.array_equal(a, c)


def test_random_weights_get_statistics_of_the_calibration(tmp_path, rng):
    np.save(tmp_path / "x.npy", rng.standard_normal((4, 8, 8, 3)) + 3)
    found = prepare("resnet8", [str(tmp_path / "x.npy")], calibrate_on=str(tmp_path / "x.npy"))
    norm = next(layer for layer in found.model.layers if isinstance(layer, BatchNorm))
    assert np.ptp(norm.weights["moving_mean"].numpy()) > 0


def test_weights_of_a_file(tmp_path, small):
    made = prepare("mlp", [str(small)], classes=3, seed=9).model
    save_weights(made, tmp_path / "w.npz")
    found = prepare("mlp", [str(small)], classes=3, weights=str(tmp_path / "w.npz"))
    assert not found.model.synthetic
    for a, b in zip(found.model.get_weights(), made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_saved_model(trained, small):
    found = prepare(str(trained), [str(small)])
    assert found.classes == 3 and not found.model.synthetic
    with pytest.raises(OperandError, match="leave --classes out"):
        prepare(str(trained), [str(small)], classes=4)


def test_unknown_names_list_close_ones():
    with pytest.raises(UnknownNameError, match=r"unknown model 'resnet51'; did you mean .*'resnet50'"):
        open_network("resnet51", None, None, 0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere/model", "there is no such file"),
        ("nothing.safetensors", "there is no such file"),
        (".", "it is a folder"),
    ],
)
def test_missing_files_are_named(name, message, small):
    with pytest.raises(InputError, match=message):
        prepare(name, [str(small)])
    with pytest.raises(InputError, match=message):
        prepare("mlp", [str(small)], weights=name)


def test_models_of_several_results_are_refused(tmp_path, small):
    x = Input((6,))
    y = Dense(3)(x)
    Model(x, [y, Activation("relu")(y)]).save(tmp_path / "two.safetensors")
    with pytest.raises(OperandError, match="expected one input, and one result"):
        prepare(str(tmp_path / "two.safetensors"), [str(small)])


def test_what_is_usual():
    assert usual("resnet50", "input_shape") == (224, 224, 3) and usual("mlp", "classes") == 10
