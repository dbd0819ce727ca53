"""Tiles of bfp16 matrix products on the emulated core: the host's bits and counts, and what their recipes say."""

from __future__ import annotations

import numpy as np
import pytest
from floats import stage_by_stage
from planning import machine
from walking import EARLY, LATE

from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import TensorType
from spinntensor.image.emit.action import EXPONENT, SHIFT, converted
from spinntensor.lower.kinds import MATMUL
from spinntensor.lower.operations import shift_of
from spinntensor.ops import RULES
from spinntensor.ops.convert import least_exponent


def product(m, k, n, axes=(None, None)):
    """A [M,K] times B [K,N] of float32 rounded to bfp16, and the ids of both."""
    b = Builder(RULES)
    inputs = [b.input(name, TensorType(s, "float32")) for name, s in (("a", (m, k)), ("b", (k, n)))]
    q = [
        b.add("quantize_bfp16", x, **({} if axis is None else {"axis": axis}))
        for x, axis in zip(inputs, axes, strict=True)
    ]
    return b.graph((b.add("matmul", *q, format="float32"),)), inputs


SIZES = [(1, 8, 4), (5, 7, 3), (16, 33, 12), (20, 300, 16), (64, 128, 64), (3, 2100, 40), (9, 2, 6)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("axes", [(None, None), (None, 1), (0, 1)], ids=str)
def test_products_have_the_bits_of_the_host(sizes, axes, rng):
    graph, inputs = product(*sizes, axes)
    shapes = (sizes[:2], sizes[1:])
    values = {i: rng.standard_normal(s).astype(np.float32) for i, s in zip(inputs, shapes, strict=True)}
    assert stage_by_stage(graph, values, {MATMUL})[1] == 1


@pytest.mark.parametrize("when", [LATE, EARLY])
def test_transfers_may_be_late_or_early(when, rng):
    for m, k, n in ((20, 300, 16), (3, 2100, 40)):
        graph, inputs = product(m, k, n, (None, 1))
        values = {
            i: rng.standard_normal(s).astype(np.float32)
            for i, s in zip(inputs, ((m, k), (k, n)), strict=True)
        }
        stage_by_stage(graph, values, {MATMUL}, when=(when,))


@pytest.mark.parametrize("seed", range(6))
def test_products_drawn_at_random(seed):
    rng = np.random.default_rng(seed)
    m, k, n = (int(rng.integers(1, top)) for top in (80, 600, 60))
    graph, inputs = product(m, k, n, (None, 1) if rng.integers(2) else (None, None))
    size = 2.0 ** int(rng.choice([0, -60, -113, -122, 80]))
    values = {
        i: (size * rng.standard_normal(s)).astype(np.float32)
        for i, s in zip(inputs, ((m, k), (k, n)), strict=True)
    }
    where, objective = machine(rng, int(rng.integers(0, 16))), str(rng.choice(["latency", "throughput"]))
    stage_by_stage(graph, values, {MATMUL}, where, objective)


def test_words_of_records_are_the_shifts_and_exponents_of_the_host(rng):
    """Of magnitudes of any size, and of those whose mantissas lie at the ends of a shift."""
    ends = rng.choice(np.array([0, 0x7FF5FF, 0x7FF600, 0x7FF601, 0x7FFDFF, 0x7FFE00, 0x7FFFFF]), 500)
    some = (
        rng.integers(0, 255, 500) << 23 | ends,
        rng.integers(0, 0x7F800000, 500),
        rng.integers(0, 20 << 23, 500),
    )
    bits = np.concatenate(some).astype(np.uint32)
    for word in bits.tolist():
        top = np.array(word, np.uint32).view(np.float32)
        assert converted(SHIFT, word) == shift_of(top)
        assert converted(EXPONENT, word) == least_exponent(float(top))
    for _ in range(200):
        several = rng.choice(bits, 5)
        assert converted(SHIFT, *several.tolist()) == shift_of(several.view(np.float32))
