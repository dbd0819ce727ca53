"""Files that are written whole or not at all: an error on the way leaves what was there before."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import BinaryIO

from spinntensor.errors import OutputError, SpinnTensorError

__all__ = ["Path", "replacing"]

Path = str | PathLike[str]


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file to write to, which takes the place of `path` once its bytes are on the disk.

    Whatever goes wrong before that, an exception of the caller's own included, removes the new file and leaves the
    old one as it was. OutputError says when the system refused: no such folder, no permission, disk full.

    >>> with replacing("weights.safetensors") as file:
    ...     file.write(data)
    """
    target = os.path.realpath(path)  # a link stays a link
    folder, name = os.path.split(target)
    part = os.path.join(folder, f".{name}.{os.getpid()}-{threading.get_ident()}.part")
    if os.path.isdir(target):
        raise OutputError(os.fspath(path), "a folder of that name exists", "name a file")
    try:
        try:
            with open(part, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        finally:
            if os.path.exists(part):
                os.unlink(part)
    except SpinnTensorError:
        raise
    except OSError as error:
        if error.filename not in (None, part, target):
            raise  # of another file, which the caller was reading
        kept = ", the old file is intact" if os.path.exists(target) else ""
        raise OutputError(os.fspath(path), f"{error.strerror or error}{kept}", _mend(error)) from None


def _mend(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "create the folder first"
    if isinstance(error, PermissionError):
        return "choose a folder that may be written"
    return "make room, or choose another place"
