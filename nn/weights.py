"""Weights by name, from and to files: .npz and .safetensors, under this package's names or PyTorch's.

kernel of layer "fc"     fc/kernel (inputs, units)     here and in Keras's layout
                         fc.weight (units, inputs)     in PyTorch's state dicts, torchvision's among them
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.errors import InputError, OutputError, SpinnTensorError
from spinntensor.nn import safetensors
from spinntensor.nn.data.files import read_npz
from spinntensor.nn.files import Path, replacing

if TYPE_CHECKING:
    from spinntensor.nn.model import Model

__all__ = [
    "NamesError",
    "load_torchvision",
    "load_weights",
    "named_weights",
    "save_weights",
    "to_torchvision",
]

Source = Path | Mapping[str, Any]
"""A file, or arrays by name; PyTorch's tensors and modules, too."""
NPZ = ".npz"
SUFFIXES = (NPZ, ".safetensors")
BETWEEN = "/"
"""Stands between the names of a layer and its weight, and in no layer's name."""
SHOWN = 4


class NamesError(SpinnTensorError, ValueError):
    """Named weights are not those of the model.

    Parameters
    ----------
    source : str
        The file, or words for what was given.
    missing : tuple of (str, shape)
        Weights of the model that were not given.
    unexpected : tuple of (str, shape)
        Weights that were given and that the model does not have.
    mismatched : tuple of (str, shape, shape)
        Weights of another shape: the received one, then the expected one.
    """

    def __init__(
        self,
        source: str,
        missing: Iterable[tuple[str, tuple[int, ...]]] = (),
        unexpected: Iterable[tuple[str, tuple[int, ...]]] = (),
        mismatched: Iterable[tuple[str, tuple[int, ...], tuple[int, ...]]] = (),
    ) -> None:
        self.source = source
        self.missing = tuple(missing)
        self.unexpected = tuple(unexpected)
        self.mismatched = tuple(mismatched)
        super().__init__(source, self.missing, self.unexpected, self.mismatched)

    def __str__(self) -> str:
        groups = (
            ("missing", [f"{name} {shape}" for name, shape in self.missing]),
            ("unexpected", [f"{name} {shape}" for name, shape in self.unexpected]),
            ("of another shape", [f"{n}: received {a}, expected {b}" for n, a, b in self.mismatched]),
        )
        parts = [f"{len(found)} {what} ({_first(found)})" for what, found in groups if found]
        if self.missing or self.unexpected:
            mend = "build the model that the weights were made for, or rename them"
        else:
            mend = "build the model with the sizes of these weights, for instance classes="
        return f"weights of {self.source}: {'; '.join(parts)}; {mend}"


def named_weights(model: Model) -> dict[str, np.ndarray]:
    """Copies of the weights by layer and weight, `conv1/kernel`, in the order of `get_weights`."""
    return dict(zip(_names(model), model.get_weights(), strict=True))


def save_weights(model: Model, path: Path) -> None:
    """Write the weights, without the model, to an .npz or .safetensors file; whole or not at all.

    OutputError for another ending, or when the file cannot be written; then the old one is as it was.
    """
    suffix = os.path.splitext(path)[1]
    if suffix not in SUFFIXES:
        reason = f"the ending {suffix or '(none)'} is not known"
        raise OutputError(os.fspath(path), reason, f"use {' or '.join(SUFFIXES)}")
    arrays = named_weights(model)
    if suffix == NPZ:
        with replacing(path) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # the stub takes the names for allow_pickle
    else:
        safetensors.write(path, arrays)


def load_weights(model: Model, source: Source) -> None:
    """Give the model the weights of a file or a mapping, by name.

    Parameters
    ----------
    source : .npz or .safetensors, of `save_weights` or `save`; also one with PyTorch's names, see `load_torchvision`.
        Or arrays by name.

    NamesError lists every name that is missing, unexpected or of another shape; InputError is for files that are cut
    off or damaged. Then no weight has changed.
    """
    where, arrays = _arrays(source)
    if any(BETWEEN in name for name in arrays):
        _assign(model, where, arrays, {n: (v.shape, _itself) for n, v in _variables(model).items()})
    else:
        _load_torchvision(model, where, arrays, {})


