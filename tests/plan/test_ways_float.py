"""Ways of stages that are no int8 product: whatever tile they offer fits and covers, and every stage finds one."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan.map_tiles import TYPES, tile

from spinntensor.emulator.core import Core
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Graph, TensorType
from spinntensor.kernels.kernel import equal_bits
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile
from spinntensor.lower import lower
from spinntensor.lower.kinds import CONV_INPUT, CONV_WEIGHT, EXPONENT, GATHER, MAP, MOVE, REDUCE, SCATTER
from spinntensor.machine.facts import facts
from spinntensor.machine.tile import run_tile
from spinntensor.ops import OPERATIONS, RULES
from spinntensor.plan.cost import tile_cost
from spinntensor.plan.execute import checked
from spinntensor.plan.partition import THROUGHPUT, Context, choose
from spinntensor.plan.recipes import indexed
from spinntensor.plan.recipes.chain import SCALAR, Chain, Link, Value
from spinntensor.plan.recipes.elementwise import UNORDERED, WAYS
from spinntensor.plan.recipes.float_windows import apart, shared
from spinntensor.plan.recipes.indexed import Indexed
from spinntensor.plan.recipes.lines import flat
from spinntensor.plan.ways.setting import Setting
from spinntensor.plan.ways.table import ways
from spinntensor.plan.ways.tiles import worker_tiles
from spinntensor.plan.ways.way import spans_of

WORKERS = 16
CONTEXT = Context(facts(), WORKERS, THROUGHPUT)
WINDOW = {"stride": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1), "groups": 1}


def floats(b: Builder, name: str, *shape: int) -> int:
    return b.input(name, TensorType(shape, "float32"))


def normalised(n: int, side: int, c: int) -> Graph:
    """Batch normalisation and ReLU with its mask: maps and column sums."""
    b = Builder(RULES)
    x = floats(b, "x", n, side, side, c)
    total = b.add("sum", x, axes=(0, 1, 2))
    wide = b.add("broadcast_to", b.add("reshape", total, shape=(1, 1, 1, c)), shape=(n, side, side, c))
    y = b.add("subtract", x, wide)
    square = b.add("sum", b.add("multiply", y, y), axes=(0, 1, 2))
    zero = b.add("fill", shape=(n, side, side, c), format="float32", value=0.0)
    mask = b.add("logical_or", b.add("greater", y, zero), b.add("not_equal", y, y))
    return b.graph((b.add("maximum", y, zero), b.add("where", mask, x, zero), square))


def rounded_product(n: int, side: int, c: int) -> Graph:
    """A bfp16 convolution and both its adjoints."""
    b = Builder(RULES)
    x, w = floats(b, "x", n, side, side, c), floats(b, "w", 3, 3, c, 2 * c)
    q = [b.add("quantize_bfp16", x), b.add("quantize_bfp16", w, axis=3)]
    y = b.add("conv2d", *q, format="float32", **WINDOW)
    g, v = b.add("quantize_bfp16", y), b.add("quantize_bfp16", w)
    back = b.add("conv2d_input", g, v, format="float32", size=(side, side), **WINDOW)
    change = b.add("conv2d_weight", q[0], g, format="float32", kernel=(3, 3), **WINDOW)
    return b.graph((back, change))


def float_product(n: int, side: int, c: int) -> Graph:
    """A float32 convolution, both its adjoints, and a product of matrices."""
    b = Builder(RULES)
    x, w = floats(b, "x", n, side, side, c), floats(b, "w", 3, 3, c, 4)
    y = b.add("conv2d", x, w, **WINDOW)
    back = b.add("conv2d_input", y, w, size=(side, side), **WINDOW)
    change = b.add("conv2d_weight", x, y, kernel=(3, 3), **WINDOW)
    flat = b.add("reshape", x, shape=(n, side * side * c))
    return b.graph((back, change, b.add("matmul", flat, floats(b, "m", side * side * c, 12))))


def moved(n: int, side: int, c: int) -> Graph:
    """Moves, rows, windows and indices."""
    b = Builder(RULES)
    x, labels = floats(b, "x", n, side), b.input("labels", TensorType((n,), "int64"))
    flat = b.add("reshape", x, shape=(n * side,))
    image = floats(b, "image", n, 4, 4, c)
    frame = b.add("place", image, start=(0, 3, 3, 0), step=(1, 1, 1, 1), shape=(n, 7, 7, c))
    window = {"window": (4, 4), "stride": (1, 1), "padding": (0, 0, 0, 0)}
    return b.graph(
        (
            b.add("transpose", x, axes=(1, 0)),
            b.add("softmax", x),
            b.add("take", flat, labels, axis=0),
            b.add("scatter_add", b.add("take", flat, labels, axis=0), labels, axis=0, size=n * side),
            b.add("sum_pool", frame, **window),
            b.add("max", x, axes=(1,)),
        )
    )


MAKERS: list[Callable[[int, int, int], Graph]] = [normalised, rounded_product, float_product, moved]


@given(st.sampled_from(MAKERS), st.integers(1, 20), st.integers(4, 12), st.sampled_from([4, 8, 16]))
@settings(max_examples=25)
def test_every_stage_has_a_way_and_every_tile_of_it_fits(made, n, side, c):
    lowered = lower(made(n, side, c))
    setting = Setting(lowered, facts(), WORKERS)
    for stage in lowered.stages:
        found = ways(setting, stage)
        assert found, stage.name
        for way in found:
            for sizes in way.combinations():
                axes = [*stage.axes, *([stage.sums] if stage.sums and len(sizes) > len(stage.axes) else [])]
                assert len(sizes) == len(axes)
                parts = [spans_of(axis.size, size, axis.unit) for axis, size in zip(axes, sizes, strict=True)]
                covered = prod(spans[-1][1] for spans in parts)
                assert covered == prod(axis.size for axis in axes)
                for recipe in way.recipes(sizes, frozenset()):
                    assert recipe.dtcm_bytes <= setting.room
                    assert tile_cost(recipe, facts(), WORKERS).compute > 0
                    for transfer in (*recipe.loads, *recipe.stores):
                        assert 0 < transfer.parts <= transfer.pieces
                        assert transfer.nbytes % 8 == 0
                if len(sizes) > len(stage.axes) and len(parts[-1]) > 1:
                    assert way.join is not None
                    join = way.join(sizes[:-1], len(parts[-1]))
                    assert join is None or join.dtcm_bytes <= setting.room


@pytest.mark.parametrize("made", MAKERS)
def test_a_choice_is_a_valid_cut_whose_results_leave_once(made):
    lowered = lower(made(16, 8, 16))
    setting = Setting(lowered, facts(), WORKERS)
    kinds = set()
    for stage in lowered.stages:
        chosen = choose(stage, ways(setting, stage), CONTEXT, (0.0,) * WORKERS)
        assert chosen, stage.name
        kinds.add(stage.kind)
        for choice in chosen[:2]:
            checked(stage, choice.cut)
            runs = [run for row in choice.tiles for run in row]
            assert sum(run.count for run in runs) == choice.cut.tiles
            whole = prod(axis.size for axis in stage.axes) * len(choice.cut.sums or (0,))
            stored = sum(
                t.nbytes * run.count for run in runs for t in run.recipe.stores if t.operand.startswith("y")
            )
            assert stored >= whole
            assert sum(run.recipe.macs * run.count for run in runs) == stage.macs
    expected = {
        normalised: {MAP, REDUCE},
        rounded_product: {EXPONENT, MAP, CONV_INPUT, CONV_WEIGHT},
        float_product: {CONV_INPUT, CONV_WEIGHT},
        moved: {MOVE, GATHER, SCATTER, REDUCE},
    }
    assert expected[made] <= kinds


@given(st.lists(st.integers(1, 70), min_size=1, max_size=4), st.integers(1, 16), st.sampled_from([1, 2, 8]))
def test_parts_of_workers_are_cut_at_whole_double_words(shape, workers, unit):
    for sizes in worker_tiles(tuple(shape), workers, unit):
        assert all(1 <= a <= b for a, b in zip(sizes, shape, strict=True))
        assert sizes[-1] == shape[-1] or (shape[-1] % sizes[-1] == 0 and sizes[-1] % unit == 0)
        assert prod(-(-b // a) for a, b in zip(sizes, shape, strict=True)) <= workers


def test_windows_that_share_their_sums_take_fewer_of_them():
    """Of 8 x 8 positions at 8 x 8 places: 782 sums of pixels by levels, 4,032 window by window."""
    levels = sum(dict(c.shape)["m"] * dict(c.shape)["n"] * c.count for c in shared((15, 15), (8, 8), 1))
    alone = sum(dict(c.shape)["m"] * dict(c.shape)["n"] * c.count for c in apart((8, 8), (8, 8), 1))
    assert (levels, alone) == (782, 4032)


SIMPLE = sorted(
    key
    for key in WAYS
    if key[0] in OPERATIONS and key[0] not in ("quantize", "dequantize", "quantize_bfp16_to", "log", "sqrt")
)


@pytest.mark.parametrize("key", SIMPLE, ids=" ".join)
def test_a_way_of_an_operation_has_its_bits(key, rng):
    """On the core, with ties, both signs and the ends of each format; int64 holds what fits 32 bits."""
    op, form, result = key
    count = {"where": 3, "negative": 1, "absolute": 1, "convert": 1, "logical_not": 1, "exp": 1}.get(
        op, 1 if op in ("tanh", "sigmoid") else 2
    )
    forms = [("bool" if op == "where" and i == 0 else form) for i in range(count)]
    arrays = [drawn(rng, f, op) for f in forms]
    chain = Chain(tuple(Value(f) for f in forms), (Link(op, tuple(range(count)), result),), (count,))
    done = run_tile(Core(), tile(chain, 64, arrays))
    host = {"int64": np.int64, "bool": np.bool_}
    given_ = [a.astype(host.get(f, a.dtype)) for a, f in zip(arrays, forms, strict=True)]
    with np.errstate(all="ignore"):
        want = OPERATIONS[op].run(*given_, **({"format": result} if op == "convert" else {}))
    want = np.asarray(getattr(want, "value", want)).astype(TYPES[result])
    assert equal_bits(done.stored[f"y{count}"], want)


def drawn(rng: np.random.Generator, form: str, op: str) -> np.ndarray:
    """64 numbers, some of them equal to those of the next draw."""
    if form == "float32":
        ends = np.array([0.0, -0.0, 1.0, -1.0, 1.5, 3e38, -3e38, np.inf], np.float32)
        plain = op not in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "where")
        return rng.choice(ends[:5] if plain else ends, 64)
    if form == "bool":
        return rng.integers(0, 2, 64, np.uint8)
    info = np.iinfo(TYPES[form])
    if op in ("add", "subtract"):
        return rng.integers(-(1 << 29), 1 << 29, 64).astype(TYPES[form])
    return rng.choice(np.array([info.min, info.min + 1, 0, 1, info.max - 1, info.max], TYPES[form]), 64)


def test_larger_or_a_nan_is_one_comparison(rng):
    x = np.where(rng.integers(0, 4, 64), rng.standard_normal(64), np.nan).astype(np.float32)
    operands = (Value(), Value(extent=SCALAR, constant=0.0))
    links = (
        Link("greater", (0, 1), "bool"),
        Link("not_equal", (0, 0), "bool"),
        Link("logical_or", (2, 3), "bool"),
    )
    done = run_tile(Core(), tile(Chain(operands, links, (4,)), 64, [x, np.zeros(1, np.float32)]))
    assert equal_bits(done.stored["y4"], ((x > 0) | np.isnan(x)).astype(np.uint8))
    assert {key[0] for key in WAYS} >= {UNORDERED}


def test_shared_sums_of_windows_have_the_bits_of_the_operation(rng):
    """Levels in place, rows of all columns first: each sum is a subtree of every window over it."""
    side, window, c = 7, 4, 4
    x = rng.standard_normal((side, side, c)).astype(np.float32)
    steps: list = [Fetch("x", At("x"), x)]
    rows = columns = side
    for down in (False, True):
        for step in (1, 2):
            rows, columns = (rows - step, columns) if down else (rows, columns - step)
            ahead = At("x", 4 * c * step * (side if down else 1))
            words = {"rows": rows, "columns": columns * c, "b_step": 4}
            strides = dict.fromkeys(("a_row", "b_row", "y_row"), 4 * side * c)
            steps.append(Step("f32_add_rows", {"a": At("x"), "b": ahead, "y": At("x"), **words, **strides}))
    steps.append(Store("y", At("x"), x.shape, np.dtype(np.float32)))
    done = run_tile(Core(), Tile("windows", {"x": x.nbytes}, tuple(steps)))
    given_ = {"window": (window, window), "stride": (1, 1), "padding": (0, 0, 0, 0)}
    want = np.asarray(OPERATIONS["sum_pool"].run(x[None], **given_))[0]
    assert equal_bits(np.ascontiguousarray(done.stored["y"][:rows, :columns]), want)
    predicted = sum(call.cycles for call in shared((side, side), (window, window), c))
    assert done.counters.cycles == pytest.approx(predicted, rel=0.03)


def test_indices_are_found_by_comparison(rng):
    """The calls of `indexed.take` and `indexed.scatter`: the bits of both operations, the cycles of the recipes."""
    n, count = 20, 6
    x, index = rng.standard_normal(n).astype(np.float32), rng.integers(0, n, count).astype(np.int32)
    values = rng.standard_normal(count).astype(np.float32)
    places = {"numbers": 4 * n, "index": 4 * count, "x": 4 * n, "values": 4 * count, "scratch": 8 * n}
    places |= {"meant": -(-n // 8) * 8, "y": 4 * n, "taken": 4 * count, "found": 4 * count, "zero": 8}
    arrays = {"numbers": np.arange(n, dtype=np.int32), "index": index, "x": x, "values": values}
    arrays |= {"zero": np.zeros(2, np.float32), "y": np.zeros(n, np.float32)}
    steps: list = [Fetch(name, At(name), data) for name, data in arrays.items()]
    for i in range(count):
        words = {"a": At("numbers"), "b": At("index", 4 * i), "y": At("scratch")}
        meant = [
            Step("eltwise_sub_s32", {**words, "pairs": n // 2, "step": 0}),
            Step("f32_from_s32", {"x": At("scratch"), "y": At("scratch"), "count": n}),
            Step("f32_equal", {"a": At("scratch"), "b": At("zero"), "y": At("meant"), "count": n, "step": 0}),
        ]
        chosen = {"condition": At("meant"), "b": At("zero"), "y": At("scratch"), "count": n, "b_step": 0}
        steps += [*meant, Step("select_s32", {**chosen, "a": At("x"), "a_step": 4})]
        steps.append(Step("reduce_sum_s32", reduced(At("scratch"), At("taken", 4 * i), n, 4)))
        steps.append(Step("reduce_sum_s8", reduced(At("meant"), At("found", 4 * i), n, 1)))
        steps.append(Step("select_s32", {**chosen, "a": At("values", 4 * i), "a_step": 0}))
        steps.append(Step("f32_add", {"a": At("y"), "b": At("scratch"), "y": At("y"), "count": n, "step": 4}))
    for name, kind in (("taken", np.float32), ("found", np.int32)):
        steps.append(Store(name, At(name), (count,), np.dtype(kind)))
    steps.append(Store("y", At("y"), (n,), np.dtype(np.float32)))
    done = run_tile(Core(), Tile("indices", places, tuple(steps)))
    assert equal_bits(done.stored["taken"], x[index])
    assert (done.stored["found"] == 1).all()
    want = OPERATIONS["scatter_add"].run(values, index.astype(np.int64), axis=0, size=n)
    assert equal_bits(done.stored["y"], np.asarray(want))
    vector, some = flat(4, n), flat(4, count)
    took = indexed.take(Indexed(n, count, vector, some, some))
    added = indexed.scatter(Indexed(n, count, some, some, vector), "float32")
    assert took is not None and added is not None
    both = {(c.kernel, c.shape): c for c in (*took.calls, *added.calls) if c.kernel != "fill_s32"}
    again = next(c.cycles for c in took.calls if c.kernel == "select_s32")
    assert done.counters.cycles == pytest.approx(sum(c.cycles for c in both.values()) + again, rel=0.04)


def reduced(x: At, y: At, n: int, item: int) -> dict[str, int | At]:
    """The record of a reduction of one row."""
    return {"x": x, "y": y, "rows": 1, "words": n * item // 4}
