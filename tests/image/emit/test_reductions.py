"""Reductions: the fixed tree, whatever the cut, partial sums joined."""

from __future__ import annotations

import numpy as np
import pytest
from image.emit.stages import walked
from planning import machine

FLOATS = [
    ("sum", (2, 17), (1,)),
    ("sum", (64, 40), (1,)),
    ("sum", (64, 40), (0,)),
    ("sum", (2, 17), (0,)),
    ("sum", (4, 9, 7, 5), (0, 1, 2)),
    ("sum", (33, 9, 9, 16), (0, 1, 2)),
    ("sum", (3000,), (0,)),
    ("sum", (5, 17), (0, 1)),
    ("sum", (3, 5, 4), (1,)),
    ("sum", (6, 3, 7, 5), (1, 2)),
    ("sum", (3, 5, 7), (1, 2)),
    ("sum", (1, 9), (0,)),
    ("max", (7, 9), (1,)),
    ("max", (8, 10), (0,)),
    ("max", (999,), (0,)),
    ("min", (7, 9), (1,)),
    ("min", (8, 10), (0,)),
    ("min", (40,), (0,)),
    ("prod", (5, 6), (0,)),
    ("argmax", (9, 10), (1,)),
    ("argmin", (9, 11), (1,)),
    ("argmax", (30,), (0,)),
]
INTEGERS = [
    ("max", (8, 16), (0,), "int8"),
    ("max", (8, 16), (1,), "int8"),
    ("max", (6, 6), (1,), "int32"),
    ("max", (6, 6), (0,), "int32"),
    ("min", (8, 16), (0,), "uint8"),
    ("sum", (8, 16), (1,), "bool"),
    ("any", (8, 16), (0,), "bool"),
    ("all", (8, 17), (0,), "bool"),
    ("argmax", (8, 16), (1,), "int8"),
    ("argmax", (8, 10), (1,), "int32"),
]


def reduced(b, op, x, axes):
    given = {"axis": axes[0]} if op.startswith("arg") else {"axes": axes}
    return b.add(op, x, **given)


@pytest.mark.parametrize("op, shape, axes", FLOATS, ids=str)
def test_reductions_of_numbers(op, shape, axes):
    walked(lambda b, given: (reduced(b, op, given(shape), axes),))


@pytest.mark.parametrize("op, shape, axes, form", INTEGERS, ids=str)
def test_reductions_of_integers(op, shape, axes, form):
    walked(lambda b, given: (reduced(b, op, given(shape, form), axes),))


@pytest.mark.parametrize("op, shape, axes", [FLOATS[i] for i in (1, 2, 4, 5, 6, 8, 12)], ids=str)
def test_reductions_of_chains(op, shape, axes):
    """Of squares less a vector that repeats."""

    def build(b, given):
        x = given(shape)
        wide = b.add("broadcast_to", given((shape[-1],)), shape=shape)
        return (reduced(b, op, b.add("multiply", b.add("subtract", x, wide), x), axes),)

    walked(build)


def test_an_operand_that_repeats_in_the_middle():
    def build(b, given):
        wide = b.add("broadcast_to", given((4, 1, 16)), shape=(4, 9, 16))
        return (b.add("sum", b.add("multiply", given((4, 9, 16)), wide), axes=(0, 1)),)

    walked(build)


@pytest.mark.parametrize("seed", range(5))
def test_random_sums_on_random_machines(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 24, int(rng.integers(1, 4))))
    first = int(rng.integers(0, len(shape)))
    axes = tuple(range(first + 1)) if rng.integers(2) else tuple(range(first, len(shape)))
    where = machine(rng, int(rng.integers(0, 14)))
    walked(lambda b, given: (b.add("sum", given(shape), axes=axes),), seed, where, "throughput")
