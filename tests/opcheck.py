"""Shared by the tests of operations: one operation on arrays of any layout, its counts, its slopes by differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from spinntensor.graph import TensorType, verify
from spinntensor.graph.autodiff import gradients
from spinntensor.graph.builder import Builder
from spinntensor.kernels.kernel import equal_bits
from spinntensor.machine.host import evaluate, execute, prepare
from spinntensor.ops import DTYPES, GRADIENTS, OPERATIONS, RULES

NAN = np.uint32(0x7FC00000).view(np.float32)
SPECIAL = np.float32([0.0, -0.0, 1.0, -1.0, 0.5, 2.5, 3e38, -3e38, 1e-45, -2e-40, np.inf, -np.inf, np.nan])
SHAPES = st.sampled_from([(), (0,), (1,), (5,), (2, 3), (3, 0, 2), (4, 1, 3), (2, 3, 2, 2)])
LAYOUTS = st.sampled_from(["C", "F", "apart", "backwards", "repeated"])


def draw_array(rng, shape, form, layout="C"):
    """Random numbers of a format, ends of its range and special values among them, lying in memory in some way."""
    kind = DTYPES[form]
    if layout == "repeated" and shape:  # a broadcast view: one number for each index of the last axis
        return np.broadcast_to(draw_array(rng, shape[-1:], form), shape)
    if form == "float32":
        x = rng.standard_normal(shape).astype(np.float32)
        x = np.where(rng.integers(0, 3, shape) == 0, rng.choice(SPECIAL, shape), x)
        x = np.where(np.isnan(x) & (rng.integers(0, 2, shape) == 0), np.float32(-np.nan), x)
    elif form == "bool":
        x = rng.integers(0, 2, shape).astype(bool)
    else:
        ends = np.iinfo(kind)
        few = rng.integers(0, 4, shape, dtype=kind)
        wide = rng.integers(ends.min, ends.max, shape, dtype=kind, endpoint=True)
        end = rng.choice(np.array([ends.min, ends.max], kind), shape)
        x = np.choose(rng.integers(0, 4, shape), [few, few, wide, end])
    return laid_out(np.asarray(x, kind).reshape(shape), layout)


def laid_out(x, layout):
    """An array equal to `x` that lies in memory in some other way."""
    if layout == "F":
        return np.array(x, order="F")
    if layout in ("apart", "backwards") and x.ndim:
        step = 2 if layout == "apart" else -1
        wide = np.zeros((*x.shape[:-1], x.shape[-1] * abs(step)), x.dtype)
        there = wide[..., ::step]
        there[...] = x
        return there
    return x


def canonical(x):
    """`x` with the one pattern of NaN, written without the package."""
    x = np.array(x, np.float32)
    x[np.isnan(x)] = NAN
    return x


def run(op, *operands, **attributes):
    """(result, counts) of one operation, on operands that it must not write; the rule's type must be the result's."""
    b = Builder(RULES)
    ids = [b.input(f"x{i}", TensorType(x.shape, x.dtype.name)) for i, x in enumerate(operands)]
    number = b.add(op, *ids, **attributes)
    assert OPERATIONS[op].formats == () or operands[0].dtype.name in OPERATIONS[op].formats
    before = [x.tobytes() for x in operands]
    result = execute(prepare(verify(b.graph((number,)), RULES)), dict(zip(ids, operands, strict=True)))
    (value,), kind = result.outputs, b[number].type
    assert isinstance(value, np.ndarray) and value.shape == kind.shape and value.dtype == DTYPES[kind.format]
    assert before == [x.tobytes() for x in operands]
    if value.dtype == np.float32 and op not in ("where", "take"):
        assert (value.view(np.uint32)[np.isnan(value)] == 0x7FC00000).all()
    return value, result.counts.get(number, {})


def compute(op, *operands, **attributes):
    """The result of one operation."""
    return run(op, *operands, **attributes)[0]


def same(got, want, kind=None):
    """Equal in type, shape and bits."""
    return equal_bits(got, np.asarray(want, kind or np.asarray(want).dtype))


def refused(op, kinds, attributes, error, match):
    """The rule refuses operands of these types, written like `2,3 float32`."""
    b = Builder(RULES)
    ids = [b.input("x", kind_of(kind)) for kind in kinds]
    with pytest.raises(error, match=match):
        b.add(op, *ids, **attributes)


def kind_of(text):
    """The type that a text such as `2,3 float32` or ` float32` says."""
    shape, form = text.split(" ")
    return TensorType(tuple(int(s) for s in shape.split(",") if s), form)


def weighted(op, operands, rng, **attributes):
    """A graph of sum(op(operands) * weights): (graph, total, ids, weights)."""
    b = Builder(RULES)
    ids = [b.input(f"x{i}", TensorType(x.shape, x.dtype.name)) for i, x in enumerate(operands)]
    number = b.add(op, *ids, **attributes)
    shape = b[number].type.shape
    weights = rng.uniform(0.5, 1.5, shape).astype(np.float32)
    product = b.add("multiply", number, b.constant(weights, "float32"))
    total = b.add("sum", product, axes=tuple(range(len(shape)))) if shape else product
    return b.graph((total,)), total, ids, weights


def slopes(op, *operands, **attributes):
    """(cotangents of the float32 operands for weights drawn with seed 3, these weights, the graph of them)."""
    graph, total, ids, weights = weighted(op, operands, np.random.default_rng(3), **attributes)
    wanted = [i for i, x in zip(ids, operands, strict=True) if x.dtype == np.float32]
    whole = verify(gradients(graph, total, wanted, RULES, GRADIENTS), RULES)
    (_, *found), _ = evaluate(whole, dict(zip(ids, operands, strict=True)))
    return found, weights


def check_slopes(op, *operands, step=1 / 64, rel=2e-2, **attributes):
    """Every cotangent of a float32 operand against the central difference in its place."""
    graph, _, ids, _ = weighted(op, operands, np.random.default_rng(3), **attributes)
    values = dict(zip(ids, operands, strict=True))
    program = prepare(graph)
    floats = [i for i in ids if values[i].dtype == np.float32]
    found, _ = slopes(op, *operands, **attributes)
    for number, slope in zip(floats, found, strict=True):
        assert slope.shape == values[number].shape and slope.dtype == np.float32
        for place in np.ndindex(values[number].shape):
            ends, at = [], []
            for sign in (1, -1):
                moved = values[number].copy()
                moved[place] += np.float32(sign * step)
                at.append(float(moved[place]))
                ends.append(float(execute(program, values | {number: moved}).outputs[0]))
            want = (ends[0] - ends[1]) / (at[0] - at[1])
            assert slope[place] == pytest.approx(want, rel=rel, abs=4e-3), (op, place)


def check_second_slopes(op, *operands, **attributes):
    """The gradient's own gradient exists, and its graph is sound."""
    graph, total, ids, _ = weighted(op, operands, np.random.default_rng(3), **attributes)
    first = gradients(graph, total, ids[:1], RULES, GRADIENTS)
    b = Builder(RULES, first)
    slope = first.outputs[-1]
    square = b.add("multiply", slope, slope)
    again = b.add("sum", square, axes=tuple(range(len(b[slope].type.shape))))
    whole = verify(gradients(b.graph((again,)), again, ids[:1], RULES, GRADIENTS), RULES)
    (_, found), _ = evaluate(whole, dict(zip(ids, operands, strict=True)))
    assert found.shape == operands[0].shape
    return found


def apart(shape, seed=0, low=-3.0, gap=0.125):
    """float32 numbers at least `gap` from one another and from 0, in random order: no kink lies between two steps."""
    size = int(np.prod(shape, dtype=int))
    numbers = low + gap * np.arange(size) + gap / 2
    return np.random.default_rng(seed).permutation(numbers).reshape(shape).astype(np.float32)


def against_torch(op, function, *operands, rtol=1e-5, atol=1e-6, **attributes):
    """Value and gradients beside PyTorch's, whose `function` takes tensors."""
    torch = pytest.importorskip("torch")
    found, weights = slopes(op, *operands, **attributes)
    tensors = [torch.tensor(x, requires_grad=x.dtype == np.float32) for x in operands]
    result = function(torch, *tensors)
    np.testing.assert_allclose(
        compute(op, *operands, **attributes), result.detach().numpy(), rtol=rtol, atol=atol
    )
    (result * torch.tensor(weights)).sum().backward()
    theirs = [t.grad.numpy() if t.grad is not None else np.zeros(t.shape) for t in tensors if t.requires_grad]
    for mine, other in zip(found, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=rtol, atol=atol)
