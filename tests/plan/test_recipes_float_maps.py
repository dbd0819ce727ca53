"""Recipes of element-wise chains: run on the emulated core, against the operations and against their own cycles."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan.map_tiles import TYPES, tile

from spinntensor.abi import memory
from spinntensor.emulator.core import Core
from spinntensor.errors import DTCMError, OperandError
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import TensorType
from spinntensor.image.emit.action import EXPONENT, converted
from spinntensor.kernels.kernel import equal_bits
from spinntensor.kernels.tile import Step
from spinntensor.machine.tile import run_tile
from spinntensor.ops import OPERATIONS, RULES
from spinntensor.ops.convert import least_exponent
from spinntensor.ops.operation import Counted
from spinntensor.plan.recipes import maps
from spinntensor.plan.recipes.chain import COPY, FULL, SCALAR, Chain, Extent, Link, Value
from spinntensor.plan.recipes.chain_graph import chain_of, extent_of
from spinntensor.plan.recipes.elementwise import INVERSE, POWER, UNORDERED, WAYS, kernel_for
from spinntensor.plan.recipes.missing import FAMILIES, MISSING, covered, reason
from spinntensor.plan.recipes.parts import OPERANDS_AT, ROOM

BINARY = ("add", "subtract", "multiply", "divide", "maximum", "minimum")
UNARY = ("sqrt", "negative", "absolute", "exp", "tanh", "sigmoid", "log")


def run(op: str, *operands: np.ndarray) -> np.ndarray:
    found = OPERATIONS[op].run(*operands)
    return np.asarray(found.value if isinstance(found, Counted) else found)


def expand(x: np.ndarray, extent: Extent, block: int) -> np.ndarray:
    if extent.period:
        return np.resize(x, block)
    return np.repeat(x, extent.run)[:block]


def expected(chain: Chain, block: int, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """All results as full blocks, by the operations of the graph."""
    values = [expand(x, v.extent, block) for x, v in zip(arrays, chain.operands, strict=True)]
    with np.errstate(all="ignore"):
        for link in chain.links:
            values.append(run(link.op, *(values[i] for i in link.inputs)))
    return [values[i] for i in chain.results]


@st.composite
def chains(draw) -> Chain:
    """Up to seven operations on operands of all extents."""
    extents = [FULL, FULL, SCALAR, Extent(16), Extent(0, 8), Extent(3), Extent(0, 3)]
    operands = tuple(Value("float32", draw(st.sampled_from(extents))) for _ in range(draw(st.integers(1, 4))))
    operands = (Value(), *operands)
    links: list[Link] = []
    for _ in range(draw(st.integers(1, 7))):
        number = st.integers(0, len(operands) + len(links) - 1)
        op = draw(st.sampled_from((*BINARY, *UNARY)))
        links.append(Link(op, tuple(draw(number) for _ in range(2 if op in BINARY else 1))))
    last = len(operands) + len(links) - 1
    results = {last, draw(st.integers(len(operands), last))}
    return Chain(operands, tuple(links), tuple(sorted(results)))


@settings(max_examples=40)
@given(chains(), st.integers(0, 1 << 30))
def test_a_chain_on_the_core_has_the_bits_of_its_operations_and_the_cycles_of_its_recipe(chain, seed):
    rng, block = np.random.default_rng(seed), 48
    arrays = [rng.standard_normal(v.extent.count(block)).astype(np.float32) for v in chain.operands]
    done = run_tile(Core(), tile(chain, block, arrays))
    p = maps.planned(chain)
    for (i, at), want in zip(p.stores, expected(chain, block, arrays), strict=True):
        assert equal_bits(expand(done.stored[f"y{i}"], p.places[at].extent, block), want), i
    predicted = sum(c.cycles for c in maps.recipe(chain, block).calls)
    slow = {
        "f32_exp",
        "f32_log",
        "f32_tanh",
        "f32_sigmoid",
        "f32_sqrt",
        "f32_div",
    }  # cycles depend on the data
    if not slow & {step.kernel for step in p.instructions}:
        assert done.counters.cycles == pytest.approx(predicted, rel=0.02)


BATCH_NORM = Chain(
    (Value(), *(Value(extent=Extent(16)) for _ in range(3)), Value(extent=SCALAR, constant=0.0)),
    (Link("subtract", (0, 1)), Link("multiply", (5, 2)), Link("add", (6, 3)), Link("maximum", (7, 4))),
    (8,),
)
MOMENTUM = Chain(
    (Value(), Value(), Value(), Value(extent=SCALAR), Value(extent=SCALAR, constant=0.9)),
    (Link("multiply", (1, 4)), Link("add", (5, 2)), Link("multiply", (6, 3)), Link("subtract", (0, 7))),
    (6, 8),
)


@pytest.mark.parametrize("chain", [BATCH_NORM, MOMENTUM], ids=["batch norm and ReLU", "momentum SGD"])
def test_chains_of_a_training_step_cost_what_their_recipes_say(chain, rng):
    block = 512
    arrays = [
        np.full(1, v.constant, np.float32)
        if v.constant is not None
        else rng.standard_normal(v.extent.count(block)).astype(np.float32)
        for v in chain.operands
    ]
    done = run_tile(Core(), tile(chain, block, arrays))
    for i, want in zip(chain.results, expected(chain, block, arrays), strict=True):
        assert equal_bits(done.stored[f"y{i}"], want)
    predicted = sum(c.cycles for c in maps.recipe(chain, block).calls)
    assert done.counters.cycles == pytest.approx(predicted, rel=0.02)


def test_mantissas_by_a_given_exponent(rng):
    links = (Link("round_bfp16", (0, 1), "bfp16"), Link("dequantize", (2, 1)))
    chain = Chain((Value(), Value(extent=SCALAR)), links, (2, 3))
    x = rng.standard_normal(128).astype(np.float32)
    done = run_tile(Core(), tile(chain, 128, [x, np.ones(1, np.float32)], bias=-14))
    q = np.clip(np.rint(np.ldexp(x.astype(np.float64), 14)), -32768, 32767)
    assert (done.stored["y2"] == q).all()
    assert (done.stored["y3"] == np.ldexp(q, -14)).all()
    assert done.counters.cycles == pytest.approx(
        sum(c.cycles for c in maps.recipe(chain, 128).calls), rel=0.02
    )
    assert [s.operand for s in maps.recipe(chain, 128).stores] == ["y2", "y3", "counts"]


@given(chains(), st.integers(1, 100_000), st.integers(4_000, ROOM))
def test_regions_never_exceed_the_room_and_all_elements_are_computed(chain, count, room):
    try:
        recipe = maps.recipe(chain, count, room=room)
    except DTCMError as e:
        assert e.available == room < e.needed == maps.needed(chain, maps.planned(chain).unit)
        return
    assert recipe.dtcm_bytes <= room
    block = dict(recipe.detail)["block"]
    assert recipe.dtcm_bytes == maps.needed(chain, block)
    for transfer in (*recipe.loads, *recipe.stores):
        assert transfer.nbytes % (8 * transfer.pieces) == 0
    full = [i for i, at in maps.planned(chain).loads if chain.operands[i].extent == FULL]
    for load in recipe.loads:
        if load.operand in {f"x{i}" for i in full}:
            assert load.nbytes >= 4 * count
    sizes = {c.kernel: 0 for c in recipe.calls}
    for c in recipe.calls:
        sizes[c.kernel] += c.count * dict(c.shape)["n"]
    for step in maps.planned(chain).instructions:
        if step.extent == FULL and not maps.once(maps.planned(chain), step):
            assert sizes[step.kernel] >= count


@given(chains())
def test_copies_stay_inside_their_places(chain):
    """They are made of pairs of words, so that one of an odd size reads and writes a word more."""
    block = 48
    arrays = [np.zeros(v.extent.count(block), np.float32) for v in chain.operands]
    made = tile(chain, block, arrays)
    for step in (a for a in made.actions if isinstance(a, Step) and a.kernel == COPY):
        for place in (step.words["a"], step.words["y"]):
            assert place.offset + 8 * step.words["pairs"] <= made.regions[place.region]


@given(chains())
def test_what_serves_all_blocks_is_written_once(chain):
    """So that the second block finds it, and none of its instructions is left out by mistake."""
    p = maps.planned(chain)
    loaded = Counter(at for _, at in p.loads)
    written = Counter(step.target for step in p.instructions)
    for at, place in enumerate(p.places):
        if place.held:
            assert loaded[at] + written[at] == 1
    for step in p.instructions:
        assert maps.once(p, step) == all(p.places[s].held for s in step.sources)


def test_the_room_is_what_the_tile_engine_leaves():
    assert memory.STACK_LIMIT - OPERANDS_AT == ROOM


def test_places_are_used_again():
    """A long chain of additions needs two places, whatever its length."""
    links = [Link("add", (0, 1)), *(Link("add", (i, 1)) for i in range(2, 12))]
    long = Chain((Value(), Value()), tuple(links), (12,))
    short = Chain((Value(), Value()), tuple(links[:1]), (2,))
    assert maps.needed(long, 512) == maps.needed(short, 512) == 2 * 2 * 4 * 512


def test_channel_blocks_have_vectors_of_their_own():
    assert extent_of((64,), (4, 8, 8, 64), (2, 4, 8, 32)) == (Extent(32), 1)
    assert extent_of((64,), (4, 8, 8, 64), (2, 4, 8, 64)) == (Extent(64), 1)
    assert extent_of((4, 1, 1, 64), (4, 8, 8, 64), (2, 8, 8, 64)) == (Extent(64), 2)
    assert extent_of((4, 1), (4, 10), (4, 10)) == (Extent(0, 10), 1)
    assert extent_of((), (4, 10), (4, 10)) == (SCALAR, 1)
    assert extent_of((4, 10), (4, 10), (2, 10)) == (FULL, 1)
    assert extent_of((4, 10), (4, 10), (1, 1)) == (SCALAR, 1)


def test_a_chain_of_a_graph():
    b = Builder(RULES)
    x = b.input("x", TensorType((4, 8, 8, 16), "float32"))
    mean = b.input("mean", TensorType((16,), "float32"))
    five = b.add("reshape", x, shape=(1, 4, 8, 8, 16))
    wide = b.add("broadcast_to", b.add("reshape", mean, shape=(1, 1, 1, 1, 16)), shape=(1, 4, 8, 8, 16))
    centred = b.add("subtract", five, wide)
    back = b.add("reshape", centred, shape=(4, 8, 8, 16))
    zero = b.add("fill", shape=(4, 8, 8, 16), format="float32", value=0.0)
    y = b.add("maximum", back, zero)
    graph = b.graph((y,))
    nodes = [n.id for n in graph.nodes if n.op != "input"]
    chain, groups = chain_of(graph, nodes, [y], (4, 8, 8, 16), (2, 8, 8, 16))
    assert groups == 1
    assert chain.operands == (Value(), Value(extent=Extent(16)), Value(extent=SCALAR, constant=0.0))
    assert [link.op for link in chain.links] == ["subtract", "maximum"]
    assert [step.kernel for step in maps.planned(chain).instructions][-2:] == ["f32_sub", "f32_relu"]
    assert kernel_for(graph, graph[centred]) == ("f32_sub",)
    assert kernel_for(graph, graph[zero]) is None


def test_powers_of_two_of_magnitudes_are_those_of_their_exponents(rng):
    """Around every power of two, at the ends of the exponents, and of 0."""
    powers = np.ldexp(np.float32(1), np.arange(-149, 128)).astype(np.float32)
    bits = powers.view(np.uint32)[:, None] + np.array([-0x101, -0x100, -0xFF, -1, 0, 1], np.int64)
    tops = np.clip(bits, 0, 0x7F7FFFFF).astype(np.uint32).view(np.float32).reshape(-1)
    tops = np.concatenate([tops, np.zeros(2, np.float32)])
    exponents = np.array([least_exponent(float(t)) for t in tops])
    chain = Chain((Value(),), (Link(POWER, (0,)), Link(INVERSE, (0,))), (1, 2))
    for part in np.array_split(np.arange(len(tops)), 4):
        block = len(part) + len(part) % 2
        x = np.resize(tops[part], block)
        done = run_tile(Core(), tile(chain, block, [x]))
        want = np.resize(exponents[part], block)
        assert (done.stored["y1"] == np.ldexp(1.0, want)).all()
        assert (done.stored["y2"] == np.ldexp(1.0, -want)).all()
        words = [converted(EXPONENT, int(w)) for w in x.view(np.uint32)]
        assert words == want.tolist()


def test_an_operation_without_a_kernel_is_refused_by_name():
    chain = Chain((Value(), Value()), (Link("floor", (0,)),), (2,))
    with pytest.raises(OperandError, match="floor of float32"):
        maps.recipe(chain, 100)


FORMATS = {"where": ("float32", "int32", "int8", "uint8", "int64", "bool")}


def test_every_operation_has_kernels_or_a_reason():
    for op, operation in OPERATIONS.items():
        for form in FORMATS.get(op, operation.formats):
            if op == "convert":  # for some results only
                assert bool(reason(op, form, "int64")) != covered(op, form, "int64")
                continue
            assert covered(op, form) != ((op, form) in MISSING), (op, form)
            assert covered(op, form) or len(str(reason(op, form))) > 10


def test_nothing_is_listed_that_is_no_operation():
    for op, form in MISSING:
        assert form in FORMATS.get(op, OPERATIONS[op].formats)
    for op, forms in FAMILIES.items():
        assert set(forms) <= set(OPERATIONS[op].formats)
    for op, form, result in WAYS:
        assert form in TYPES or form == "uint8"
        assert result in TYPES or result == "uint8"
        assert op in OPERATIONS or op.removesuffix(" axis") in (
            UNORDERED,
            POWER,
            INVERSE,
            "relu",
            "round_bfp16",
            "dequantize",
        )
