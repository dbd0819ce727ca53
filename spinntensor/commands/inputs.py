"""Inputs that a command names - image files, folders, arrays, bundled samples - as one source of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spinntensor.errors import InputError, ShapeError
from spinntensor.nn import data

WORDS = (*data.PHOTOGRAPHS, "digits")
"""Inputs that come with scikit-learn."""
ARRAYS = (".npy", ".npz")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Inputs:
    """What a network is given.

    Parameters
    ----------
    source : samples of the shape of the network's input, float32.
    names : one for each sample.
    classes : names of the classes that the labels of the source number; empty where nobody knows.
    """

    source: data.Source
    names: tuple[str, ...]
    classes: tuple[str, ...] = ()


def shape_of(words: Sequence[str]) -> Shape | None:
    """The shape of one sample of inputs that have a shape of their own, digits and arrays; None for images."""
    for word in words:
        if word == "digits":
            return (8, 8, 1)
        if Path(word).suffix.lower() in ARRAYS:
            shape = data.arrays(word).x.shape[1:]
            return (*shape, 1) if len(shape) == 2 else shape
    return None


def inputs(words: Sequence[str], shape: Shape) -> Inputs:
    """The samples that these words name, in order, brought to one shape.

    Parameters
    ----------
    words : `china`, `flower` or `digits`; files of images or arrays (.npy, .npz); folders of images, right in them or
        in a subfolder for each class. ./digits is a folder of that name.
    shape : of the network's input.

    InputError names a file that is missing or cannot be read, ShapeError samples that do not fit the network.
    """
    found = [_one(word, shape) for word in words]
    sources = tuple(one.source for one in found)
    classes = {one.classes for one in found}
    return Inputs(
        sources[0] if len(sources) == 1 else data.Joined(sources),
        tuple(name for one in found for name in one.names),
        classes.pop() if len(classes) == 1 else (),
    )


def _one(word: str, shape: Shape) -> Inputs:
    path = Path(word)
    if word == "digits":
        (_, (x, y)) = data.digits()
        source = data.Arrays(x, y, word).shaped(shape)
        return Inputs(source, tuple(f"digits[{i}]" for i in range(len(x))), data.DIGITS)
    if path.suffix.lower() in ARRAYS:
        source = data.arrays(word).shaped(shape)
        several = tuple(f"{word}[{i}]" for i in range(len(source)))
        return Inputs(data.Scaled(source), several if len(source) > 1 else (word,))
    size, channels = image_shape(shape, word)
    if word in data.PHOTOGRAPHS:
        image = data.preprocess(data.photographs()[word], size, channels)
        return Inputs(data.Arrays(image[None], None, word), (word,))
    if path.is_dir():
        images = tuple(data.image_files(path))
        if not images:
            folder = data.image_folder(path, size, channels)
            return Inputs(folder, tuple(map(str, folder.paths)), folder.classes)
        return Inputs(data.ImageFiles(images, size=size, channels=channels), tuple(map(str, images)))
    if not path.exists():
        mend = f"check the path, or name one of {', '.join(WORDS)}"
        raise InputError(word, "there is no such file", mend)
    data.read_image(path)  # a file that is no image is refused before any work is done
    return Inputs(data.ImageFiles((path,), size=size, channels=channels), (word,))


def image_shape(shape: Shape, what: str) -> tuple[int, int]:
    """Side and channels of the images a network takes; ShapeError for one that takes none."""
    if len(shape) != 3 or shape[0] != shape[1] or shape[2] not in (1, 3):
        mend = "give arrays (.npy, .npz), or choose a network for images"
        raise ShapeError(what, "an image", f"samples {shape}, the network's input", mend)
    return shape[0], shape[2]
