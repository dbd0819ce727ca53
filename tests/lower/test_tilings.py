"""Every operation in random cuts: the bits and counts of the host executor, each element computed once."""

import numpy as np
import pytest
from cutting import agree, cut_of
from hypothesis import given, settings
from hypothesis import strategies as st
from opcheck import draw_array

from spinntensor.errors import OperandError, RangeError
from spinntensor.formats import bfp16_grid
from spinntensor.formats.description import Quantized
from spinntensor.graph import TensorType, verify
from spinntensor.graph.builder import Builder
from spinntensor.lower import lower
from spinntensor.lower.rules_map import SIMPLE
from spinntensor.lower.tilings import TILINGS
from spinntensor.machine import host
from spinntensor.ops import RULES
from spinntensor.ops.quantized import SYMMETRIC
from spinntensor.plan.execute import execute

SEED = st.integers(0, 1 << 16)


EXERCISED = set()
"""Operations of lowered graphs that these tests have computed in tiles."""


class Case:
    """A graph that is built of arrays, whose values are kept by id."""

    def __init__(self):
        self.build, self.values = Builder(RULES), {}

    def give(self, x):
        number = self.build.input(f"x{len(self.values)}", TensorType(x.shape, x.dtype.name))
        self.values[number] = x
        return number

    def add(self, op, *operands, **attributes):
        ids = [self.give(x) if isinstance(x, np.ndarray) else x for x in operands]
        return self.build.add(op, *ids, source="case.py:1", **attributes)

    def agree(self, *outputs, seed=0, **options):
        lowered, result = agree(verify(self.build.graph(outputs), RULES), self.values, seed, **options)
        EXERCISED.update(lowered.graph[i].op for stage in lowered.stages for i in stage.nodes)
        return lowered, result


def floats(rng, *shape, special=True):
    """float32 with zeros of both signs, and mostly without what is not finite."""
    if special and rng.integers(0, 3) == 0:
        return draw_array(rng, shape, "float32")
    x = rng.standard_normal(shape).astype(np.float32) * np.float32(2.0) ** rng.integers(-3, 4)
    return np.where(rng.integers(0, 5, shape) == 0, np.float32(-0.0), x).astype(np.float32)


def integers(rng, form, *shape, low=-99, high=99):
    info = np.iinfo(form)
    return rng.integers(max(low, info.min), min(high, info.max), shape, dtype=form, endpoint=True)


def shape_of(rng, rank=None, least=1):
    rank = int(rng.integers(0, 5)) if rank is None else rank
    return tuple(rng.integers(least, 6, rank).tolist())


def check(case, *outputs, seed):
    """`agree`, or the same error in both."""
    try:
        case.agree(*outputs, seed=seed)
    except (OperandError, RangeError) as refused:
        with pytest.raises(type(refused)):
            host.execute(host.prepare(case.build.graph(outputs)), case.values)


