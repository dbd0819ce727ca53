"""Recipes of reductions and moves: they fit, take every element once, and follow the fixed tree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.emulator.core import Core
from spinntensor.errors import DTCMError, OperandError
from spinntensor.kernels.kernel import equal_bits
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile
from spinntensor.machine.tile import run_tile
from spinntensor.ops import OPERATIONS
from spinntensor.plan.recipes import moves, reductions
from spinntensor.plan.recipes.chain import COPY, Chain, Extent, Link, Value
from spinntensor.plan.recipes.gemm_float import cycles
from spinntensor.plan.recipes.lines import flat
from spinntensor.plan.recipes.moves import Follow, Moved, Softmax
from spinntensor.plan.recipes.parts import ROOM


@given(st.integers(1, 3000), st.integers(1, 200), st.integers(8_000, ROOM))
@settings(max_examples=40)
def test_reductions_fit_and_take_every_element(n, c, room):
    square = Chain(
        (Value(), Value(extent=Extent(c))), (Link("subtract", (0, 1)), Link("multiply", (2, 2))), (3,)
    )
    makers = (
        lambda: reductions.columns("sum", n, c, room=room),
        lambda: reductions.columns("sum", n, c, chain=square, room=room),
        lambda: reductions.rows("sum", c, n, room=room),
        lambda: reductions.rows("min", c, n, room=room),
        lambda: reductions.whole("sum", n * c, room=room),
    )
    for make in makers:
        try:
            recipe = make()
        except DTCMError as e:
            assert e.needed > room
            continue
        assert recipe.dtcm_bytes <= room
        assert recipe.loads[0].nbytes >= 4 * n * c
    adds = [(dict(c_.shape), c_.count) for c_ in reductions.columns("sum", n, c).calls if c_.kernel != COPY]
    assert all(shape["n"] == c for shape, _ in adds)
    assert sum(shape["m"] * count for shape, count in adds) == n - 1


@given(st.integers(1, 200))
def test_the_tree_of_rows_is_the_one_of_the_definition(n):
    """Rows that are lists of what was added: T(x[0:n]) = T(x[0:p]) + T(x[p:n]), p the largest power of two below n."""

    def wanted(low, high):
        if high - low == 1:
            return low
        p = 1 << (high - low - 1).bit_length() - 1
        return wanted(low, low + p), wanted(low + p, high)

    rows = list(range(n))
    last = 0
    for step in reductions.tree(n):
        for i in range(step.count):
            made = rows[step.first + i * step.step], rows[step.second + i * step.step]
            rows[step.target + i] = made
        last = step.target
    assert rows[last] == wanted(0, n)


@given(st.integers(1, 70))
def test_blocks_are_joined_like_the_tree(blocks):
    def wanted(low, high):
        if high - low == 1:
            return low
        p = 1 << (high - low - 1).bit_length() - 1
        return wanted(low, low + p), wanted(low + p, high)

    levels: dict = {}
    for number in range(blocks):
        joins, level = reductions.counter(number, number == blocks - 1)
        found = number
        for other in joins:
            found = (levels[other], found)
        levels[level] = found
    assert levels[None] == wanted(0, blocks)


def test_column_sums_on_the_core_follow_the_tree(rng):
    """Pairs of rows added level by level in place: the bits of the operation, the cycles of the recipe."""
    n, c = 23, 16
    x = rng.standard_normal((n, c)).astype(np.float32)
    steps: list = [Fetch("x", At("x"), x)]
    last = 0
    for add in reductions.tree(n):
        words = {"rows": add.count, "columns": c, "b_step": 4, "y_row": 4 * c}
        words |= dict.fromkeys(("a_row", "b_row"), 4 * c * add.step)
        places = {
            name: At("x", 4 * c * row)
            for name, row in zip("aby", (add.first, add.second, add.target), strict=True)
        }
        steps.append(Step("f32_add_rows", {**places, **words}))
        last = add.target
    steps.append(Store("y", At("x", 4 * c * last), (c,), np.dtype(np.float32)))
    done = run_tile(Core(), Tile("sums", {"x": x.nbytes}, tuple(steps)))
    assert equal_bits(done.stored["y"], np.asarray(OPERATIONS["sum"].run(x, axes=(0,))))
    assert done.counters.cycles == pytest.approx(cycles(reductions.columns("sum", n, c)), rel=0.02)


def test_reductions_without_a_kernel_are_refused():
    with pytest.raises(OperandError, match="prod of float32 along rows"):
        reductions.rows("prod", 4, 8)
    with pytest.raises(OperandError, match="argmax of float32 along columns"):
        reductions.columns("argmax", 4, 8)
    with pytest.raises(OperandError, match="argmax in blocks"):
        reductions.whole("argmax", 100)


def test_partial_results_are_joined():
    recipe = reductions.join("sum", 16, 64)
    assert [(c.kernel, dict(c.shape)["m"], c.count) for c in recipe.calls] == [
        ("f32_add_rows", m, 1) for m in (8, 4, 2, 1)
    ]
    assert recipe.loads[0].nbytes == 16 * 256
    with pytest.raises(DTCMError):
        reductions.join("sum", 100, 10_000)


def transposed(rows, columns, item):
    """A tile that is a whole transposed matrix."""
    row = -(-rows * item // 8) * 8
    source = (Follow(((columns, item),), columns), Follow(((rows, -(-columns * item // 8) * 8),), rows))
    return Moved(item, (columns, rows), (columns, rows), row // item, (source,), False)


def test_moves_are_transfers_of_whole_double_words_or_copies():
    whole = Follow(((64, 4),), 64)
    images = Moved(4, (256, 64), (256, 64), 64, ((Follow(((256, 256),), 256), whole),), False)
    recipe = moves.move(images, alone=True)
    assert recipe.calls == () and recipe.loads[0].nbytes == recipe.stores[0].nbytes == 64 * 1024
    assert recipe.dtcm_bytes <= ROOM
    assert {c.kernel for c in moves.move(transposed(30, 10, 4)).calls} == {"copy_s32"}
    assert {c.kernel for c in moves.move(transposed(30, 10, 2)).calls} >= {"bfp16_to_f32", "bfp16_from_f32"}
    with pytest.raises(OperandError, match="parts of double words"):
        moves.move(transposed(30, 10, 4), alone=True)
    with pytest.raises(DTCMError):
        moves.move(transposed(300, 100, 4), 16)


def test_rows_of_bytes_are_whole_words():
    assert reductions.rows("sum", 3, 16, "bool").calls[-1].kernel == "reduce_sum_s8"
    for n in (1, 5, 15, 18):
        with pytest.raises(OperandError, match=f"{n} bool side by side, expected a multiple of 4"):
            reductions.rows("sum", 3, n, "bool")
        with pytest.raises(OperandError, match="a multiple of 4; convert them to float32 first"):
            reductions.whole("max", n, "int8")
    assert reductions.columns("all", 3, 15, "bool").calls  # what lies behind is left out


@given(st.integers(1, 100), st.integers(1, 3000), st.booleans())
def test_softmax_fits(rows, columns, log):
    pitch = columns + columns % 2
    lines = flat(4, rows * pitch)
    recipe = moves.softmax(Softmax(rows, columns, pitch, lines, lines), log)
    assert recipe.dtcm_bytes <= ROOM
    assert sum(c.count * dict(c.shape)["m"] for c in recipe.calls) == rows


def test_fill_makes_a_block_once():
    recipe = moves.fill(40_000)
    assert [dict(c.shape) for c in recipe.calls] == [{"rows": 1, "words": 2048}]
    assert recipe.stores[0].nbytes >= 40_000 and recipe.stores[0].pieces == 5
