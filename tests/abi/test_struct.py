"""Records: layout, packing, and the header that C and assembly read."""

import pytest

from spinntensor import abi
from spinntensor.abi.struct import header, struct

POINT = struct("point", "Two words.", ("x", "int32_t", "east"), ("to", "const uint32_t *", "where"))


def test_offsets_and_size():
    assert (POINT.offset("x"), POINT.offset("to"), POINT.size) == (0, 4, 8)


def test_pack_is_little_endian_twos_complement():
    assert POINT.pack({"x": -2, "to": 0x01020304}) == b"\xfe\xff\xff\xff\x04\x03\x02\x01"
    assert POINT.unpack(POINT.pack({"x": 5, "to": 6})) == {"x": 5, "to": 6}


@pytest.mark.parametrize("values", [{"x": 1}, {"x": 1, "to": 2, "y": 3}])
def test_every_field_once(values):
    with pytest.raises(ValueError, match="expected \\['x', 'to'\\]"):
        POINT.pack(values)


@pytest.mark.parametrize("value", [1 << 32, -(1 << 31) - 1])
def test_values_must_fit_a_word(value):
    with pytest.raises(ValueError, match="does not fit a 32-bit word"):
        POINT.pack({"x": value, "to": 0})


def test_header_has_offsets_types_and_constants():
    text = header((POINT,), {"ANSWER": 42})
    assert "#define ANSWER 0x2a" in text
    assert "#define POINT_TO 4" in text and "#define POINT_SIZE 8" in text
    assert "const uint32_t *to; /* where */" in text
    assert "int32_t x; /* east */" in text


def test_record_names_are_unique_and_documented():
    names = [s.name for s in abi.STRUCTS]
    assert len(names) == len(set(names))
    assert all(f.doc for s in abi.STRUCTS for f in s.fields)
