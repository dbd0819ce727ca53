"""Element-wise stages: the bits and the counts of the host, whatever the cut and the times of transfers."""

from __future__ import annotations

import numpy as np
import pytest
from image.emit.stages import walked
from planning import machine

SHAPES = [(2, 14, 5, 1), (3, 6, 8, 3), (4, 8, 8, 16), (5, 17), (64, 40), (7,), (3, 1), (2, 700)]


@pytest.mark.parametrize("form", ["uint8", "int8"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_numbers_become_bytes_and_numbers_again(shape, form):
    """At the entry and the exit of a quantised network; what is clamped or lost is counted as on the host."""
    grid = {"scale": (0.05,), "zero": (7,)}

    def build(b, given):
        x = given(shape)
        nine = b.add("fill", shape=shape, format="float32", value=9.0)
        wide = b.add("multiply", b.add("multiply", b.add("multiply", x, x), x), nine)
        q = b.add("quantize", wide, format=form, **grid)
        y = b.add("add", b.add("dequantize", q, **grid), x)
        return q, b.add(
            "maximum", b.add("multiply", y, x), b.add("fill", shape=shape, format="float32", value=0.0)
        )

    _, counts = walked(build)
    if np.prod(shape) > 100:
        assert {"saturated", "lost"} == set().union(*counts.values())


@pytest.mark.parametrize("shape", [(2, 6, 5, 24), (3, 7, 9, 3), (2, 8, 4, 64)], ids=str)
def test_images_between_two_stages_lie_in_blocks_of_channels(shape):
    def build(b, given):
        q = b.add("quantize", given(shape), format="int8", scale=(0.03,), zero=(3,))
        wider = b.add("pad", q, before=(0, 1, 0, 0), after=(0, 0, 0, 0), value=3) if shape[3] % 8 == 0 else q
        return (b.add("dequantize", wider, scale=(0.03,), zero=(3,)),)

    walked(build)


FULL = {
    (3, 5, 4, 6): [
        (6,),
        (4, 6),
        (5, 1, 1),
        (5, 4, 1),
        (3, 1, 1, 1),
        (3, 1, 1, 6),
        (1, 5, 1, 6),
        (3, 5, 4, 1),
    ],
    (5, 17): [(17,), (5, 1), ()],
    (4, 6, 6, 64): [(64,), (4, 1, 1, 1), (4, 1, 1, 64), (6, 6, 64)],
    (3, 700): [(700,), (3, 1)],
    (2, 14, 5, 1): [(2, 1, 1, 1), (5, 1)],
}


@pytest.mark.parametrize("op", ["subtract", "less"])
@pytest.mark.parametrize("full, small", [(f, s) for f, some in FULL.items() for s in some], ids=str)
def test_operands_that_repeat(op, full, small):
    def build(b, given):
        y = b.add("reshape", given(small), shape=(1,) * (len(full) - len(small)) + small)
        return (b.add(op, given(full), b.add("broadcast_to", y, shape=full)),)

    walked(build)


@pytest.mark.parametrize("op", ["exp", "log", "tanh", "sigmoid", "sqrt", "negative", "absolute"])
def test_functions_of_one_operand(op):
    walked(lambda b, given: (b.add(op, given((7, 33))),))


@pytest.mark.parametrize("form", ["int32", "int64", "int8", "uint8", "float32"])
@pytest.mark.parametrize("op", ["equal", "less", "greater_equal", "maximum"])
def test_comparisons_and_extremes(op, form):
    if (op, form) == ("maximum", "int64"):
        pytest.skip("no kernel")
    walked(lambda b, given: (b.add(op, given((7, 30), form, 0, 5), given((7, 30), form, 0, 5)),))


def test_conditions():
    def build(b, given):
        x, y, column, row = given((5, 17)), given((5, 17)), given((5, 1)), given((1, 17))
        zero = b.add("fill", shape=(5, 17), format="float32", value=0.0)
        mask = b.add("logical_or", b.add("greater", x, y), b.add("not_equal", x, x))
        one, two = (b.add("broadcast_to", v, shape=(5, 17)) for v in (column, row))
        chosen = b.add("where", b.add("less", x, two), one, two)
        lone = b.add("logical_or", b.add("greater", x, zero), b.add("not_equal", zero, zero))
        return b.add("where", mask, x, zero), mask, b.add("logical_not", mask), chosen, lone

    walked(build)


def test_two_grids_in_one_chain():
    def build(b, given):
        found = []
        for scale, zero in ((0.05, 3), (0.02, -7)):
            grid = {"scale": (scale,), "zero": (zero,)}
            found.append(
                b.add("dequantize", b.add("quantize", given((4, 4, 6, 8)), format="int8", **grid), **grid)
            )
        return (b.add("add", *found),)

    walked(build)


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("shape", [(6, 35), (9, 24)])
def test_mantissas_by_an_exponent_that_is_known_when_it_runs(shape, axis):
    given_ = {} if axis is None else {"axis": axis}

    def build(b, given):
        x = given(shape)
        for _ in range(4):
            x = b.add("multiply", x, given(shape))  # so that some are lost
        return (b.add("dequantize", b.add("quantize_bfp16", x, **given_)),)

    _, counts = walked(build, seed=3)
    assert counts or axis is not None


def test_mantissas_by_a_given_exponent():
    _, counts = walked(
        lambda b, given: (b.add("dequantize", b.add("quantize_bfp16_to", given((6, 35)), exponent=(-14,))),)
    )
    assert counts


def test_other_views_of_the_same_bytes():
    def build(b, given):
        one = b.add("add", b.add("reshape", given((2, 17)), shape=(34,)), given((34,)))
        two = b.add("add", b.add("reshape", given((34,)), shape=(2, 17)), given((2, 17)))
        return one, two

    walked(build)


def test_integers():
    def build(b, given):
        wide = b.add("convert", given((7, 9), "int32"), format="int64")
        real = b.add("dequantize", given((7, 9), "int32", -(10**6), 10**6), scale=(0.37,), zero=(0,))
        count = b.add("add", b.add("iota", size=40), given((40,), "int64"))
        return (
            wide,
            real,
            count,
            b.add("convert", given((7, 9), "bool"), format="float32"),
            b.add("add", given(()), given(())),
        )

    walked(build)


@pytest.mark.parametrize("seed", range(6))
def test_random_chains_on_random_machines(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 20, int(rng.integers(1, 5))))
    where = machine(rng, int(rng.integers(0, 14)))

    def build(b, given):
        values = [given(shape), given(shape), b.add("broadcast_to", given((shape[-1],)), shape=shape)]
        for _ in range(int(rng.integers(3, 9))):
            op = str(
                rng.choice(["add", "subtract", "multiply", "maximum", "minimum", "tanh", "where", "exp"])
            )
            one, two, three = (values[int(rng.integers(len(values)))] for _ in range(3))
            if op == "where":
                values.append(b.add("where", b.add("less", one, two), two, three))
            else:
                values.append(b.add(op, one) if op in ("tanh", "exp") else b.add(op, one, two))
        return values[-2:]

    walked(build, seed, where, str(rng.choice(["latency", "throughput"])))


@pytest.mark.parametrize("shape", [(3, 2, 24), (3, 2, 3, 8)], ids=str)
def test_tiles_leave_what_lies_between_their_rows_alone(shape):
    """Two workers, each with some rows of every image: between them in SDRAM lie those of the other one."""
    where = machine(np.random.default_rng(0), 15)
    made, _ = walked(lambda b, given: (b.add("divide", given(shape), given(shape)),), where=where)
    assert made.layers[0].cut.spans[0] == ((0, shape[0]),)
