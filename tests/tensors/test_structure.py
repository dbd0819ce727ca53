"""Nested containers come apart and go together again."""

from collections import namedtuple

from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.tensors.structure import LEAF, flatten, unflatten

Pair = namedtuple("Pair", "left right")
NESTED = st.recursive(
    st.integers() | st.none() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(NESTED)
def test_round_trip(value):
    leaves, structure = flatten(value)
    again = unflatten(structure, iter(leaves))
    assert again == value and type(again) is type(value)
    hash(structure)


def test_dictionaries_are_taken_in_the_order_of_their_keys():
    assert flatten({"b": 1, "a": (2, [3])}) == ([2, 3, 1], flatten({"a": (0, [0]), "b": 0})[1])
    assert flatten(5) == ([5], LEAF) and flatten([]) != flatten(())
