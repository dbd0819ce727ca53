"""Weights by name: files of this package, PyTorch's names and layouts, and errors that name what does not fit."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as s

from spinntensor import nn
from spinntensor.errors import InputError, OutputError, WeightsError
from spinntensor.nn.models import lenet5, resnet8
from spinntensor.nn.weights import (
    NamesError,
    load_torchvision,
    load_weights,
    named_weights,
    save_weights,
    to_torchvision,
)


def small(seed=0, units=3, name="fc"):
    """One layer of each kind that has a kernel, and batch normalisation."""
    x = nn.Input((6, 5, 4))
    y = nn.Conv2D(6, (3, 2), groups=2, name="conv")(x)
    y = nn.DepthwiseConv2D(2, depth_multiplier=2, name="deep")(y)
    y = nn.BatchNorm(name="norm")(y)
    y = nn.Dense(units, name=name)(y)
    return nn.Model(x, y, seed=seed)


def same(model, other):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_names_are_layer_and_weight_in_keras_order():
    names = "conv/kernel conv/bias deep/kernel deep/bias norm/gamma norm/beta norm/moving_mean norm/moving_variance"
    assert list(named_weights(small())) == [*names.split(), "fc/kernel", "fc/bias"]


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_saved_weights_come_back(tmp_path, suffix):
    model, other = small(seed=1), small(seed=2)
    save_weights(model, tmp_path / f"w{suffix}")
    load_weights(other, tmp_path / f"w{suffix}")
    same(model, other)
    assert [p.name for p in tmp_path.iterdir()] == [f"w{suffix}"]


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_equal_weights_give_equal_files(tmp_path, suffix):
    for name in "ab":
        save_weights(small(seed=1), tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_other_endings_and_folders_that_are_not_there(tmp_path):
    with pytest.raises(OutputError, match=r"the ending \.h5 is not known; use \.npz or \.safetensors"):
        save_weights(small(), tmp_path / "w.h5")
    with pytest.raises(OutputError, match="create the folder first"):
        save_weights(small(), tmp_path / "no" / "w.npz")


def test_a_cut_npz_is_named(tmp_path):
    path = tmp_path / "w.npz"
    save_weights(small(), path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"w\.npz"):
        load_weights(small(), path)


def test_an_empty_file_is_no_weights(tmp_path):
    nn.safetensors.write(tmp_path / "w.safetensors", {})
    with pytest.raises(InputError, match="received a file without arrays, expected weights"):
        load_weights(small(), tmp_path / "w.safetensors")


# PyTorch's names --------------------------------------------------------------------------------------


def test_pytorch_names_and_layouts():
    model = small()
    found = {name: array.shape for name, array in to_torchvision(model).items()}
    assert found == {
        "conv.weight": (6, 2, 3, 2),
        "conv.bias": (6,),
        "deep.weight": (12, 1, 2, 2),
        "deep.bias": (12,),
        "norm.weight": (12,),
        "norm.bias": (12,),
        "norm.running_mean": (12,),
        "norm.running_var": (12,),
        "fc.weight": (3, 12 * 3 * 3),
        "fc.bias": (3,),
    }
    kernel = model.layer("conv").weights["kernel"].numpy()
    assert to_torchvision(model)["conv.weight"][5, 1, 2, 0] == kernel[2, 0, 1, 5]
    kernel = model.layer("deep").weights["kernel"].numpy()
    assert to_torchvision(model)["deep.weight"][2 * 4 + 1, 0, 1, 0] == kernel[1, 0, 4, 1]
    kernel = model.layer("fc").weights["kernel"].numpy()  # of (3, 3, 12) here, (12, 3, 3) there
    assert to_torchvision(model)["fc.weight"][2, (7 * 3 + 1) * 3 + 2] == kernel[(1 * 3 + 2) * 12 + 7, 2]


@given(s.integers(0, 2**32), s.booleans())
def test_there_and_back(seed, through_load_weights):
    model, other = small(seed), small(seed + 1)
    state = to_torchvision(model)
    (load_weights if through_load_weights else load_torchvision)(other, state)
    same(model, other)


def test_what_stands_between_flattening_and_dense_is_looked_through():
    x = nn.Input((2, 3))
    y = nn.Dropout(0.5)(nn.Activation("relu")(nn.Flatten()(x)))
    model = nn.Model(x, nn.Dense(1, use_bias=False, name="fc")(y))
    load_torchvision(model, {"fc.weight": np.arange(6.0)[None]})
    np.testing.assert_array_equal(model.get_weights()[0].ravel(), [0, 2, 4, 1, 3, 5])


def test_a_dense_layer_after_another_keeps_its_order():
    x = nn.Input((2, 2))
    model = nn.Model(x, nn.Dense(3, name="b")(nn.Dense(4, name="a")(x)))
    state = to_torchvision(model)
    np.testing.assert_array_equal(state["b.weight"], model.layer("b").weights["kernel"].numpy().T)


def test_counters_are_ignored_and_modules_may_be_called_otherwise(tmp_path):
    model, other = small(seed=1), small(seed=2)
    state = to_torchvision(model)
    state = {name.replace("fc.", "classifier.1."): array for name, array in state.items()}
    state["norm.num_batches_tracked"] = np.int64(9)
    nn.safetensors.write(tmp_path / "w.safetensors", state)
    load_torchvision(other, tmp_path / "w.safetensors", rename={"fc": "classifier.1"})
    same(model, other)


def test_a_state_dict_and_a_module_of_pytorch():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 2)).bfloat16()
    x = nn.Input((3,))
    model = nn.Model(x, nn.Dense(2, name="2")(nn.Dense(2, "relu", name="0")(x)))
    for source in (module, module.state_dict()):
        load_torchvision(model, source)
        np.testing.assert_array_equal(model.get_weights()[0], module[0].weight.detach().float().numpy().T)


# What does not fit ------------------------------------------------------------------------------------


def test_every_name_that_does_not_fit_is_listed():
    model = small()
    before = model.get_weights()
    state = to_torchvision(model)
    state["fc.weight"] = np.zeros((5, 108), np.float32)
    state["head.weight"] = state.pop("conv.weight")
    with pytest.raises(NamesError) as caught:
        load_torchvision(model, state)
    error = caught.value
    assert error.missing == (("conv.weight", (6, 2, 3, 2)),)
    assert error.unexpected == (("head.weight", (6, 2, 3, 2)),)
    assert error.mismatched == (("fc.weight", (5, 108), (3, 108)),)
    assert str(error) == (
        "weights of the mapping that was given: 1 missing (conv.weight (6, 2, 3, 2)); 1 unexpected (head.weight "
        "(6, 2, 3, 2)); 1 of another shape (fc.weight: received (5, 108), expected (3, 108)); "
        "build the model that the weights were made for, or rename them"
    )
    assert pickle.loads(pickle.dumps(error)).missing == error.missing
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_file_for_other_classes(tmp_path):
    path = tmp_path / "w.safetensors"
    nn.safetensors.write(path, to_torchvision(resnet8(classes=5)))
    with pytest.raises(
        NamesError,
        match=r"w\.safetensors: 2 of another shape \(fc.weight: received \(5, 64\), expected \(10, 64\), .*classes=",
    ):
        resnet8(weights=path)


def test_long_lists_are_cut():
    with pytest.raises(
        NamesError, match=r"9 missing \(conv1.bias .* and 5 more\); 46 unexpected \(.* and 42 more\); 1 of"
    ):
        load_weights(lenet5(), to_torchvision(resnet8()))


def test_numbers_that_are_not_finite_are_refused():
    state = to_torchvision(small())
    state["norm.bias"][3] = np.nan
    with pytest.raises(WeightsError, match=r"layer 'norm', weight 'beta': received 1 numbers that are not"):
        load_torchvision(small(), state)
