"""The data that `spinntensor train` is given: samples to train with, samples held out, and names of the classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinntensor.commands.inputs import Shape, image_shape
from spinntensor.errors import InputError
from spinntensor.nn import data

HELD_OUT = 0.25
"""Share that is held out of data that has no such part itself; which samples these are never changes."""
TESTS = ("test", "val", "validation")
"""Subfolders, and parts of names in an .npz file, that are held out."""


@dataclass(frozen=True)
class Dataset:
    """What a network is trained and judged with.

    Parameters
    ----------
    train, test : samples of one shape with int32 labels.
    classes : names of the classes.
    shape : of one sample.
    """

    train: data.Source
    test: data.Source
    classes: tuple[str, ...]
    shape: Shape


def dataset(what: str, shape: Callable[[Shape | None], Shape], classes: int | None = None) -> Dataset:
    """The data of this name.

    Parameters
    ----------
    what : `digits`; a folder of images with a subfolder for each class, or with subfolders train and test that have
        them; or an .npz file with x and y, or with x_train, y_train, x_test and y_test.
    shape : gives the shape of a sample of the network's input for that of the data, None for images.
    classes : of the network; None takes as many as the data has.

    InputError for files that cannot be read; OperandError for labels that are out of range or missing.
    """
    path = Path(what)
    if what == "digits":
        train, test = (data.Arrays(x, y, what) for x, y in data.digits())
        return _arrays(train, test, shape, data.DIGITS, classes or len(data.DIGITS), what)
    if path.suffix.lower() == ".npz":
        train, test = _npz(what)
        count = classes or 1 + max(int(np.max(np.asarray(part.labels), initial=0)) for part in (train, test))
        return _arrays(train, test, shape, tuple(f"class {i}" for i in range(count)), count, what)
    if path.is_dir():
        return _folder(what, shape(None), classes)
    reason = (
        "there is no such folder or file" if not path.exists() else "it is neither a folder nor an .npz file"
    )
    raise InputError(what, reason, "name digits, a folder of images, or an .npz file with x and y")


def _arrays(
    train: data.Arrays,
    test: data.Arrays,
    shape: Callable[[Shape | None], Shape],
    names: tuple[str, ...],
    count: int,
    what: str,
) -> Dataset:
    there = train.x.shape[1:]
    wanted = shape((*there, 1) if len(there) == 2 else there)
    parts = []
    for part in (train, test):
        labels = data.check_labels(np.asarray(part.labels), count, what)
        parts.append(data.Scaled(data.Arrays(part.x, labels, what).shaped(wanted)))
    return Dataset(parts[0], parts[1], names, wanted)


def _npz(what: str) -> tuple[data.Arrays, data.Arrays]:
    """Samples to train with and held-out ones of a file."""
    found = data.read_npz(what)
    test = next((name for name in TESTS if f"x_{name}" in found), None)
    if "x_train" in found and test:
        parts = [data.arrays(what, f"x_{name}", f"y_{name}") for name in ("train", test)]
    else:
        whole = data.arrays(what)
        if whole.labels is None:
            raise InputError(
                what, "it has samples and no labels", "save both with np.savez(path, x=..., y=...)"
            )
        if len(whole) < 2:
            raise InputError(what, "it has one sample", "give two or more, some are held out")
        parts = [
            data.Arrays(np.asarray(whole.x)[chosen], np.asarray(whole.labels)[chosen], what)
            for chosen in data.split(len(whole), HELD_OUT)
        ]
    return parts[0], parts[1]


def _folder(what: str, shape: Shape, classes: int | None) -> Dataset:
    size, channels = image_shape(shape, what)
    path = Path(what)
    test = next((name for name in TESTS if (path / name).is_dir()), None)
    train: data.Source
    held: data.Source
    if test and (path / "train").is_dir():
        first, second = (data.image_folder(path / name, size, channels) for name in ("train", test))
        if first.classes != second.classes:
            received = f"classes {', '.join(second.classes)} in {test}, {', '.join(first.classes)} in train"
            raise InputError(what, received, "give both the same subfolders")
        names, train, held = first.classes, first, second
    else:
        whole = data.image_folder(path, size, channels)
        rest, chosen = data.split(len(whole), HELD_OUT)
        names, train, held = whole.classes, data.Part(whole, rest), data.Part(whole, chosen)
    for part in (train, held):
        if len(part) == 0:
            raise InputError(what, "it has one image", "give two or more, some are held out")
        data.check_labels(np.asarray(part.labels), classes or len(names), what)
    return Dataset(train, held, names, shape)
