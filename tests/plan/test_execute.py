"""Tiles give what the host executor gives: random programs, models, training steps; wrong cuts are refused."""

import numpy as np
import pytest
from cutting import agree, cut_of, graph_of, small_resnet, training, values_of
from hypothesis import given, settings
from hypothesis import strategies as st

import spinntensor as sp
from spinntensor import nn
from spinntensor.errors import CutError, GraphError, OperandError, RangeError
from spinntensor.graph import TensorType
from spinntensor.graph.builder import Builder
from spinntensor.lower import lower
from spinntensor.machine.host import optimised
from spinntensor.nn.optimizers import SGD
from spinntensor.ops import RULES
from spinntensor.plan.cut import Cut
from spinntensor.plan.execute import Held, execute

UNARY = (
    sp.tanh,
    sp.exp,
    sp.relu,
    sp.negative,
    sp.sigmoid,
    lambda x: x * 2.0,
    lambda x: x[:, ::-1],
    sp.softmax,
)
BINARY = (sp.add, sp.multiply, sp.subtract, sp.maximum, lambda x, y: sp.where(x > y, x, y))
ALONG = (sp.sum, sp.max, sp.mean)


def product(form, a, b):
    """A @ B in a number format."""
    if form == "float32":
        return a @ b
    if form == "bfp16":
        return sp.matmul(sp.quantize(a, "bfp16"), sp.quantize(b, "bfp16"), format="float32")
    if form == "narrow":
        both = sp.matmul(sp.quantize(a, "bfp16"), sp.quantize(b, "bfp16"), format="bfp16")
        return sp.dequantize(both)
    grid = sp.formats.grid(sp.formats.Int8(symmetric=True), 0.25)
    clipped = [sp.quantize(sp.clip(x, -9, 9), grid) for x in (a, b)]
    return sp.dequantize(clipped[0] @ clipped[1])


@st.composite
def programs(draw, forms=("float32", "bfp16", "narrow", "int8"), size=5):
    """A function of two matrices [size, size] that sums up what it made, and these."""
    steps = draw(st.lists(st.tuples(*[st.integers(0, 99)] * 3), min_size=2, max_size=12))
    form, seed = draw(st.sampled_from(forms)), draw(st.integers(0, 99))

    def program(x, y):
        known = [x, y]
        for kind, i, j in steps:
            a, b = known[i % len(known)], known[j % len(known)]
            if kind % 4 == 0:
                known.append(UNARY[kind % len(UNARY)](a))
            elif kind % 4 == 1:
                known.append(BINARY[kind % len(BINARY)](a, b))
            elif kind % 4 == 2:
                known.append(product(form, a, b))
            else:
                rows = ALONG[kind % len(ALONG)](a, axis=kind % 2, keepdims=True)
                known.append(b - rows)
        return known[-1]

    rng = np.random.default_rng(seed)
    return program, [rng.standard_normal((size, size)).astype(np.float32) for _ in range(2)]


def agree_or_refuse(graph, values, seed):
    """Tiles and host agree, or refuse both: infinity or NaN into an integer format."""
    try:
        agree(graph, values, seed)
    except (OperandError, RangeError) as error:
        lowered = lower(graph)
        rng = np.random.default_rng(seed)
        with pytest.raises(type(error)):
            execute(lowered, [cut_of(rng, stage) for stage in lowered.stages], values)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(programs(), st.integers(0, 1000))
def test_random_programs(case, seed):
    program, values = case
    agree_or_refuse(*graph_of(lambda x, y: [program(x, y), sp.sum(program(x, y))], values), seed)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(programs(("float32", "bfp16", "narrow"), size=4), st.integers(0, 1000))
def test_random_programs_backward(case, seed):
    program, values = case
    slopes = sp.value_and_grad(lambda x, y: sp.sum(program(x, y)), argnums=(0, 1))
    agree_or_refuse(*graph_of(slopes, values), seed)


def test_a_training_step_of_a_residual_network_in_bfp16():
    graph = training(small_resnet(), "bfp16", 4, 4, SGD(0.1, momentum=0.9))
    kinds = {stage.kind for stage in lower(graph).stages}
    assert {"conv2d", "conv2d_input", "conv2d_weight", "depthwise", "exponent", "reduce", "scatter"} <= kinds
    for seed in range(3):
        _, result = agree(graph, values_of(graph, seed), seed)
        assert result.updates


@pytest.mark.parametrize("form", ["float32", "bfp16"])
def test_a_training_step_of_a_perceptron(form):
    x = nn.Input((10,))
    model = nn.Model(
        x, nn.Dense(3)(nn.Dense(12, activation="relu")(nn.Dense(7, activation="tanh")(x))), seed=2
    )
    graph = training(model, form, 6, 6, SGD(0.1, momentum=0.9))
    for seed in range(4):
        agree(graph, values_of(graph, seed), seed)


