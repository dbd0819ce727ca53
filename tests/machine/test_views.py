"""Views of values whose rows are padded: the host's bits on a chip, or a refusal before anything runs."""

from math import prod

import numpy as np
import pytest
from cutting import same
from hypothesis import given, settings
from hypothesis import strategies as st

import spinntensor as sp
from spinntensor.errors import UnsupportedError

pytest.importorskip("unicorn")

OPERATIONS = {
    "sum": lambda a, z, axis: a.sum(axis=axis),
    "max": lambda a, z, axis: a.max(axis=axis),
    "sum of all": lambda a, z, axis: a.sum(),
    "softmax": lambda a, z, axis: sp.softmax(a),
    "bfp16": lambda a, z, axis: sp.dequantize(sp.quantize(a, "bfp16")),
    "where": lambda a, z, axis: sp.where(a > z, a, z),
    "matmul": lambda a, z, axis: sp.reshape(a, (-1, a.shape[-1])) @ np.ones((a.shape[-1], 3), np.float32),
    "transpose": lambda a, z, axis: sp.transpose(a),
    "concatenate": lambda a, z, axis: sp.concatenate([a, z], axis=axis),
    "center": lambda a, z, axis: a - a.mean(axis=axis, keepdims=True),
}


@st.composite
def cases(draw):
    """A shape, another one for the same elements, an axis of it, and whether both are multiplied before."""
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 5, 6]), min_size=2, max_size=4)))
    first = draw(st.integers(0, len(shape) - 1))
    last = draw(st.integers(first, min(first + 2, len(shape))))
    ones = (1,) * draw(st.integers(0, 1))
    view = (*shape[:first], *ones, *((prod(shape[first:last]),) if last > first else ()), *shape[last:])
    return shape, view, draw(st.integers(0, len(view) - 1)), draw(st.booleans())


def check(name, examples):
    """As many cases of an operation."""

    @settings(max_examples=examples)
    @given(cases(), st.integers(0, 99))
    def agrees(case, seed):
        shape, view, axis, both = case
        rng = np.random.default_rng(seed)
        x, z = (rng.standard_normal(s).astype(np.float32) for s in (shape, view))

        def made(x, z):
            y = sp.reshape(x * 2, view)
            return OPERATIONS[name](y * z if both else y, z, axis)

        want = sp.compile(made, machine="host")(sp.tensor(x), sp.tensor(z)).numpy()
        try:
            got = sp.compile(made, machine="chip")(sp.tensor(x), sp.tensor(z)).numpy()
        except UnsupportedError:
            return
        assert same(got, want)

    agrees()


@pytest.mark.parametrize("name", OPERATIONS)
def test_views_have_the_hosts_bits(name):
    check(name, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_many_views(name):
    check(name, 60)
