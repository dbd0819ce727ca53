"""A saved model is the model: same layers, same weights, same bits; and damage is found."""

from __future__ import annotations

import json
import resource
import signal

import numpy as np
import pytest

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import InputError, OutputError
from spinntensor.nn import safetensors, saving
from spinntensor.nn.models import build


def branched():
    """Two inputs and outputs, a layer that is called twice, a frozen one, every kind of padding."""
    a, b = nn.Input((8, 8, 3), name="a"), nn.Input((8, 8, 3), name="b")
    shared = nn.Conv2D(4, 3, padding="same", name="shared")
    x, y = shared(a), nn.Conv2D(4, 3, padding=((0, 2), (1, 1)), use_bias=False)(b)
    z = nn.Add()([shared(b), nn.BatchNorm()(y)])
    z = nn.Concatenate()([nn.Activation("leaky_relu", negative_slope=0.1)(z), nn.MaxPool2D(3, 1, 1)(x)])
    z = nn.DepthwiseConv2D(3, 2, "valid")(z)
    frozen = nn.Dense(5, "softmax", name="frozen")
    frozen.trainable = False
    return nn.Model([a, b], [frozen(z), nn.GlobalAveragePool()(x)], name="branched", seed=3)


def inputs(model, rng, count=2):
    return [rng.normal(size=(count, *x.shape)).astype(np.float32) for x in model.inputs]


def test_a_functional_model_comes_back_with_its_bits(tmp_path, rng):
    model = branched()
    path = tmp_path / "model.safetensors"
    model.save(path)
    other = nn.Model.load(path)
    assert other.config() == model.config() and other.summary() == model.summary()
    assert not other.layer("frozen").trainable and other.synthetic
    xs = inputs(model, rng)
    for y, z in zip(model.predict(xs), other.predict(xs), strict=True):
        np.testing.assert_array_equal(y, z)


@pytest.mark.parametrize("name", ["mlp", "lenet5", "resnet8"])
def test_networks_come_back(tmp_path, name, rng):
    model = build(name, seed=5)
    model.set_weights(model.get_weights())  # from here on they count as given ones
    model.save(tmp_path / "m")
    other = saving.load(tmp_path / "m")
    assert type(other) is type(model) and other.config() == model.config() and not other.synthetic
    (x,) = inputs(model, rng)
    np.testing.assert_array_equal(model.predict(x), other.predict(x))


def test_a_stack_comes_back_and_trains_on(tmp_path, rng):
    model = nn.Sequential([nn.Input((4,)), nn.Dense(3, "relu"), nn.Dropout(0.5), nn.Dense(2)], seed=2)
    model.save(tmp_path / "m")
    other = nn.Model.load(tmp_path / "m")
    assert isinstance(other, nn.Sequential)
    x, y = rng.normal(size=(8, 4)).astype(np.float32), rng.normal(size=(8, 2)).astype(np.float32)
    for one in (model, other):
        one.compile("sgd", "mse", seed=1)
        one.fit(x, y, verbose=0)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_equal_models_give_equal_files_that_say_who_wrote_them(tmp_path):
    for name in "ab":
        branched().save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = safetensors.read(tmp_path / "a").metadata
    assert found["kind"] == "spinntensor model" and found["version"] == "1"
    assert found["library"] == f"spinntensor {st.__version__}"
    assert json.loads(found["config"])["name"] == "branched"


def test_weights_of_a_saved_model_can_be_loaded_alone(tmp_path):
    model = branched()
    model.save(tmp_path / "m.safetensors")
    other = branched()
    other.set_weights([w + 1 for w in other.get_weights()])
    nn.weights.load_weights(other, tmp_path / "m.safetensors")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("format", ["int8", "bfp16"])
def test_quantised_models_are_loaded_alike(tmp_path, format, rng):
    model = build("lenet5")
    (x,) = inputs(model, rng, 8)
    model.quantize(format, calibration=x).save(tmp_path / "m")
    other = saving.load(tmp_path / "m")
    np.testing.assert_array_equal(other.predict(x), model.quantize(format, calibration=x).predict(x))


# Damage -----------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.safetensors"
    build("lenet5").save(path)
    return path


def test_a_file_that_was_cut_off(saved):
    saved.write_bytes(saved.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"model\.safetensors: received .* which end inside 'fc3/kernel'"):
        nn.Model.load(saved)


def test_a_bit_that_flipped(saved):
    data = bytearray(saved.read_bytes())
    data[-1234] ^= 4
    saved.write_bytes(data)
    with pytest.raises(InputError, match=r"received weights with another checksum, expected [0-9a-f]{64}"):
        nn.Model.load(saved)


def changed(path, **metadata):
    """The file with other metadata."""
    file = safetensors.read(path)
    kept = {k: v for k, v in {**file.metadata, **metadata}.items() if v is not None}
    safetensors.write(path, dict(file), kept)


def test_weights_without_a_model(saved):
    changed(saved, kind=None)
    with pytest.raises(InputError, match="received 10 arrays without a description of layers"):
        nn.Model.load(saved)


@pytest.mark.parametrize("version", ["2", "", "one"])
def test_a_newer_version(saved, version):
    changed(saved, version=version)
    with pytest.raises(
        InputError, match=rf"received version {version} of spinntensor .*, expected version 1"
    ):
        nn.Model.load(saved)


@pytest.mark.parametrize(
    "config",
    [None, "{", "3", "{}", '{"class": "Model", "layers": [{"class": "Lense", "config": {}}]}'],
)
def test_a_description_that_makes_no_model(saved, config):
    changed(saved, config=config)
    with pytest.raises(InputError, match="received a description that makes no model"):
        nn.Model.load(saved)


def test_weights_that_are_not_those_of_the_description(saved):
    other = json.dumps(build("lenet5", classes=3).config())
    changed(saved, config=other)
    with pytest.raises(InputError, match=r"fc3/kernel: received \(84, 10\), expected \(84, 3\)"):
        nn.Model.load(saved)


def test_a_full_disk_leaves_the_old_model(saved):
    """A real refusal in the middle of writing: files of this process may not grow beyond 100 KB."""
    before = saved.read_bytes()
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OutputError, match="the old file is intact"):
            build("lenet5", seed=1).save(saved)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert saved.read_bytes() == before and [p.name for p in saved.parent.iterdir()] == [saved.name]
