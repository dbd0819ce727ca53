"""Models in files: one .safetensors with the weights by name, and the description of the layers as its metadata."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import spinntensor as st
from spinntensor.errors import InputError, SpinnTensorError
from spinntensor.nn import safetensors
from spinntensor.nn.files import Path
from spinntensor.nn.weights import load_weights, named_weights

if TYPE_CHECKING:
    from spinntensor.nn.model import Model

__all__ = ["load", "save"]

KIND = "spinntensor model"
VERSION = 1
"""Of the description; raised when older versions of the package could not read it."""


def save(model: Model, path: Path) -> None:
    """Write a model and its weights to a file, whole or not at all; equal models give equal bytes.

    The file is in the format safetensors. OutputError when it cannot be written; the old one is then as it was.
    """
    weights = named_weights(model)
    description = {
        "kind": KIND,
        "version": str(VERSION),
        "library": f"spinntensor {st.__version__}",
        "config": json.dumps(model.config(), separators=(",", ":")),
        "synthetic": json.dumps(bool(model.synthetic)),
        "sha256": digest(weights),
    }
    safetensors.write(path, weights, description)


def load(path: Path) -> Any:
    """The model of a file: a `Model` as it was saved, or what `quantize` had made of one.

    InputError names the file, what was found and what was expected: for a file that is cut off, damaged, written by a
    newer version, or that holds weights without a model.
    """
    from spinntensor.nn import quantized_saving
    from spinntensor.nn.configuration import from_config

    name = os.fspath(path)
    file = safetensors.read(path)
    found = file.metadata
    if found.get("kind") == quantized_saving.KIND:
        return quantized_saving.load_converted(path)
    if found.get("kind") != KIND:
        received = f"{len(file)} arrays without a description of layers"
        raise _wrong(
            name, received, "a saved model", "build the model, then use nn.load_weights(model, path)"
        )
    if not found.get("version", "").isdecimal() or int(found["version"]) > VERSION:
        received = f"version {found.get('version')} of {found.get('library', 'an unknown library')}"
        raise _wrong(name, received, f"version {VERSION} at most", "update spinntensor")
    weights = dict(file)
    if digest(weights) != found.get("sha256"):
        raise _wrong(name, "weights with another checksum", str(found.get("sha256")), "copy the file again")
    try:
        model = from_config(json.loads(found["config"]))
        load_weights(model, weights)
        model.synthetic = json.loads(found["synthetic"])
    except (KeyError, ValueError, SpinnTensorError) as error:
        received = f"a description that makes no model ({error})"
        raise _wrong(name, received, f"what {found.get('library')} writes", "save it again") from error
    return model


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of names, shapes and bytes, in order."""
    total = hashlib.sha256()
    for name, array in arrays.items():
        total.update(f"{name} {array.shape} {array.dtype.str}\n".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def _wrong(path: str, received: str, expected: str, mend: str) -> InputError:
    return InputError(path, f"received {received}, expected {expected}", mend)
