"""Converted models in files: they read back to the bit, and damaged or foreign files are refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import InputError, OutputError
from spinntensor.nn import safetensors
from spinntensor.nn.quantized_saving import KIND, load_converted


def data(*shape, seed=1):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def network():
    """A step of every kind."""
    x = nn.Input((6, 6, 2))
    y = shortcut = nn.Conv2D(4, 3, padding=((1, 1), (0, 2)), activation="relu")(x)
    y = nn.BatchNorm()(
        nn.MaxPool2D(3, 1, padding=1)(nn.DepthwiseConv2D(3, padding="same", activation="tanh")(y))
    )
    y = nn.Add()([y, shortcut, shortcut])
    y = nn.Activation("relu6")(nn.Concatenate()([y, shortcut]))
    y = nn.Multiply()([nn.AveragePool2D(2)(y), nn.AveragePool2D(2, 2)(y)])
    return nn.Model(x, nn.Dense(3, activation="softmax", name="end")(nn.GlobalAveragePool()(y)), name="every")


@pytest.mark.parametrize("format", ["int8", "bfp16"])
def test_it_reads_back_to_the_bit(format, tmp_path):
    x = data(20, 6, 6, 2)
    model = network().quantize(format, x, **({"method": "mse"} if format == "int8" else {}))
    model.save(tmp_path / "a.safetensors")
    read = load_converted(tmp_path / "a.safetensors")
    assert type(read) is type(model) and read.name == "every" and read.synthetic
    assert read.transforms == model.transforms and read.covers == model.covers and read.reads == model.reads
    assert read.summary() == model.summary() and read.float_layers == model.float_layers
    with st.counting():
        assert np.array_equal(read.predict(x), model.predict(x))
    read.save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_weights_take_a_byte_each(tmp_path):
    model = nn.Sequential([nn.Input((200,)), nn.Dense(300)])
    model.save(tmp_path / "float.safetensors")
    model.quantize("int8", data(10, 200)).save(tmp_path / "int8.safetensors")
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("float", "int8")]
    assert 3.5 < sizes[0] / sizes[1] < 4
    assert safetensors.read(tmp_path / "int8.safetensors")["dense/kernel"].dtype == np.int8


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    network().save(path)
    with pytest.raises(InputError, match=r"a float model with nn\.Model\.load"):
        load_converted(path)
    network().quantize("int8", data(20, 6, 6, 2)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(InputError, match="bytes"):
        load_converted(path)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InputError, match="checksum"):
        load_converted(path)
    path.write_bytes(whole)
    file = safetensors.read(path)
    for key, value, words in (
        ("version", "99", "update spinntensor"),
        ("config", "{}", "makes no model"),
        ("config", json.dumps({**json.loads(file.metadata["config"]), "steps": [3]}), "makes no model"),
    ):
        changed = tmp_path / "changed.safetensors"
        safetensors.write(changed, dict(file), {**file.metadata, key: value})
        with pytest.raises(InputError, match=words):
            load_converted(changed)
    assert file.metadata["kind"] == KIND


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(OutputError):
        network().quantize("bfp16").save(tmp_path / "no" / "such" / "folder.safetensors")
