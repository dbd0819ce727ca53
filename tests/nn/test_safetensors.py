"""The file format: what the reference library writes is read, and the other way round; damage is named."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as s
from hypothesis.extra import numpy as hnp
from safetensors import numpy as reference

from spinntensor.errors import InputError
from spinntensor.nn.safetensors import read, write

SOME = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([1, -2], np.int64)}


def raw(path, header, data=b""):
    """A file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(shape=(2,), dtype="F32", offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def described(text):
    """The header of one array with a description of this package's."""
    return {"__metadata__": {"spinntensor": text}, "w": entry()}


def alike(found, expected):
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype and found[name].shape == value.shape
        np.testing.assert_array_equal(found[name], value)


dtypes = s.sampled_from(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]).map(np.dtype)
arrays = dtypes.flatmap(lambda t: hnp.arrays(t, hnp.array_shapes(min_dims=0, min_side=0, max_side=4)))
tables = s.dictionaries(
    s.text(min_size=1, max_size=8).filter(lambda n: n != "__metadata__"), arrays, max_size=4
)
plain = s.text(s.characters(codec="utf-8"), max_size=8)


@given(tables, s.dictionaries(plain, plain, max_size=3))
def test_what_is_written_is_read(tmp_path_factory, table, metadata):
    path = tmp_path_factory.mktemp("st") / "x.safetensors"
    table = {name: value for name, value in table.items() if name.isprintable()}
    write(path, table, metadata)
    found = read(path)
    alike(found, table)
    assert list(found) == list(table) and found.metadata == metadata and len(found) == len(table)
    assert [found.shape(name) for name in found] == [value.shape for value in found.values()]
    write(path.with_name("y"), dict(found), dict(sorted(metadata.items(), reverse=True)))
    assert path.read_bytes() == path.with_name("y").read_bytes()


def test_a_name_that_is_not_there(tmp_path):
    write(tmp_path / "x", {}, {"k": "v"})
    found = read(tmp_path / "x")
    assert not found and "w" not in found and found.metadata == {"k": "v"}
    with pytest.raises(KeyError, match="w"):
        found["w"]


def test_the_reference_library_reads_it_and_is_read(tmp_path):
    table = {**SOME, "scalar": np.array(2.5), "none": np.zeros((0, 3), np.float16), "yes": np.array([True])}
    write(tmp_path / "ours", table, {"k": "v"})
    alike(reference.load_file(tmp_path / "ours"), table)
    reference.save_file(table, tmp_path / "theirs", {"k": "v", "a": "b"})
    found = read(tmp_path / "theirs")
    alike(found, table)
    assert list(found) == sorted(table) and list(found.metadata.items()) == [("a", "b"), ("k", "v")]


def test_bfloat16_becomes_float32(tmp_path):
    numbers = np.array([1.0, -2.5, 3e38, np.inf], np.float32)
    short = (numbers.view(np.uint32) >> 16).astype("<u2")
    header = {"w": entry((2, 2), "BF16", (4, 12)), "b": entry((1,), offsets=(0, 4))}
    path = raw(tmp_path / "x", header, np.float32(7).tobytes() + short.tobytes())
    expected = (short.astype(np.uint32) << 16).view(np.float32).reshape(2, 2)
    alike(read(path), {"b": np.array([7], np.float32), "w": expected})


def test_other_orders_of_bytes_and_of_axes_are_written_alike(tmp_path):
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    write(tmp_path / "a", {"w": value})
    write(tmp_path / "b", {"w": np.asfortranarray(value).astype(">f4")})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    alike(read(tmp_path / "b"), {"w": value})


def test_arrays_are_copies_that_outlive_the_file(tmp_path):
    write(tmp_path / "x", SOME)
    found = read(tmp_path / "x")
    array = found["a.weight"]
    write(tmp_path / "x", {"a.weight": np.zeros((2, 3), np.float32)})
    array += 1
    np.testing.assert_array_equal(array, SOME["a.weight"] + 1)
    np.testing.assert_array_equal(found["a.weight"], SOME["a.weight"])  # still the file that was opened


