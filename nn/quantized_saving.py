"""Converted models in files: .safetensors with integers as they are, and the description of the steps as metadata."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

import spinntensor as st
from spinntensor.errors import InputError, SpinnTensorError
from spinntensor.formats import Grid, Int8, grid
from spinntensor.nn import safetensors
from spinntensor.nn.bfp16_model import Bfp16Model
from spinntensor.nn.configuration import from_config, layer_config, layer_from_config
from spinntensor.nn.converted import ConvertedModel
from spinntensor.nn.files import Path
from spinntensor.nn.folding import FoldedModel
from spinntensor.nn.layer import Layer
from spinntensor.nn.quantized_layers import OPERATIONS, Operation
from spinntensor.nn.quantized_model import QuantizedModel, Step
from spinntensor.nn.saving import digest
from spinntensor.nn.weights import load_weights, named_weights

__all__ = ["KIND", "load_converted", "save"]

KIND = "spinntensor converted model"
"""What the metadata calls such a file."""
VERSION = 1
"""Of the description; raised when older versions of the package could not read it."""


def save(model: ConvertedModel, path: Path) -> None:
    """Write a converted model to a file, whole or not at all; equal models give equal bytes.

    The file is in the format safetensors. OutputError when it cannot be written; the old one is then as it was.
    """
    arrays, config = _bfp16(model) if isinstance(model, Bfp16Model) else _int8(model)
    description = {
        "kind": KIND,
        "version": str(VERSION),
        "library": f"spinntensor {st.__version__}",
        "format": model.format,
        "config": json.dumps(config, separators=(",", ":")),
        "synthetic": json.dumps(model.synthetic),
        "sha256": digest(arrays),
    }
    safetensors.write(path, arrays, description)


def load_converted(path: Path) -> ConvertedModel:
    """The model of a file that `save` wrote; losses and metrics are not part of it.

    InputError names the file, what was found and what was expected: for a file that is cut off, damaged, written by a
    newer version, or that holds something else.
    """
    name = os.fspath(path)
    file = safetensors.read(path)
    found = file.metadata
    if found.get("kind") != KIND:
        mend = "load a float model with nn.Model.load"
        raise _wrong(name, str(found.get("kind", "a file without a description")), f"a {KIND}", mend)
    if not found.get("version", "").isdecimal() or int(found["version"]) > VERSION:
        received = f"version {found.get('version')} of {found.get('library', 'an unknown library')}"
        raise _wrong(name, received, f"version {VERSION} at most", "update spinntensor")
    arrays = dict(file)
    if digest(arrays) != found.get("sha256"):
        raise _wrong(name, "arrays with another checksum", str(found.get("sha256")), "copy the file again")
    try:
        config, synthetic = json.loads(found["config"]), bool(json.loads(found["synthetic"]))
        made = _read_bfp16 if found["format"] == Bfp16Model.format else _read_int8
        return made(config, arrays, synthetic)
    except (KeyError, TypeError, ValueError, IndexError, SpinnTensorError) as error:
        received = f"a description that makes no model ({error})"
        raise _wrong(name, received, f"what {found.get('library')} writes", "save it again") from error


Arrays = dict[str, np.ndarray]
Config = dict[str, Any]


def _bfp16(model: Bfp16Model) -> tuple[Arrays, Config]:
    folded = model.model
    covers = {name: list(covered) for name, covered in folded.covers.items()}
    return named_weights(folded), {"model": folded.config(), "covers": covers}


def _read_bfp16(config: Config, arrays: Arrays, synthetic: bool) -> Bfp16Model:
    plain = from_config(config["model"])
    folded = FoldedModel(plain.inputs, plain.outputs, plain.name, plain.seed)
    load_weights(folded, arrays)
    folded.transforms = plain.transforms
    folded.covers = {name: tuple(covered) for name, covered in config["covers"].items()}
    folded.synthetic = synthetic
    return Bfp16Model(folded)


def _int8(model: ConvertedModel) -> tuple[Arrays, Config]:
    assert isinstance(model, QuantizedModel)
    arrays: Arrays = {}
    config = {
        "name": model.name,
        "steps": [_step(s, arrays) for s in model.steps],
        "results": [list(r) for r in model.results],
        "transforms": list(model.transforms),
        "calibration": model.calibration,
    }
    return arrays, config


def _read_int8(config: Config, arrays: Arrays, synthetic: bool) -> QuantizedModel:
    steps = [_read_step(c, arrays) for c in config["steps"]]
    results = [(int(i), str(name)) for i, name in config["results"]]
    return QuantizedModel(
        config["name"], steps, results, config["transforms"], config["calibration"], synthetic
    )


def _step(step: Step, arrays: Arrays) -> Config:
    """A step as JSON takes it; its arrays are put to the others under its name."""
    operation = step.operation
    config: Config = {
        "name": step.name,
        "inputs": list(step.inputs),
        "operation": None if operation is None else type(operation).__name__,
        "shape": list(step.shape),
        "grid": _grid(step.grid),
        "covers": list(step.covers),
        "macs": step.macs,
    }
    if operation is not None:
        config["fields"] = {}
        for f in fields(operation):
            value = getattr(operation, f.name)
            if isinstance(value, np.ndarray):
                arrays[f"{step.name}/{f.name}"] = value
            else:
                config["fields"][f.name] = _field(value)
                if isinstance(value, Layer):
                    arrays.update((f"{step.name}/layer/{n}", v.numpy()) for n, v in value.weights.items())
    return config


def _field(value: Any) -> Any:
    """A field of an operation as JSON takes it: a grid, several of them, a layer, or a text."""
    if isinstance(value, Grid):
        return _grid(value)
    if isinstance(value, tuple):
        return [_grid(g) for g in value]
    return layer_config(value) if isinstance(value, Layer) else value


def _read_step(config: Config, arrays: Mapping[str, np.ndarray]) -> Step:
    operation: Operation | None = None
    name = config["name"]
    if config["operation"] is not None:
        kind = OPERATIONS[config["operation"]]
        given = {f: _read_field(v) for f, v in config["fields"].items()}
        given.update((f.name, arrays[f"{name}/{f.name}"]) for f in fields(kind) if f.name not in given)
        if isinstance(given.get("layer"), Layer):
            prefix = f"{name}/layer/"
            held = {n.removeprefix(prefix): st.tensor(v) for n, v in arrays.items() if n.startswith(prefix)}
            given["layer"].weights = held
        operation = kind(**given)
    inputs, shape = tuple(config["inputs"]), tuple(config["shape"])
    return Step(
        name, inputs, operation, shape, _read_grid(config["grid"]), tuple(config["covers"]), config["macs"]
    )


def _read_field(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_read_grid(g) for g in value)
    if isinstance(value, dict):
        return layer_from_config(value) if "class" in value else _read_grid(value)
    return value


def _grid(g: Grid | None) -> Config | None:
    """A grid of activations as JSON takes it; its scale is written so that it reads back to the bit."""
    if g is None:
        return None
    assert g.scale is not None and g.zero_point is not None and isinstance(g.format, Int8)
    return {"unsigned": g.format.unsigned, "scale": float(g.scale), "zero": int(g.zero_point)}


def _read_grid(config: Config | None) -> Grid | None:
    return (
        None if config is None else grid(Int8(unsigned=config["unsigned"]), config["scale"], config["zero"])
    )


def _wrong(path: str, received: str, expected: str, mend: str) -> InputError:
    return InputError(path, f"received {received}, expected {expected}", mend)
