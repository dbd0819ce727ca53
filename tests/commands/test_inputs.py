"""Inputs by the words of a command line: samples, names, labels; and the errors, which name the word."""

from __future__ import annotations

import numpy as np
import pytest

from spinntensor.commands.inputs import inputs, shape_of
from spinntensor.errors import InputError, ShapeError
from spinntensor.nn import data

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("sklearn")

SHAPE = (16, 16, 3)


@pytest.fixture
def folder(tmp_path, rng):
    """Two classes of two images."""
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_digits():
    found = inputs(["digits"], (8, 8, 1))
    assert found.names[:2] == ("digits[0]", "digits[1]") and len(found.names) == len(found.source) == 450
    assert found.classes == tuple("0123456789")
    np.testing.assert_array_equal(found.source.labels, data.digits()[1][1])
    assert inputs(["digits"], (64,)).source.take(np.arange(3))[0].shape == (3, 64)


def test_photographs():
    found = inputs(["china", "flower"], SHAPE)
    x, labels = found.source.take(np.array([1, 0]))
    expected = [data.preprocess(data.photographs()[name], 16) for name in ("flower", "china")]
    np.testing.assert_array_equal(x, expected)
    assert labels is None and found.names == ("china", "flower") and found.classes == ()


def test_images_and_folders(folder):
    alone = str(folder / "a" / "1.png")
    found = inputs([alone, str(folder / "b")], SHAPE)
    paths = [alone, str(folder / "b" / "0.png"), str(folder / "b" / "1.png")]
    assert found.names == tuple(paths) and found.source.labels is None
    x, _ = found.source.take(np.arange(3))
    np.testing.assert_array_equal(x, [data.preprocess(path, 16) for path in paths])


def test_a_folder_of_classes_has_labels(folder):
    found = inputs([str(folder)], (16, 16, 1))
    assert found.classes == ("a", "b") and found.source.labels.tolist() == [0, 0, 1, 1]
    assert found.names[0] == str(folder / "a" / "0.png")
    assert found.source.take(np.arange(4))[0].shape == (4, 16, 16, 1)


def test_arrays(tmp_path, rng):
    x = rng.integers(0, 256, (3, 16, 16, 3), np.uint8)
    np.savez(tmp_path / "a.npz", x=x, y=[2, 0, 1])
    np.save(tmp_path / "one.npy", x[0].astype(np.float64))
    found = inputs([str(tmp_path / "a.npz"), str(tmp_path / "one.npy")], SHAPE)
    assert [name.rsplit("/")[-1] for name in found.names] == ["a.npz[0]", "a.npz[1]", "a.npz[2]", "one.npy"]
    taken, labels = found.source.take(np.arange(4))
    np.testing.assert_array_equal(taken, [*(x.astype(np.float32) / np.float32(255)), x[0].astype(np.float32)])
    assert taken.dtype == np.float32 and labels is None
    assert inputs([str(tmp_path / "a.npz")], SHAPE).source.labels.tolist() == [2, 0, 1]


def test_shapes_of_their_own(tmp_path):
    np.save(tmp_path / "plane.npy", np.zeros((5, 8, 9)))
    np.save(tmp_path / "row.npy", np.zeros((5, 8)))
    assert shape_of(["digits"]) == (8, 8, 1)
    assert shape_of([str(tmp_path / "plane.npy")]) == (8, 9, 1)
    assert shape_of(["china", str(tmp_path / "row.npy")]) == (8,)
    assert shape_of(["china", "photo.jpg"]) is None


@pytest.mark.parametrize(
    ("word", "shape", "error", "message"),
    [
        (
            "nothing.jpg",
            SHAPE,
            InputError,
            "nothing.jpg: there is no such file; check the path, or name one of china",
        ),
        ("nothing.npy", SHAPE, InputError, "nothing.npy: there is no such file"),
        ("china", (64,), ShapeError, r"china: received an image, expected samples \(64,\)"),
        ("china", (16, 20, 3), ShapeError, r"expected samples \(16, 20, 3\)"),
        ("digits", SHAPE, ShapeError, r"digits: received samples \(8, 8, 1\), expected \(16, 16, 3\)"),
    ],
)
def test_what_does_not_fit_is_named(word, shape, error, message):
    with pytest.raises(error, match=message):
        inputs([word], shape)


def test_other_files_are_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(InputError, match=r"notes\.txt: it is not an image"):
        inputs([str(tmp_path / "notes.txt")], SHAPE)
    with pytest.raises(InputError, match="no image in any of its 0 subfolders"):
        inputs([str(tmp_path)], SHAPE)
