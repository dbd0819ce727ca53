"""Running sums: float32 one rounding after the other, integers by Python's, counts, gradients, refusals."""

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opcheck import (
    LAYOUTS,
    NAN,
    against_torch,
    apart,
    canonical,
    check_second_slopes,
    check_slopes,
    compute,
    draw_array,
    refused,
    run,
    same,
)

from spinntensor.errors import RangeError, ShapeError

CASES = st.sampled_from([((5,), 0), ((0,), 0), ((2, 7), 0), ((2, 7), 1), ((3, 0, 2), 0), ((3, 4, 2), 1)])


def lanes(x, axis):
    """The elements along the axis, for each index of the others."""
    moved = np.moveaxis(x, axis, -1)
    return moved.reshape(-1, moved.shape[-1]) if x.size else np.empty((0, x.shape[axis]), x.dtype)


@given(CASES, LAYOUTS, st.integers(0, 99), st.booleans())
def test_floats_one_after_the_other(case, layout, seed, wild):
    shape, axis = case
    x = draw_array(np.random.default_rng(seed), shape, "float32", layout)
    x = x if wild else np.nan_to_num(x).clip(-9, 9)
    got, counts = run("cumsum", x, axis=axis)
    overflowed = invalid = 0
    for row, sums in zip(lanes(x, axis), lanes(got, axis), strict=True):
        with np.errstate(all="ignore"):
            want = list(accumulate(row))
        assert same(np.array(sums), canonical(np.float32(want)))
        overflowed += sum(bool(np.isinf(s)) and np.isfinite(row[: i + 1]).all() for i, s in enumerate(want))
        invalid += sum(bool(np.isnan(s)) and not np.isnan(row[: i + 1]).any() for i, s in enumerate(want))
    found = {"overflowed": overflowed, "invalid": invalid}
    assert counts == {name: n for name, n in found.items() if n}


def test_counts_by_hand():
    got, counts = run("cumsum", np.float32([3e38, 3e38, -np.inf, 1, np.nan, 2]), axis=0)
    assert same(got, np.float32([3e38, np.inf, NAN, NAN, NAN, NAN])) and counts == {
        "overflowed": 1,
        "invalid": 2,
    }


@pytest.mark.parametrize("form", ["int32", "int64"])
@given(CASES, LAYOUTS, st.integers(0, 99), st.sampled_from([4, 1 << 31, None]))
def test_integers_are_exact_or_refused(form, case, layout, seed, bound):
    shape, axis = case
    x = draw_array(np.random.default_rng(seed), shape, form, layout)
    if bound is not None:
        x = np.remainder(x, np.int64(bound)).astype(form) - np.array(bound // 4, form)
    want = [list(accumulate(row)) for row in lanes(x, axis).tolist()]
    ends = np.iinfo(form)
    if all(ends.min <= n <= ends.max for row in want for n in row):
        got = compute("cumsum", x, axis=axis)
        assert same(np.array(lanes(got, axis)), np.array(want, form).reshape(len(want), shape[axis]))
        return
    with pytest.raises(RangeError, match=f"the exact result is no {form}") as caught:
        compute("cumsum", x, axis=axis)
    assert caught.value.kernel == "cumsum" and any(caught.value.bound in row for row in want)


@pytest.mark.parametrize("axis", [0, 1])
def test_gradients_against_central_differences(axis):
    check_slopes("cumsum", apart((3, 4), 1), axis=axis)
    check_second_slopes("cumsum", apart((3, 4), 1), axis=axis)
    check_slopes("cumsum", np.zeros((0, 3), np.float32), axis=axis)


@pytest.mark.slow
@pytest.mark.parametrize("axis", [0, 1])
def test_against_torch(axis):
    against_torch("cumsum", lambda torch, t: torch.cumsum(t, axis), apart((9, 8), 1), axis=axis)


@pytest.mark.parametrize(
    "kind,attributes,complaint",
    [
        ("2 int8", {"axis": 0}, "format float32 or int32 or int64"),
        ("2 float32", {"axis": 1}, "an axis from 0 to 0"),
        (" float32", {"axis": 0}, "an operand that has axes"),
        ("2 float32", {"axes": (0,)}, "attributes axes, expected axis"),
    ],
)
def test_refusals(kind, attributes, complaint):
    refused("cumsum", (kind,), attributes, ShapeError, complaint)
