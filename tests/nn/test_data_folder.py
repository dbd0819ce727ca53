"""Image folders: classes in sorted order, images read when they are asked for, errors that name the file."""

from __future__ import annotations

import numpy as np
import pytest

from spinntensor.errors import InputError
from spinntensor.nn.data import Loader, image_folder, preprocess

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path, rng):
    """Three classes, the last without images; between the images a file that is none."""
    for name, count in (("dog", 2), ("cat", 3), ("empty", 0)):
        (tmp_path / name).mkdir()
        for i in range(count):
            pixels = rng.integers(0, 256, (20, 30, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{9 - i}.PNG", "png")
    (tmp_path / "cat" / "notes.txt").write_text("all asleep")
    (tmp_path / "cat" / ".hidden.png").write_text("nothing")
    (tmp_path / "readme.md").write_text("cats and dogs")
    return tmp_path


def test_classes_are_subfolders_in_order(folder):
    source = image_folder(folder, 16)
    assert source.classes == ("cat", "dog", "empty")
    assert source.labels.tolist() == [0, 0, 0, 1, 1] and source.labels.dtype == np.int32
    assert [path.name for path in source.paths] == ["7.PNG", "8.PNG", "9.PNG", "8.PNG", "9.PNG"]
    assert len(source) == 5


def test_batches_hold_preprocessed_images(folder):
    source = image_folder(folder, 16)
    batches = list(Loader(source, 2, shuffle=True, seed=1))
    assert [x.shape for x, _ in batches] == [(2, 16, 16, 3), (2, 16, 16, 3), (1, 16, 16, 3)]
    there = {preprocess(p, 16).tobytes(): n for p, n in zip(source.paths, source.labels, strict=True)}
    for x, y in batches:
        assert [there[image.tobytes()] for image in x] == y.tolist()


def test_a_broken_image_stops_its_batch_and_is_named(folder):
    (folder / "dog" / "8.PNG").write_text("no dog")
    batches = iter(Loader(image_folder(folder, 16), 3))
    assert len(next(batches)[1]) == 3
    with pytest.raises(InputError, match=r"dog/8\.PNG.*not an image"):
        next(batches)


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "cat").mkdir()
    with pytest.raises(InputError, match="no image in any of its 1 subfolders"):
        image_folder(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        image_folder(tmp_path / "dog")


def test_a_folder_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    def closed(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "iterdir", closed)
    with pytest.raises(InputError, match="Permission denied; name a folder that may be read"):
        image_folder(tmp_path)