@pytest.mark.parametrize("residual", [False, True])
def test_integer_networks(residual):
    """resnet8 in int8, with sums of branches in stages of their own and in those of the products."""
    rng = np.random.default_rng(0)
    quantized = nn.MODELS["resnet8"]().quantize("int8", rng.random((8, 32, 32, 3), dtype=np.float32))
    graph = optimised(quantized.graph((1, 32, 32, 3)))
    values = {graph.inputs[0].id: 2 * rng.random((1, 32, 32, 3), dtype=np.float32)}
    lowered, result = agree(graph, values, 3, residual=residual)
    assert lowered.macs == quantized.macs
    assert any(found.get("saturated") for found in result.counts.values())
    kinds = [stage.kind for stage in lowered.stages]
    assert kinds.count("conv2d") == 9 and kinds.count("map") == (1 if residual else 4)


@pytest.mark.slow
def test_resnet50_in_int8():
    """Some four thousand tiles, with sums split in every fourth product."""
    rng = np.random.default_rng(0)
    quantized = nn.MODELS["resnet50"]().quantize("int8", rng.random((2, 224, 224, 3), dtype=np.float32))
    graph = optimised(quantized.graph((1, 224, 224, 3)))
    values = {graph.inputs[0].id: rng.random((1, 224, 224, 3), dtype=np.float32)}
    lowered, _ = agree(graph, values, 3, most=7)
    assert len(lowered.stages) == 73


def doubled():
    """y = x + x of [4, 6], lowered."""
    b = Builder(RULES)
    x = b.input("x", TensorType((4, 6), "float32"))
    y = b.add("add", x, x, source="model.py:3")
    return lower(b.graph((y,))), x


def cut(rows=((0, 2), (2, 4)), columns=((0, 6),), sums=(), order=(), owners=None, joiners=()):
    tiles = len(rows) * len(columns) * max(len(sums), 1)
    return Cut((rows, columns), sums, order, (0,) * tiles if owners is None else owners, joiners)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (cut(rows=((0, 2), (1, 4))), "one behind the other"),
        (cut(rows=((0, 2),)), "spans to 2 of axis m, expected spans to 4"),
        (cut(rows=((0, 2), (2, 2), (2, 4))), "cut at multiples of 1"),
        (cut(owners=(0,)), "received 1 owners, expected 2"),
        (cut(joiners=(0,)), "received 1 joiners, expected 0"),
        (cut(order=(1, 1)), "each of"),
        (cut(sums=((0, 6),)), "this stage's sums are not split"),
        (Cut((((0, 4),),)), "received 1 axes, expected 2"),
    ],
)
def test_cuts_that_do_not_divide_are_refused(wrong, match):
    lowered, x = doubled()
    with pytest.raises(CutError, match=match) as refused:
        execute(lowered, [wrong], {x: np.ones((4, 6), np.float32)})
    assert refused.value.stage == "map_1"
    assert "in stage map_1" not in str(refused.value)


def test_missing_cuts_and_values_are_refused():
    lowered, x = doubled()
    with pytest.raises(CutError, match="0 cuts, expected 1"):
        execute(lowered, [], {})
    with pytest.raises(GraphError, match="no value"):
        execute(lowered, [cut()], {})
    with pytest.raises(GraphError, match="shape"):
        execute(lowered, [cut()], {x: np.ones((4, 5), np.float32)})
    result = execute(lowered, [cut()], {x: np.ones((4, 6), np.float32)})
    assert (result.outputs[0] == 2).all() and not result.counts


def test_a_value_is_written_once_and_wholly():
    held = Held(TensorType((4,), "bfp16"), "map_1")
    grids = [sp.formats.bfp16_grid(e) for e in (3, 4)]
    two = [sp.formats.Quantized(g, np.ones(2, np.int16)) for g in grids]
    held.write(((0, 2),), two[0])
    with pytest.raises(CutError, match="twice"):
        held.write(((1, 3),), two[0])
    with pytest.raises(CutError, match="one exponent"):
        held.write(((2, 4),), two[1])
    with pytest.raises(CutError, match="int16"):
        held.write(((2, 4),), np.ones(2, np.float32))
    held = Held(TensorType((4,), "bfp16"), "map_1")
    held.write(((0, 2),), two[0])
    with pytest.raises(CutError, match="2 elements never written"):
        held.done()
    held.write(((2, 4),), two[0])
    assert held.done().exponent == 3
