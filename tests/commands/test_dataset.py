"""Training data: what is held out, how many classes there are, and errors before training."""

from __future__ import annotations

import numpy as np
import pytest

from spinntensor.commands.dataset import dataset
from spinntensor.errors import InputError, OperandError, ShapeError

Image = pytest.importorskip("PIL.Image")


def own(there):
    """A network by name, for images of 16 x 16 x 3 unless the data has a shape."""
    return there or (16, 16, 3)


def taken(source):
    return source.take(np.arange(len(source)))


def test_digits():
    pytest.importorskip("sklearn")
    found = dataset("digits", own)
    assert (len(found.train), len(found.test)) == (1347, 450)
    assert found.shape == (8, 8, 1) and found.classes == tuple("0123456789")
    assert dataset("digits", lambda _: (64,)).train.take(np.arange(2))[0].shape == (2, 64)


def test_a_quarter_of_a_file_is_held_out(tmp_path):
    x = np.arange(40.0)[:, None]
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) % 4)
    found = dataset(str(tmp_path / "a.npz"), own)
    assert (len(found.train), len(found.test), len(found.classes)) == (30, 10, 4)
    parts = [taken(found.train), taken(found.test)]
    assert sorted(np.concatenate([p[0] for p in parts])[:, 0]) == list(range(40))
    for samples, labels in parts:
        np.testing.assert_array_equal(samples[:, 0] % 4, labels)
        assert samples.dtype == np.float32 and labels.dtype == np.int32


@pytest.mark.parametrize("test", ["test", "val"])
def test_a_file_with_parts_of_its_own(tmp_path, test):
    parts = {"x_train": np.zeros((3, 5, 5), np.uint8), "y_train": [0, 1, 2]}
    held = {f"x_{test}": np.full((2, 5, 5), 255, np.uint8), f"y_{test}": [[1], [0]]}
    np.savez(tmp_path / "a.npz", **parts, **held)
    found = dataset(str(tmp_path / "a.npz"), own)
    assert found.shape == (5, 5, 1) and len(found.train) == 3
    x, y = taken(found.test)
    assert x.shape == (2, 5, 5, 1) and x.min() == 1 and y.tolist() == [1, 0]


def images(folder, counts, rng):
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(folder / name / f"{i}.png")


def test_a_folder_of_classes(tmp_path, rng):
    images(tmp_path, {"cat": 5, "dog": 3}, rng)
    found = dataset(str(tmp_path), own)
    assert (len(found.train), len(found.test)) == (6, 2) and found.classes == ("cat", "dog")
    assert taken(found.test)[0].shape == (2, 16, 16, 3)
    assert sorted([*found.train.labels, *found.test.labels]) == [0] * 5 + [1] * 3


def test_a_folder_with_parts_of_its_own(tmp_path, rng):
    images(tmp_path, {"train/cat": 2, "train/dog": 1, "val/cat": 1, "val/dog": 2}, rng)
    found = dataset(str(tmp_path), own)
    assert (len(found.train), len(found.test)) == (3, 3) and found.test.labels.tolist() == [0, 1, 1]
    images(tmp_path / "val", {"bird": 1}, rng)
    with pytest.raises(InputError, match="classes bird, cat, dog in val, cat, dog in train"):
        dataset(str(tmp_path), own)


@pytest.mark.parametrize(
    ("content", "classes", "error", "message"),
    [
        ({"x": [[1.0], [2.0]]}, None, InputError, "samples and no labels"),
        ({"x": [[1.0]], "y": [0]}, None, InputError, "one sample"),
        ({"x": [[1.0], [2.0]], "y": [0, -1]}, None, OperandError, "received -1 at index"),
        ({"x": [[1.0]] * 8, "y": [0, 1, 2, 3] * 2}, 3, OperandError, r"received 3 .* expected 0 to 2"),
        ({"x": [[1.0], [2.0]], "y": [0.5, 1]}, None, OperandError, "expected integers"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, content, classes, error, message):
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(error, match=message) as caught:
        dataset(str(tmp_path / "a.npz"), own, classes)
    assert "a.npz" in str(caught.value)


def test_other_data(tmp_path, rng):
    with pytest.raises(InputError, match="no such folder or file"):
        dataset(str(tmp_path / "nothing"), own)
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(InputError, match=r"neither a folder nor an \.npz file"):
        dataset(str(tmp_path / "a.csv"), own)
    images(tmp_path / "one", {"cat": 1}, rng)
    with pytest.raises(InputError, match="one image"):
        dataset(str(tmp_path / "one"), own)
    with pytest.raises(ShapeError, match=r"expected samples \(64,\)"):
        dataset(str(tmp_path / "one"), lambda _: (64,))
