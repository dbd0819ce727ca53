"""Arrays in files: what is found by which name, what stays on disk, and what an error says."""

from __future__ import annotations

import numpy as np
import pytest

from spinntensor.errors import InputError, OperandError
from spinntensor.nn.data import Loader, arrays, read_npy, read_npz


def test_npy_is_mapped_and_batches_are_copies(tmp_path, rng):
    x = rng.standard_normal((20, 3, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    source = arrays(tmp_path / "x.npy")
    assert isinstance(source.x, np.memmap) and source.labels is None and len(source) == 20
    ((batch, none),) = list(Loader(source, 20))
    assert type(batch) is np.ndarray and batch.flags.writeable and none is None
    np.testing.assert_array_equal(batch, x)


@pytest.mark.parametrize(
    ("names", "asked", "expected"),
    [
        (["x", "y"], (None, None), ("x", "y")),
        (["x"], (None, None), ("x", None)),
        (["x_test", "y_test", "x_train", "y_train"], (None, None), ("x_train", "y_train")),
        (["images", "labels"], ("images", "labels"), ("images", "labels")),
        (["images", "labels"], ("images", None), ("images", None)),
        (["x", "labels"], (None, "labels"), ("x", "labels")),
        (["images"], (None, None), ("images", None)),
    ],
)
def test_npz_by_name(tmp_path, names, asked, expected):
    np.savez(tmp_path / "a.npz", **{name: np.full(3, i) for i, name in enumerate(names)})
    found = arrays(tmp_path / "a.npz", *asked)
    for part, name in zip((found.x, found.labels), expected, strict=True):
        assert part is None if name is None else part.tolist() == [names.index(name)] * 3


def test_unnamed_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", np.zeros((2, 3)), np.ones(2))
    found = arrays(tmp_path / "a.npz")
    assert found.x.shape == (2, 3) and found.labels.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("content", "asked", "error", "message"),
    [
        ({"a": [1], "b": [1]}, {}, InputError, r"no array is called 'x' \(it has a, b\)"),
        ({"x": [1]}, {"y": "labels"}, InputError, "called 'labels'; choose from those it has: x"),
        ({}, {}, InputError, "it has none"),
        ({"x": [1, 2], "y": [1]}, {}, OperandError, r"received shape \[1\] for 2 samples"),
    ],
)
def test_npz_with_other_content_is_refused(tmp_path, content, asked, error, message):
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(error, match=message) as caught:
        arrays(tmp_path / "a.npz", **asked)
    assert str(tmp_path / "a.npz") in str(caught.value)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut", "ragged", "folder"])
def test_damaged_files_are_named(tmp_path, suffix, damage):
    path = tmp_path / f"some{suffix}"
    ragged = np.array([[1], [1, 2]], object)
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("no array")
    elif damage == "folder":
        path.mkdir()
    elif damage != "missing":
        content = ragged if damage == "ragged" else np.arange(1000)
        np.save(path, content) if suffix == ".npy" else np.savez(path, x=content)
        if damage == "cut":
            path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(InputError) as caught:
        (read_npy if suffix == ".npy" else read_npz)(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    if damage == "ragged":
        assert "one shape" in str(caught.value)


def test_another_kind_of_npy_content(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npy").read_bytes())
    with pytest.raises(InputError, match="one array"):
        read_npz(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x=np.arange(3))
    (tmp_path / "b.npy").write_bytes((tmp_path / "b.npz").read_bytes())
    with pytest.raises(InputError, match=r"b\.npy.*several arrays"):
        read_npy(tmp_path / "b.npy")