def test_every_cut_and_every_addition_is_noticed(tmp_path):
    write(tmp_path / "x", SOME)
    whole = (tmp_path / "x").read_bytes()
    for size in [*range(0, len(whole), 5), len(whole) - 1]:
        (tmp_path / "cut").write_bytes(whole[:size])
        with pytest.raises(
            InputError, match=r"cannot read .*cut: received .*, expected .*; copy or download"
        ):
            read(tmp_path / "cut")
    (tmp_path / "more").write_bytes(whole + b"\0")
    with pytest.raises(InputError, match=r"received 41 bytes of data, expected 40 by the header"):
        read(tmp_path / "more")


@pytest.mark.parametrize(
    ("header", "data", "words"),
    [
        (b"not json", b"", r"received 16 bytes \(.*header.*\), expected a safetensors file"),
        (b"[1]", b"", "expected a safetensors file"),
        (b"[" * 9999, b"", "expected a safetensors file"),
        (b"\xff\xfe", b"", "expected a safetensors file"),
        ({"w": 3}, b"", "expected a safetensors file"),
        ({"w": {"dtype": "F32"}}, b"", "expected a safetensors file"),
        ({"w": entry((-2,))}, bytes(8), "expected a safetensors file"),
        ({"w": entry((2.0,))}, bytes(8), "expected a safetensors file"),
        ({"w": entry(offsets=(0, 8, 9))}, bytes(8), "expected a safetensors file"),
        ({"w": entry(offsets=(0, "8"))}, bytes(8), "expected a safetensors file"),
        ({"w": entry((8,), "F8_E4M3")}, bytes(8), "type 'F8_E4M3' of 'w', expected one of F64"),
        ({"w": entry(dtype=[])}, bytes(8), "expected a safetensors file"),
        ({"w": entry((3,))}, bytes(8), "expected a safetensors file"),
        ({"w": entry(offsets=(4, 12))}, bytes(12), "expected a safetensors file"),
        ({"v": entry(), "w": entry()}, bytes(8), "expected a safetensors file"),
        ({"w": entry()}, bytes(4), "4 bytes of data, which end inside 'w', expected 8 by the header"),
        ({"__metadata__": {"a": 1}}, b"", "expected a safetensors file"),
        ({"__metadata__": []}, b"", "expected a safetensors file"),
        (described("{"), bytes(8), "received 1 arrays and the description '{', expected the names of these"),
        (described("[" * 9999), bytes(8), "expected the names of these arrays"),
        (described("[]"), bytes(8), "expected the names of these arrays"),
        (described('{"arrays": ["w"]}'), bytes(8), "expected the names of these arrays"),
        (described('{"arrays": ["v"], "metadata": {}}'), bytes(8), "expected the names of these arrays"),
        (described('{"arrays": ["w", "w"], "metadata": {}}'), bytes(8), "expected the names of these arrays"),
        (described('{"arrays": [], "metadata": {}}'), bytes(8), "expected the names of these arrays"),
        (described('{"arrays": ["w"], "metadata": []}'), bytes(8), "and texts by name"),
        (described('{"arrays": ["w"], "metadata": {"a": 1}}'), bytes(8), "and texts by name"),
    ],
)
def test_damaged_headers(tmp_path, header, data, words):
    path = raw(tmp_path / "x.safetensors", header, data)
    with pytest.raises(InputError, match=words) as caught:
        read(path)
    assert caught.value.path == str(path) and caught.value.mend


def test_other_files_are_called_by_their_names(tmp_path):
    with open(tmp_path / "x.pth", "wb") as file:
        np.savez(file, a=np.zeros(3))
    with pytest.raises(InputError, match=r"a zip archive .*torch\.load\(path, weights_only=True\)"):
        read(tmp_path / "x.pth")
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))
    with pytest.raises(InputError, match="an HDF5 file"):
        read(tmp_path / "x.h5")
    (tmp_path / "x.txt").write_bytes(b"A text that is longer than eight bytes.")
    with pytest.raises(InputError, match=r"received 39 bytes \(.*\), expected a safetensors file"):
        read(tmp_path / "x.txt")
    with pytest.raises(InputError, match="No such file or directory"):
        read(tmp_path / "nothing")
    with pytest.raises(InputError, match="Is a directory"):
        read(tmp_path)
    with pytest.raises(InputError, match="No such device"):
        read("/dev/null")
