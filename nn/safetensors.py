"""Named arrays in files of the format safetensors, by its own library: read without running anything from the file.

Arrays are looked up in the file when they are asked for, so that a network of a hundred megabytes is not in memory
twice. See https://github.com/huggingface/safetensors.

What is written has one text of metadata, JSON under the name "spinntensor": the names of the arrays in their order,
and the caller's metadata. For the library lays out arrays by type and name, metadata at random
(https://github.com/safetensors/safetensors/issues/584), and does not write metadata without arrays so that it can
read them (issue 466).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np

from spinntensor.errors import InputError
from spinntensor.nn.files import Path, replacing

__all__ = ["Safetensors", "read", "write"]

BFLOAT16 = "BF16"
INTEGERS = ("I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8")
TYPES = ("F64", "F32", "F16", BFLOAT16, "C64", *INTEGERS, "BOOL")
"""Types of elements that are read: those that NumPy has, and BF16, which becomes float32."""
OWN = "spinntensor"
"""Where the metadata holds order and metadata of a file written here."""
NOTHING = "(no arrays)"
"""Stands in a file without arrays."""
EXPECTED = "a safetensors file"
AGAIN = "copy or download it again"
UNPICKLE = (
    "pass the state dict itself, torch.load(path, weights_only=True), or what np.load(path) gives, "
    "or save it with safetensors.torch.save_file"
)
KERAS = "load it with Keras and pass model.get_weights() to set_weights"


class Safetensors(Mapping[str, np.ndarray]):
    """The arrays of a file by name; each is copied out of the file when asked for.

    They are in the order in which `write` got them, those of other programs' files in that of their names.

    Attributes
    ----------
    path : str
    metadata : dict of str to str
    """

    def __init__(
        self,
        path: str,
        metadata: dict[str, str],
        shapes: dict[str, tuple[int, ...]],
        file: Any,
        short: dict[str, bytes],
    ) -> None:
        self.path = path
        self.metadata = metadata
        self._shapes = shapes
        self._file = file
        self._short = short  # the arrays in BF16, which the library has no NumPy type for

    def __getitem__(self, name: str) -> np.ndarray:
        shape = self._shapes[name]
        if name in self._short:
            short = np.frombuffer(self._short[name], "<u2")
            return (short.astype(np.uint32) << 16).view(np.float32).reshape(shape)
        array: np.ndarray = self._file.get_tensor(name)
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array, without reading it."""
        return self._shapes[name]


def read(path: Path) -> Safetensors:
    """Open a file and check its header against its length.

    Raises InputError, which names the file, what was found and what was expected, for a file that is not there, is
    cut off, damaged, or something else.
    """
    from safetensors import SafetensorError, deserialize, safe_open

    name = os.fspath(path)
    with _opened(name) as file:
        start = file.read(8)
        if start[:2] == b"PK":
            raise _wrong(name, "a zip archive (PyTorch's .pth, or .npz)", EXPECTED, UNPICKLE)
        if start == b"\x89HDF\r\n\x1a\n":
            raise _wrong(name, "an HDF5 file", EXPECTED, KERAS)
        try:
            held = safe_open(name, framework="numpy")
        except SafetensorError as error:
            raise _wrong(name, *_damage(file, str(error)), AGAIN) from None
        except OSError as error:  # it is no file that can be mapped
            raise InputError(name, str(error), "check the path") from None
        names, metadata = _description(name, held)
        arrays = {n: held.get_slice(n) for n in names}
        types = {n: a.get_dtype() for n, a in arrays.items()}
        for n, dtype in types.items():
            if dtype not in TYPES:
                raise _wrong(name, f"type {dtype!r} of {n!r}", f"one of {', '.join(TYPES)}", "convert it")
        short: dict[str, bytes] = {}
        if BFLOAT16 in types.values():
            file.seek(0)
            short = {n: a["data"] for n, a in deserialize(file.read()) if types[n] == BFLOAT16}
    shapes = {n: tuple(a.get_shape()) for n, a in arrays.items()}
    return Safetensors(name, metadata, shapes, held, short)


def write(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> None:
    """Write a file whole or not at all; equal arrays and metadata give equal bytes.

    Raises OutputError when the file cannot be written, and leaves the old one as it was.
    """
    from safetensors.numpy import save

    own = {"arrays": list(arrays), "metadata": dict(metadata or {})}
    text = json.dumps(own, sort_keys=True, separators=(",", ":"))
    rows = {n: np.asarray(a, order="C") for n, a in arrays.items()}
    # In memory: save_file would put a file of its own, with other permissions, in the place of the one that is open.
    data = save(rows or {NOTHING: np.zeros(0, np.uint8)}, {OWN: text})
    with replacing(path) as file:
        file.write(data)


def _opened(path: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputError(path, error.strerror or str(error), "check the path") from None


def _damage(file: BinaryIO, reason: str) -> tuple[str, str]:
    """What was received and what was expected, of a file that the library refuses for this reason.

    The library does not say which array a file ends in, nor how long it should be.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    data = size - 8 - length
    if data >= 0:
        with suppress(ValueError, TypeError, LookupError, AttributeError, RecursionError):
            header = json.loads(file.read(length))
            ends = sorted((v["data_offsets"][1], n) for n, v in header.items() if n != "__metadata__")
            inside = [f", which end inside {n!r}" for end, n in ends if end > data]
            if ends[-1][0] != data:
                return f"{data:,} bytes of data{''.join(inside[:1])}", f"{ends[-1][0]:,} by the header"
    return f"{size:,} bytes ({reason})", EXPECTED


def _description(path: str, file: Any) -> tuple[list[str], dict[str, str]]:
    """Names of the arrays in their order, and the metadata."""
    names, metadata = sorted(file.keys()), dict(sorted((file.metadata() or {}).items()))
    if OWN not in metadata:
        return names, metadata
    try:
        own = json.loads(metadata[OWN])
        order, texts = own["arrays"], own["metadata"]
        whole = sorted(order or [NOTHING]) == names and all(isinstance(t, str) for t in texts.values())
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        whole = False
    if not whole:
        received = f"{len(names)} arrays and the description {metadata[OWN]!r:.60}"
        raise _wrong(path, received, "the names of these arrays, and texts by name", "save it again")
    return order, texts


def _wrong(path: str, received: str, expected: str, mend: str) -> InputError:
    return InputError(path, f"received {received}, expected {expected}", mend)