def load_torchvision(model: Model, source: Source, rename: Mapping[str, str] | None = None) -> None:
    """Give the model the weights of a PyTorch state dict, by name.

    Parameters
    ----------
    model : layers have the names of PyTorch's modules, as those of `nn.models` do: `layer1.0.conv1`.
    source : a .safetensors file; or what `torch.load` or `module.state_dict()` gave, or the module itself.
    rename : PyTorch's names for layers that are called otherwise here.

    Layouts are brought over: convolutions from (outputs, inputs, height, width), Dense from (units, inputs), and when
    that flattens images or sequences, also from PyTorch's order of channels first. `num_batches_tracked` is ignored.
    Errors as for `load_weights`.
    """
    where, arrays = _arrays(source)
    _load_torchvision(model, where, arrays, rename or {})


def to_torchvision(model: Model) -> dict[str, np.ndarray]:
    """The weights under PyTorch's names and in its layouts; the inverse of `load_torchvision`."""
    from spinntensor.nn.torchvision import places

    return {name: place.theirs(place.variable.numpy()) for name, place in places(model).items()}


def _load_torchvision(model: Model, where: str, arrays: Mapping[str, Any], rename: Mapping[str, str]) -> None:
    from spinntensor.nn.torchvision import IGNORED, places

    wanted = {name: (place.shape, place.ours) for name, place in places(model, rename).items()}
    _assign(model, where, {n: arrays[n] for n in arrays if not n.endswith(IGNORED)}, wanted)


Wanted = Mapping[str, tuple[tuple[int, ...], Callable[[np.ndarray], np.ndarray]]]
"""Shape of each array, and the function to this package's layout; in the order of the model's weights."""


def _assign(model: Model, where: str, arrays: Mapping[str, Any], wanted: Wanted) -> None:
    """All arrays to their places, or NamesError."""
    shapes = {name: _shape(arrays, name) for name in arrays}
    missing = [(name, shape) for name, (shape, _) in wanted.items() if name not in shapes]
    unexpected = [(name, shape) for name, shape in shapes.items() if name not in wanted]
    both = [(name, shapes[name], shape) for name, (shape, _) in wanted.items() if name in shapes]
    mismatched = [(name, have, want) for name, have, want in both if have != want]
    if missing or unexpected or mismatched:
        raise NamesError(where, missing, unexpected, mismatched)
    model.set_weights([ours(_array(arrays[name])) for name, (_, ours) in wanted.items()])


def _variables(model: Model) -> dict[str, Any]:
    return dict(zip(_names(model), model.variables, strict=True))


def _names(model: Model) -> list[str]:
    return [f"{layer.name}{BETWEEN}{weight}" for layer in model.layers for weight in layer.weights]


def _arrays(source: Any) -> tuple[str, Mapping[str, Any]]:
    """Where arrays come from in words, and the arrays by name."""
    if hasattr(source, "state_dict"):
        source = source.state_dict()
    if isinstance(source, Mapping):
        return "the mapping that was given", source
    path = os.fspath(source)
    found: Mapping[str, Any] = read_npz(path) if path.endswith(NPZ) else safetensors.read(path)
    if not found:
        raise InputError(path, "received a file without arrays, expected weights", "save them again")
    return path, found


def _shape(arrays: Mapping[str, Any], name: str) -> tuple[int, ...]:
    if isinstance(arrays, safetensors.Safetensors):
        return arrays.shape(name)
    return tuple(np.shape(arrays[name]))


def _array(value: Any) -> np.ndarray:
    """An array, also of a PyTorch tensor: from any device, and in a type that NumPy has."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().float()
    return np.asarray(value)


def _itself(array: np.ndarray) -> np.ndarray:
    return array


def _first(found: list[str]) -> str:
    more = len(found) - SHOWN
    return ", ".join(found[:SHOWN]) + (f" and {more} more" if more > 0 else "")
