"""Tiles of bfp16 convolutions on the emulated core: the host's bits and counts, and what their recipes say."""

from __future__ import annotations

import numpy as np
import pytest
from floats import stage_by_stage
from planning import machine
from walking import EARLY, LATE

from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import TensorType
from spinntensor.lower.kinds import CONV, CONV_INPUT, CONV_WEIGHT
from spinntensor.ops import RULES

CASES = [
    # images, rows, columns, channels, outputs, kernel, stride, padding
    (1, 6, 6, 4, 6, (3, 3), (1, 1), (1, 1, 1, 1)),
    (2, 9, 7, 3, 5, (3, 3), (1, 1), (1, 1, 1, 1)),
    (1, 11, 9, 8, 12, (5, 3), (2, 2), (2, 2, 1, 1)),
    (3, 8, 8, 6, 4, (1, 1), (1, 1), (0, 0, 0, 0)),
    (2, 8, 8, 8, 16, (3, 3), (2, 2), (0, 1, 0, 1)),
    (2, 6, 6, 16, 8, (1, 1), (2, 2), (0, 0, 0, 0)),
    (16, 5, 5, 24, 16, (3, 3), (1, 1), (1, 1, 1, 1)),
    (1, 4, 7, 2, 7, (4, 2), (1, 3), (3, 0, 0, 1)),
]


def rounded(b, name, shape, axis=None):
    x = b.input(name, TensorType(shape, "float32"))
    return x, b.add("quantize_bfp16", x, **({} if axis is None else {"axis": axis}))


def convolutions(case, op):
    """One of the three, its factors rounded to bfp16: the graph, and the shapes of its inputs by their ids."""
    n, h, w, c, o, kernel, stride, padding = case
    out = [
        (size + sum(padding[2 * i : 2 * i + 2]) - k) // s + 1
        for i, (size, k, s) in enumerate(zip((h, w), kernel, stride, strict=True))
    ]
    b = Builder(RULES)
    window = {"stride": stride, "padding": padding, "dilation": (1, 1), "groups": 1, "format": "float32"}
    shapes = {"x": (n, h, w, c), "w": (*kernel, c, o), "g": (n, *out, o)}
    first, second, more, axis = {
        "conv2d": ("x", "w", {}, 3),
        "conv2d_input": ("g", "w", {"size": (h, w)}, None),
        "conv2d_weight": ("x", "g", {"kernel": kernel}, None),
    }[op]
    one, other = rounded(b, first, shapes[first]), rounded(b, second, shapes[second], axis)
    graph = b.graph((b.add(op, one[1], other[1], **window, **more),))
    return graph, {one[0]: shapes[first], other[0]: shapes[second]}


def drawn(rng, shapes):
    return {i: rng.standard_normal(shape).astype(np.float32) for i, shape in shapes.items()}


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("op", ["conv2d", "conv2d_input", "conv2d_weight"])
def test_convolutions_have_the_bits_of_the_host(op, case, rng):
    graph, shapes = convolutions(case, op)
    kinds = {CONV, CONV_INPUT, CONV_WEIGHT}
    assert stage_by_stage(graph, drawn(rng, shapes), kinds, objective="latency")[1] == 1


@pytest.mark.parametrize("seed", range(9))
def test_convolutions_drawn_at_random(seed):
    rng = np.random.default_rng(seed)
    kernel = tuple(int(n) for n in rng.integers(1, 5, 2))
    padding = tuple(int(rng.integers(0, k)) for k in kernel for _ in range(2))
    size = tuple(int(rng.integers(k, 14)) for k in kernel)
    channels, stride = (int(n) for n in rng.integers(1, 24, 2)), tuple(int(n) for n in rng.integers(1, 4, 2))
    case = (int(rng.integers(1, 9)), *size, *channels, kernel, stride, padding)
    graph, shapes = convolutions(case, ("conv2d", "conv2d_input", "conv2d_weight")[seed % 3])
    where, objective = machine(rng, int(rng.integers(0, 16))), str(rng.choice(["latency", "throughput"]))
    stage_by_stage(graph, drawn(rng, shapes), {CONV, CONV_INPUT, CONV_WEIGHT}, where, objective)


@pytest.mark.parametrize("size", [2.0**-100, 2.0**-112, 2.0**-120, 2.0**-135, 2.0**80, 0.0])
@pytest.mark.parametrize("op", ["conv2d", "conv2d_input", "conv2d_weight"])
def test_numbers_of_any_size(op, size, rng):
    """Exponents at both ends of bfp16, mantissas that fill less than 13 bits, results that become infinite."""
    graph, shapes = convolutions(CASES[0], op)
    values = {i: (size * x.astype(np.float64)).astype(np.float32) for i, x in drawn(rng, shapes).items()}
    stage_by_stage(graph, values, {CONV, CONV_INPUT, CONV_WEIGHT})


@pytest.mark.parametrize("when", [LATE, EARLY])
def test_transfers_may_be_late_or_early(when, rng):
    for op in ("conv2d", "conv2d_input", "conv2d_weight"):
        graph, shapes = convolutions(CASES[4], op)
        stage_by_stage(graph, drawn(rng, shapes), {CONV, CONV_INPUT, CONV_WEIGHT}, when=(when,))
