"""Records become JSON and come back equal; what does not fit its type is refused by its place."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinntensor.plan.coding import CodingError, decode, encode


@dataclass(frozen=True)
class Inner:
    name: str
    size: int


@dataclass(frozen=True)
class Outer:
    time: float
    inner: tuple[Inner, ...]
    pair: tuple[int, str]
    terms: Mapping[str, float]
    detail: tuple[tuple[str, object], ...]


floats = st.floats(allow_nan=False, allow_infinity=False)
inners = st.builds(Inner, st.text(max_size=4), st.integers())
details = st.recursive(
    st.integers() | st.text(max_size=3) | st.booleans(),
    lambda of: st.lists(of, max_size=3).map(tuple),
    max_leaves=5,
)
outers = st.builds(
    Outer,
    floats,
    st.lists(inners, max_size=3).map(tuple),
    st.tuples(st.integers(), st.text(max_size=3)),
    st.dictionaries(st.text(max_size=3), floats, max_size=3),
    st.lists(st.tuples(st.text(max_size=3), details), max_size=2).map(tuple),
)


@given(outers, st.booleans())
def test_what_is_written_is_read_back(record, packed):
    text = json.dumps(encode(record, Outer, packed))
    again = decode(json.loads(text), Outer, "")
    assert again == record
    assert json.dumps(encode(again, Outer, packed)) == text


def test_equal_records_of_other_kinds_of_numbers_give_equal_text():
    plain = Outer(2.0, (Inner("a", 3),), (1, "b"), {"c": 4.0}, ())
    other = Outer(2, (Inner("a", np.int64(3)),), (np.uint8(1), "b"), {"c": np.float64(4)}, ())
    assert json.dumps(encode(plain, Outer)) == json.dumps(encode(other, Outer))


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (["time"], "1", "time"),
        (["time"], True, "time"),
        (["inner", 0, "size"], 1.5, "inner[0].size"),
        (["inner", 0], 7, "inner[0]"),
        (["inner"], {}, "inner"),
        (["pair"], [1], "pair"),
        (["terms", "c"], None, "terms.c"),
    ],
)
def test_what_does_not_fit_is_named(path, value, place):
    data = encode(Outer(2.0, (Inner("a", 3),), (1, "b"), {"c": 4.0}, ()), Outer)
    at = data
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(CodingError) as caught:
        decode(data, Outer, "")
    assert caught.value.place == place


def test_missing_fields_are_listed():
    with pytest.raises(CodingError, match=r"the file is without pair, terms, expected all of time, inner"):
        decode({"time": 1.0, "inner": [], "detail": []}, Outer, "")


def test_infinity_is_refused():
    with pytest.raises(OverflowError, match="inf"):
        encode(float("inf"), float)