def elementwise(rng, op):
    """Operands of an element-wise operation."""
    shape = shape_of(rng)
    form = "float32"
    if op in ("floor_divide", "remainder"):
        form = str(rng.choice(["int32", "int64"]))
        divisor = integers(rng, form, *shape, low=1)
        return [integers(rng, form, *shape), divisor * rng.choice(np.array([-1, 1], form), shape)]
    if op.startswith("logical"):
        return [draw_array(rng, shape, "bool") for _ in range(1 if op == "logical_not" else 2)]
    if op in ("maximum", "minimum", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
        form = str(rng.choice(["float32", "int8", "uint8", "int32", "int64"]))
        return [draw_array(rng, shape, form), draw_array(rng, shape, form)]
    if op in ("add", "subtract", "multiply") and rng.integers(0, 2):
        return [integers(rng, "int32", *shape), integers(rng, "int32", *shape)]
    if op == "where":
        form = str(rng.choice(["float32", "int8", "bool", "int64"]))
        return [draw_array(rng, shape, "bool"), draw_array(rng, shape, form), draw_array(rng, shape, form)]
    return [
        draw_array(rng, shape, "float32")
        for _ in range(2 if op in ("add", "subtract", "multiply", "divide") else 1)
    ]


ELEMENTWISE = set(SIMPLE) - {"convert", "add_q"}


@pytest.mark.parametrize("op", sorted(ELEMENTWISE))
def test_elementwise(op):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        case = Case()
        check(case, case.add(op, *elementwise(rng, op)), seed=seed)


def test_conversions():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        case, shape = Case(), shape_of(rng, 3)
        axis = [None, 0, 1, 2][seed % 4]
        count = 1 if axis is None else shape[axis]
        x, counter = floats(rng, *shape, special=False), np.asarray(seed, np.int64)
        form = str(rng.choice(["int8", "uint8", "int32"]))
        zero = (
            tuple(integers(rng, "int8", count, low=0, high=9).tolist()) if form != "int32" else (0,) * count
        )
        scale = {"scale": tuple(rng.uniform(0.01, 0.5, count).tolist()), "zero": zero, "axis": axis}
        q = case.add("quantize", x, format=form, **scale)
        outs = [q, case.add("dequantize", q, **scale)]
        if form != "int32":
            outs.append(case.add("quantize", x, counter, format=form, seed=7, **scale))
        exponent = tuple(integers(rng, "int8", count, low=-18, high=-12).tolist())
        to = case.add("quantize_bfp16_to", x, exponent=exponent, axis=axis)
        outs += [to, case.add("dequantize", to)]
        outs.append(case.add("quantize_bfp16_to", x, counter, exponent=exponent, axis=axis, seed=3))
        outs.append(case.add("quantize_bfp16", x, axis=axis))
        outs.append(case.add("quantize_bfp16", x, counter, axis=axis, seed=5))
        outs.append(case.add("convert", integers(rng, "int32", *shape), format="float32"))
        case.agree(*outs, seed=seed)


def test_bytes():
    """requantize, add_q, softmax_q."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        case, shape = Case(), shape_of(rng, 3)
        axis = int(rng.integers(0, 3))
        c = (shape[axis],)
        acc = integers(rng, "int32", *shape, low=-(10**6), high=10**6)
        m, p = (
            integers(rng, "int32", *c, low=1 << 16, high=1 << 20),
            integers(rng, "int32", *c, low=0, high=2),
        )
        clamp = {"zero": 3, "low": SYMMETRIC, "high": 127}
        y = case.add("requantize", acc, integers(rng, "int32", *c), m, p, format="int8", axis=axis, **clamp)
        more = {"a_zero": 1, "b_zero": -2, "a_ratio": 1 << 20, "b_ratio": 700_000}
        total = case.add("add_q", y, integers(rng, "int8", *shape), **more, **clamp)
        case.agree(total, case.add("softmax_q", total, scale=0.1), y, seed=seed)


def test_moves():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        case, shape = Case(), shape_of(rng, int(rng.integers(1, 5)), 0 if seed % 7 == 0 else 1)
        rank = len(shape)
        kind = "float32" if seed % 3 else "bfp16"
        x = floats(rng, *shape, special=kind != "bfp16")
        number = case.give(x)
        if kind == "bfp16":
            axis = int(rng.integers(0, rank)) if rng.integers(0, 2) and 0 not in shape else None
            number = case.add("quantize_bfp16", number, axis=axis)
        outs = [case.add("transpose", number, axes=tuple(rng.permutation(rank).tolist()))]
        outs.append(case.add("broadcast_to", number, shape=(2, *shape)))
        full = tuple(s if kind != "float32" else s + 2 for s in shape)
        start, step = (0,) * rank, (1,) * rank
        if kind == "float32":
            step = tuple(rng.choice([-2, -1, 1, 2, 3], rank).tolist())
            full = tuple(max((s - 1) * abs(by) + 3, 3) for s, by in zip(shape, step, strict=True))
            start = tuple((s - 1) * -by + 1 if by < 0 and s else 1 for s, by in zip(shape, step, strict=True))
            before, after = (tuple(rng.integers(0, 3, rank).tolist()) for _ in range(2))
            outs.append(case.add("pad", number, before=before, after=after, value=1.5))
            outs.append(
                case.add(
                    "concatenate", number, outs[-1] if not any(before + after) else number, number, axis=0
                )
            )
        placed = case.add("place", number, start=start, step=step, shape=full)
        outs += [placed, case.add("slice", placed, start=start, step=step, size=shape)]
        if kind == "float32":
            outs.append(case.add("reshape", outs[-1], shape=(int(np.prod(shape)),)))
            outs.append(case.add("broadcast_to", case.give(floats(rng, 1, shape[-1])), shape=(3, shape[-1])))
        case.agree(*outs, seed=seed)


def test_constants_and_random_numbers():
    for seed in range(8):
        rng = np.random.default_rng(seed)
        case, shape = Case(), shape_of(rng, 3)
        counter = case.give(np.asarray(seed, np.int64))
        outs = [case.add("fill", shape=shape, format="float32", value=-0.5), case.add("iota", size=11)]
        outs.append(case.add("random_uniform", counter, seed=1, shape=shape))
        outs.append(case.add("random_normal", counter, seed=2, shape=shape))
        outs.append(case.add("random_integers", counter, seed=3, shape=shape, low=-5, high=1000))
        case.agree(*outs, seed=seed)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(SEED)
def test_windows(seed):
    rng = np.random.default_rng(seed)
    window, stride = tuple(rng.integers(1, 4, 2).tolist()), tuple(rng.integers(1, 4, 2).tolist())
    padding = tuple(int(rng.integers(0, window[i // 2])) for i in range(4))
    shape = (int(rng.integers(1, 3)), *(int(w + rng.integers(0, 6)) for w in window), int(rng.integers(1, 5)))
    where = {"window": window, "stride": stride, "padding": padding}
    case = Case()
    x, q = case.give(draw_array(rng, shape, "float32")), case.give(draw_array(rng, shape, "uint8"))
    outs = [case.add(op, i, **where) for op in ("max_pool", "max_pool_index") for i in (x, q)]
    outs += [case.add("sum_pool", x, **where), case.add("sum_pool", q, zero=7, **where)]
    outs.append(case.add("avg_pool_q", q, count_border=False, zero=5, zero_out=5, multiplier=None, **where))
    outs.append(case.add("avg_pool_q", q, count_border=True, zero=5, zero_out=2, multiplier=1 << 30, **where))
    case.agree(*outs, seed=seed)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(SEED)
def test_reductions(seed):
    rng = np.random.default_rng(seed)
    shape = shape_of(rng, int(rng.integers(1, 5)))
    axes = tuple(i for i in range(len(shape)) if rng.integers(0, 3))
    case = Case()
    x, whole = case.give(draw_array(rng, shape, "float32")), case.give(draw_array(rng, shape, "int8"))
    wide, flag = case.give(integers(rng, "int64", *shape)), case.give(draw_array(rng, shape, "bool"))
    huge = case.give(rng.integers(-(1 << 60), 1 << 60, shape, dtype=np.int64))
    outs = [case.add("sum", i, axes=axes) for i in (x, whole, wide, flag, huge)]
    outs += [case.add(op, i, axes=axes) for op in ("max", "min") for i in (x, whole, huge)]
    outs += [case.add(op, flag, axes=axes) for op in ("any", "all")]
    axis = int(rng.integers(0, len(shape)))
    outs += [case.add(op, x, axis=axis) for op in ("argmax", "argmin", "cumsum")]
    outs += [case.add("prod", x, axes=axes), case.add("softmax", x), case.add("log_softmax", x)]
    check(case, *outs, seed=seed)


@pytest.mark.parametrize("count", [100, 1000, 4097])
def test_long_sums(count):
    """Trees whose spans end anywhere between subtrees, with infinities and NaN counted once."""
    rng = np.random.default_rng(count)
    for special in (False, True):
        case = Case()
        x = floats(rng, count, 3, special=False)
        if special:
            x[rng.integers(0, count, 2), 0] = np.inf
            x[rng.integers(0, count, 2), 1] = np.float32([np.inf, -np.inf])
            x[5] = 3e38
            x[6] = 3e38
        case.agree(case.add("sum", x, axes=(0,)), case.add("sum", x, axes=(0, 1)), seed=count)


def test_sums_that_leave_their_type_are_refused():
    case = Case()
    x = np.full((4, 5), 1 << 62, np.int64)
    number = case.add("sum", x, axes=(0, 1))
    with pytest.raises(RangeError):
        case.agree(number)
    lowered = lower(case.build.graph((number,)))
    with pytest.raises(RangeError):
        execute(lowered, [cut_of(np.random.default_rng(1), s) for s in lowered.stages], case.values)
    case = Case()
    x = np.asarray([1 << 62, 1 << 62, -(1 << 62), -5], np.int64)
    for seed in range(6):  # a part of the sum leaves int64, the sum does not
        case.agree(case.add("sum", x, axes=(0,)), seed=seed)


def test_gathers():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        case, shape = Case(), shape_of(rng, 3)
        axis = int(rng.integers(0, 3))
        index = rng.integers(0, shape[axis], shape_of(rng, int(rng.integers(0, 3))), dtype=np.int64)
        x, i = case.give(draw_array(rng, shape, "float32")), case.give(index)
        taken = case.add("take", x, i, axis=axis)
        outs = [taken, case.add("scatter_add", taken, i, axis=axis, size=shape[axis] + 2)]
        whole = integers(rng, "int32", *case.build[taken].type.shape)
        outs.append(case.add("scatter_add", whole, i, axis=axis, size=shape[axis]))
        case.agree(*outs, seed=seed)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SEED)
def test_matrix_products(seed):
    rng = np.random.default_rng(seed)
    lead, (m, k, n) = shape_of(rng, int(rng.integers(0, 3))), rng.integers(1, 12, 3).tolist()
    case = Case()
    a, b = case.give(floats(rng, *lead, m, k)), case.give(floats(rng, *lead, k, n))
    outs = [case.add("matmul", a, b)]
    by = integers(rng, "int8", *lead, m, k), integers(rng, "uint8", *lead, k, n)
    outs.append(case.add("matmul", *by, a_zero=3, b_zero=100))
    rank = len(lead) + 2
    left, right = (floats(rng, *s, special=False) for s in ((*lead, m, k), (*lead, k, n)))
    qa = case.add("quantize_bfp16", left, axis=rank - 2 if seed % 2 else None)
    qb = case.add("quantize_bfp16", right, axis=rank - 1 if seed % 3 else None)
    narrow = case.add("matmul", qa, qb, format="bfp16")
    outs += [narrow, case.add("matmul", qa, qb, format="float32")]
    if m == n or seed % 5 == 0:
        turned = case.add("transpose", narrow, axes=(*range(rank - 2), rank - 1, rank - 2))
        outs.append(case.add("matmul", turned, narrow, format="float32"))
    case.agree(*outs, seed=seed)


@pytest.mark.parametrize("special", [False, True])
def test_long_matrix_products(special):
    """float32 products of more than one piece: pieces by different tiles, lines that are not finite counted once."""
    rng = np.random.default_rng(3)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((5, 20000), (20000, 4)))
    if special:
        a[1, 7], a[1, 9000], a[3, 19000], b[8200, 2] = np.inf, np.nan, np.nan, -np.inf
        a[0, :3], b[:3, 0] = 3e38, 3e38
        a[4, 8192], b[8192, 3], a[4, 0], b[0, 3] = 3e38, 3e38, 3e38, -3e38
    for seed in range(4):
        case = Case()
        _, result = case.agree(case.add("matmul", a, b), seed=seed)
        assert bool(result.counts) == special


def convolution(rng):
    """Sizes of a random convolution."""
    groups = int(rng.choice([1, 1, 2, 3]))
    depth, each = (1, 1) if rng.integers(0, 3) == 0 else rng.integers(1, 4, 2).tolist()
    kernel = rng.integers(1, 4, 2).tolist()
    g = {
        "stride": tuple(rng.integers(1, 4, 2).tolist()),
        "dilation": tuple(rng.integers(1, 3, 2).tolist()),
        "padding": tuple(rng.integers(0, 4, 4).tolist()),
        "groups": groups,
    }
    sizes = [int((kernel[i] - 1) * g["dilation"][i] + 1 + rng.integers(0, 7)) for i in (0, 1)]
    x = (int(rng.integers(1, 3)), *sizes, groups * depth)
    return x, (*kernel, depth, groups * each), g


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SEED)
def test_convolutions(seed):
    rng = np.random.default_rng(seed)
    x, w, g = convolution(rng)
    case = Case()
    fx, fw = floats(rng, *x), floats(rng, *w)
    y = case.add("conv2d", fx, fw, **g)
    c = case.build[y].type.shape
    fc = case.give(floats(rng, *c))
    outs = [y, case.add("conv2d_input", fc, fw, size=x[1:3], **g)]
    outs.append(case.add("conv2d_weight", fx, fc, kernel=w[:2], **g))
    form = str(rng.choice(["int8", "uint8"]))
    outs.append(case.add("conv2d", integers(rng, form, *x), integers(rng, "int8", *w), x_zero=4, **g))
    qx, qw, qc = (case.add("quantize_bfp16", floats(rng, *s, special=False), axis=None) for s in (x, w, c))
    by_channel = case.add("quantize_bfp16", floats(rng, *w, special=False), axis=3)
    for result in ("float32", "bfp16"):
        outs.append(case.add("conv2d", qx, by_channel, format=result, **g))
        outs.append(case.add("conv2d_input", qc, qw, size=x[1:3], format=result, **g))
        outs.append(case.add("conv2d_weight", qx, qc, kernel=w[:2], format=result, **g))
    case.agree(*outs, seed=seed)


@pytest.mark.parametrize("special", [False, True])
def test_long_convolutions(special):
    """All three with sums of several pieces, one with groups."""
    rng = np.random.default_rng(5)
    g = {"stride": (1, 1), "dilation": (1, 1), "padding": (1, 1, 1, 1), "groups": 1}
    x, w = floats(rng, 1, 2, 2, 1030, special=False), floats(rng, 3, 3, 1030, 2, special=False)
    c, v = floats(rng, 1, 2, 2, 1030, special=False), floats(rng, 3, 3, 2, 1030, special=False)
    big, cot = floats(rng, 2, 70, 71, 4, special=False), floats(rng, 2, 70, 71, 2, special=False)
    if special:
        for one in (x, w, c, v, big, cot):
            one[0, 0, 0, 1] = np.inf
            one[-1, -1, -1, -1] = np.nan
            one[0, 1, 1, 0] = 3e38
    for seed in range(3):
        case = Case()
        outs = [case.add("conv2d", x, w, **g), case.add("conv2d_input", c, v, size=(2, 2), **g)]
        outs.append(case.add("conv2d_weight", big, cot, kernel=(3, 3), **g))
        outs.append(case.add("conv2d_weight", big, cot, kernel=(3, 3), **{**g, "groups": 2}))
        _, result = case.agree(*outs, seed=seed)
        assert bool(result.counts) == special


def test_extreme_bfp16():
    """Mantissas that are clamped, tensors of zeros, and large sums: the same shifts as of whole tensors."""
    rng = np.random.default_rng(1)
    for scale in (0.0, 1e-38, 1.0, 3e38):
        case = Case()
        a, b = (rng.uniform(-1, 1, (6, 7)).astype(np.float32) * np.float32(scale) for _ in range(2))
        a[0, 0], b[0, 0] = -scale, scale
        qa, qb = case.add("quantize_bfp16", a, axis=None), case.add("quantize_bfp16", b, axis=None)
        qb = case.add("transpose", qb, axes=(1, 0))
        outs = [case.add("matmul", qa, qb, format=form) for form in ("float32", "bfp16")]
        rounded = case.add("quantize_bfp16", b, np.asarray(4, np.int64), axis=None, seed=9)
        outs.append(case.add("matmul", qa, case.add("transpose", rounded, axes=(1, 0)), format="float32"))
        case.agree(*outs, seed=2)


def test_given_bfp16():
    """Inputs that are bfp16 already."""
    rng = np.random.default_rng(2)
    b = Builder(RULES)
    x, y = (b.input(n, TensorType((5, 6), "bfp16")) for n in "xy")
    graph = b.graph(
        (b.add("matmul", x, b.add("transpose", y, axes=(1, 0)), format="bfp16"), b.add("dequantize", y))
    )
    values = {
        i: Quantized(bfp16_grid(e), rng.integers(-h, h, (5, 6), dtype=np.int16))
        for i, e, h in ((x, -3, 4000), (y, 5, 32767))
    }
    for seed in range(4):
        agree(verify(graph, RULES), values, seed)


def test_non_finite_numbers_are_refused_by_bfp16():
    case = Case()
    x = np.ones((4, 4), np.float32)
    x[2, 1] = np.nan
    number = case.add("quantize_bfp16", x, axis=None)
    lowered = lower(case.build.graph((number,)))
    with pytest.raises(OperandError, match="non-finite") as refused:
        execute(lowered, [cut_of(np.random.default_rng(1), s) for s in lowered.stages], case.values)
    assert "exponent_1, from case.py:1" in refused.value.__notes__[-1]


def test_copies_of_views():
    """Rows that are no whole double words, in the shape that a product reads."""
    rng = np.random.default_rng(3)
    for seed, (old, new) in enumerate(
        [((4, 3, 5), (4, 15)), ((4, 15), (12, 5)), ((60,), (6, 10)), ((60,), (4, 15))]
    ):
        case = Case()
        x = case.add("reshape", floats(rng, *old), shape=new)
        case.agree(case.add("matmul", x, floats(rng, new[1], 3)), seed=seed)


def test_every_rule_was_exercised():
    """The last test of this file: a rule that none of the others used would show here."""
    if len(EXERCISED) < 20:
        pytest.skip("the other tests of this file did not run")
    assert set(TILINGS) == EXERCISED
