"""Arrays in files: .npy, which is memory-mapped, and .npz with samples and labels by name."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from spinntensor.errors import InputError
from spinntensor.nn.data.check import check_counts
from spinntensor.nn.data.source import Arrays

PAIRS = (("x", "y"), ("x_train", "y_train"), ("x_test", "y_test"), ("arr_0", "arr_1"))
"""Names that are looked for in an .npz, samples and labels, in this order."""


def read_npy(path: str | Path) -> np.ndarray:
    """The array of an .npy file, memory-mapped and read-only: what is not used is never read.

    InputError, which names the file, when it is missing, cut off, not an .npy file, or holds Python objects.
    """
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.ndarray):
            found.close()
            raise ValueError("several arrays, those of an .npz file")
        return found
    except FileNotFoundError:
        raise InputError(str(path), "there is no such file", "check the path") from None
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from None


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name; InputError, which names the file, when it cannot be read."""
    try:
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ValueError("one array, that of an .npy file")
        with file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise InputError(str(path), "there is no such file", "check the path") from None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from None


def arrays(path: str | Path, x: str | None = None, y: str | None = None) -> Arrays:
    """Samples, and labels where there are some, of an .npy or .npz file.

    Parameters
    ----------
    path : the file. The array of an .npy file is the samples; an .npz file has several arrays.
    x, y : their names in an .npz file. None looks for x and y, x_train and y_train, x_test and y_test, arr_0 and
        arr_1; a single array is the samples.

    InputError when nothing goes by these names, and for files that cannot be read; OperandError for different counts
    of samples and labels.
    """
    where = str(path)
    if Path(path).suffix.lower() != ".npz":
        return Arrays(read_npy(path), None, where)
    found = read_npz(path)
    names = named(found, where, x, y)
    labels = None if names[1] is None else found[names[1]]
    check_counts(found[names[0]], labels, where)
    return Arrays(found[names[0]], labels, where)


def named(found: dict[str, np.ndarray], where: str, x: str | None, y: str | None) -> tuple[str, str | None]:
    """The names of samples and labels among those of an .npz file."""
    have = ", ".join(found) or "none"
    asked = [name for name in (x, y) if name is not None and name not in found]
    if asked:
        raise InputError(where, f"no array is called {asked[0]!r}", f"choose from those it has: {have}")
    if x is not None:
        return x, y
    for samples, labels in PAIRS:
        if samples in found:
            return samples, y or (labels if labels in found else None)
    if len(found) == 1:
        return next(iter(found)), None
    mend = "save them with np.savez(path, x=samples, y=labels)"
    raise InputError(where, f"no array is called 'x' (it has {have})", mend)


def _unreadable(path: str | Path, error: Exception) -> InputError:
    """The error for a file that NumPy cannot read."""
    said = getattr(error, "strerror", None) or str(error)
    reason = said.splitlines()[0] if said else type(error).__name__
    mend = "write it again with np.save or np.savez"
    if "pickle" in reason or "Python objects" in reason:  # NumPy's words for text, too
        reason = "no arrays of NumPy's, or ragged shapes"
        mend = "bring all samples to one shape and save them with np.save or np.savez"
    return InputError(str(path), reason, mend)
