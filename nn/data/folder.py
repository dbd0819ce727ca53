"""Image files, alone or in folders with a subfolder for each class; read when a batch is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinntensor.errors import InputError
from spinntensor.nn.data.images import SUFFIXES, preprocess
from spinntensor.nn.data.source import Batch


@dataclass(frozen=True)
class ImageFiles:
    """Images in files, as a source of samples.

    Parameters
    ----------
    paths : of the images.
    labels : their classes, int32 [n], or None.
    classes : names of the classes, where they are known.
    size, channels : of the images a batch holds, see `preprocess`.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    size: int = 224
    channels: int = 3

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, indices: np.ndarray) -> Batch:
        """These images through `preprocess`, float32 [n, size, size, channels], and their classes, int32 [n]."""
        x = np.empty((len(indices), self.size, self.size, self.channels), np.float32)
        for slot, i in enumerate(indices):
            x[slot] = preprocess(self.paths[i], self.size, self.channels)
        return x, None if self.labels is None else self.labels[indices]


def image_folder(path: str | Path, size: int = 224, channels: int = 3) -> ImageFiles:
    """The images of a folder that has a subfolder for each class; files that are no images are left out.

    Classes are the names of the subfolders, sorted, counted from 0; images are sorted by class, then by name.

    InputError when there is no such folder, or no subfolder with an image in it.
    """
    classes = [one for one in _shown(Path(path)) if one.is_dir()]
    found = [(file, number) for number, one in enumerate(classes) for file in image_files(one)]
    if not found:
        mend = f"put the images of each class into a folder of its own; known are {', '.join(SUFFIXES)}"
        raise InputError(str(path), f"no image in any of its {len(classes)} subfolders", mend)
    paths, labels = zip(*found, strict=True)
    return ImageFiles(paths, np.array(labels, np.int32), tuple(c.name for c in classes), size, channels)


def image_files(folder: Path) -> list[Path]:
    """The images right in a folder, sorted by name; hidden files are left out."""
    return [file for file in _shown(folder) if file.suffix.lower() in SUFFIXES and file.is_file()]


def _shown(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, sorted by name; InputError when it cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(str(folder), "there is no such folder", "check the path") from None
    except OSError as error:
        raise InputError(
            str(folder), error.strerror or str(error), "name a folder that may be read"
        ) from None
