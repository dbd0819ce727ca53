"""Pooling: against windows spelled out in Python, the kernels' twins, adjoint gradients, counts, refusals."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinntensor.errors import RangeError, ShapeError
from spinntensor.graph import TensorType, verify
from spinntensor.graph.autodiff import gradients
from spinntensor.graph.builder import Builder
from spinntensor.kernels import kernel
from spinntensor.kernels.kernel import equal_bits
from spinntensor.machine.host import execute, prepare
from spinntensor.ops import DTYPES, GRADIENTS, OPERATIONS, RULES

BYTES = {"uint8": (0, 255), "int8": (-128, 127)}
NAN = np.uint32(0x7FC00000).view(np.float32)


def run(op, x, **attributes):
    """Result and counts of one operation in a graph."""
    b = Builder(RULES)
    number = b.input("x", TensorType(x.shape, x.dtype.name))
    node = b.add(op, number, **attributes)
    done = execute(prepare(verify(b.graph((node,)), RULES)), {number: x})
    (value,), kind = done.outputs, b[node].type
    assert value.shape == kind.shape and value.dtype == DTYPES[kind.format]
    return value, done.counts.get(node, {})


@st.composite
def placements(draw):
    """A shape of images and attributes with a window that fits."""
    window, stride, sizes, padding = [], [], [], []
    for _ in range(2):
        k = draw(st.integers(1, 4))
        before, after = (draw(st.integers(0, k - 1)) for _ in range(2))
        window.append(k), stride.append(draw(st.integers(1, 3)))
        sizes.append(draw(st.integers(max(1, k - before - after), 6)))
        padding += [before, after]
    shape = (draw(st.integers(0, 2)), *sizes, draw(st.integers(0, 3)))
    return shape, {"window": tuple(window), "stride": tuple(stride), "padding": tuple(padding)}


def windows(shape, window, stride, padding):
    """(place of the result, list of places in row-major order of the window; None outside the image)."""
    n, height, width, channels = shape
    top, bottom, left, right = padding
    for at in np.ndindex(
        n,
        (height + top + bottom - window[0]) // stride[0] + 1,
        (width + left + right - window[1]) // stride[1] + 1,
        channels,
    ):
        places = []
        for p, q in np.ndindex(*window):
            i, j = at[1] * stride[0] - top + p, at[2] * stride[1] - left + q
            inside = 0 <= i < height and 0 <= j < width
            places.append((at[0], i, j, at[3]) if inside else None)
        yield at, places


def order(value):
    """IEEE 754-2019 maximum: NaN above all, -0 below +0."""
    return (1, 0, 0) if np.isnan(value) else (0, float(value), not np.signbit(value))


SPECIALS = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, -np.nan, 1e-45, 3.4e38]


def drawn(shape, form, seed):
    rng = np.random.default_rng(seed)
    if form != "float32":
        info = np.iinfo(form)
        near = (
            rng.integers(-1, 2, shape) if seed % 2 else rng.integers(info.min, info.max, shape, endpoint=True)
        )
        return np.clip(near, info.min, info.max).astype(form)
    if seed % 2:
        return rng.choice(np.float32(SPECIALS), shape)
    return rng.standard_normal(shape).astype(np.float32)


@given(placements(), st.sampled_from(["float32", "int8", "uint8", "int32"]), st.integers(0, 99))
def test_maxima_and_their_places(placement, form, seed):
    shape, a = placement
    x = drawn(shape, form, seed)
    y, none = run("max_pool", x, **a)
    index, _ = run("max_pool_index", x, **a)
    for at, places in windows(shape, **a):
        values = [x[p] for p in places if p is not None]
        best = max(values, key=order)
        assert equal_bits(y[at], NAN if np.isnan(best) else best)
        same = [p for p in places if p is not None and (x[p] == best or (np.isnan(best) and np.isnan(x[p])))]
        assert index[at] == np.ravel_multi_index(same[0], shape)
    assert not none


def tree(values):
    """Halves at the largest power of two below n, each sum rounded once."""
    if len(values) == 1:
        return values[0]
    p = 1 << (len(values) - 1).bit_length() - 1
    with np.errstate(all="ignore"):
        return tree(values[:p]) + tree(values[p:])


@given(placements(), st.integers(0, 99))
def test_float_sums_are_trees_and_counted(placement, seed):
    shape, a = placement
    x = drawn(shape, "float32", seed)
    y, counts = run("sum_pool", x, **a)
    found = {"overflowed": 0, "invalid": 0}
    for at, places in windows(shape, **a):
        values = [np.float32(0) if p is None else x[p] for p in places]
        want = tree(values)
        found["overflowed"] += bool(np.isinf(want) and np.isfinite(values).all())
        found["invalid"] += bool(np.isnan(want) and not np.isnan(values).any())
        assert equal_bits(y[at], NAN if np.isnan(want) else want)
    assert counts == {name: n for name, n in found.items() if n}


@given(placements(), st.sampled_from(list(BYTES)), st.integers(0, 99), st.data())
def test_sums_of_bytes_are_exact(placement, form, seed, data):
    shape, a = placement
    x, zero = drawn(shape, form, seed), data.draw(st.integers(*BYTES[form]))
    y, _ = run("sum_pool", x, **a, zero=zero)
    for at, places in windows(shape, **a):
        assert y[at] == sum(int(x[p]) - zero for p in places if p is not None)


@given(placements(), st.sampled_from(list(BYTES)), st.integers(0, 99), st.data())
def test_means_of_bytes_are_rounded_once(placement, form, seed, data):
    shape, a = placement
    x, ends = drawn(shape, form, seed), BYTES[form]
    zero, border = data.draw(st.integers(*ends)), data.draw(st.booleans())
    y, _ = run("avg_pool_q", x, **a, zero=zero, zero_out=zero, multiplier=None, count_border=border)
    for at, places in windows(shape, **a):
        values = [zero if p is None else int(x[p]) for p in places if p is not None or border]
        assert y[at] == round(Fraction(sum(values), len(values)))
    out, m = (
        data.draw(st.integers(*ends)),
        data.draw(st.sampled_from([1 << 30, 1 << 29, 715827883, 2**31 - 1])),
    )
    y, counts = run("avg_pool_q", x, **a, zero=zero, zero_out=out, multiplier=m, count_border=True)
    saturated = 0
    for at, places in windows(shape, **a):
        exact = out + round(Fraction(sum(int(x[p]) - zero for p in places if p is not None) * m, 1 << 32))
        assert y[at] == min(max(exact, ends[0]), ends[1])
        saturated += not ends[0] <= exact <= ends[1]
    assert counts.get("saturated", 0) == saturated


@pytest.mark.parametrize("form", BYTES)
def test_bytes_have_the_bits_of_the_kernels(form, rng, monkeypatch):
    """Large images, in strided views too."""
    monkeypatch.setenv("SPINNTENSOR_THREADS", "3")
    kind = {"uint8": "u8", "int8": "s8"}[form]
    x = rng.integers(*BYTES[form], (2, 25, 30, 70), form, endpoint=True)
    for image in (x, x[::-1, ::2, :, 3:]):
        a = {"window": (3, 2), "stride": (2, 1), "padding": (1, 2, 0, 1)}
        top, bottom, left, right = a["padding"]
        given = {"window": a["window"], "stride": a["stride"], "border": (top, left, bottom, right)}
        got, _ = run("max_pool", image, **a)
        assert equal_bits(got[1], kernel(f"maxpool_{kind}").twin({"x": image[1], **given}))
        for border, m in ((True, None), (False, None), (True, 700_000_000)):
            mean = {"count_border": border, "multiplier": m, "zero_out": 9 if m is None else 4}
            got, _ = run("avg_pool_q", image, **a, zero=9, **mean)
            words = {
                "zero_point": 9,
                "zero_point_out": mean["zero_out"],
                "count_border": border,
                "multiplier": m,
            }
            assert equal_bits(got[1], kernel(f"avgpool_{kind}").twin({"x": image[1], **given, **words}))
        whole = {"window": image.shape[1:3], "stride": (1, 1), "padding": (0, 0, 0, 0), "count_border": False}
        got, _ = run("avg_pool_q", image, **whole, zero=9, zero_out=9, multiplier=None)
        words = {"x": image[1], "zero_point": 9, "zero_point_out": 9, "multiplier": None}
        assert equal_bits(got[1, 0, 0], kernel(f"global_avgpool_{kind}").twin(words))


def slopes(op, x, weights, attributes):
    """The gradient of sum(op(x) * weights) by x."""
    b = Builder(RULES)
    number = b.input("x", TensorType(x.shape, "float32"))
    y = b.add(op, number, **attributes)
    total = b.add("sum", b.add("multiply", y, b.constant(weights, "float32")), axes=(0, 1, 2, 3))
    graph = verify(gradients(b.graph(()), total, [number], RULES, GRADIENTS), RULES)
    return execute(prepare(graph), {number: x}).outputs[0]


@given(placements(), st.sampled_from(["sum_pool", "max_pool"]), st.integers(0, 99))
def test_gradients_are_adjoints(placement, op, seed):
    """Of small integers, which every order of sums adds up exactly."""
    shape, a = placement
    rng = np.random.default_rng(seed)
    x = rng.integers(-5, 6, shape).astype(np.float32)
    y, _ = run(op, x, **a)
    weights = rng.integers(-5, 6, y.shape).astype(np.float32)
    want = np.zeros(shape, np.float32)
    for at, places in windows(shape, **a):
        inside = [p for p in places if p is not None]
        for p in inside if op == "sum_pool" else [max(inside, key=lambda p: x[p])]:
            want[p] += weights[at]
    np.testing.assert_array_equal(slopes(op, x, weights, a), want)


@pytest.mark.slow
@pytest.mark.parametrize("a", [((3, 3), (2, 2), 1), ((2, 2), (2, 2), 0), ((3, 3), (1, 1), 1)])
def test_against_pytorch(a, rng):
    torch = pytest.importorskip("torch")
    window, stride, pad = a
    x = rng.standard_normal((2, 9, 8, 3)).astype(np.float32)
    attributes = {"window": window, "stride": stride, "padding": (pad,) * 4}
    theirs = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    pools = {
        "max_pool": torch.nn.functional.max_pool2d(theirs, window, stride, pad),
        "sum_pool": torch.nn.functional.avg_pool2d(theirs, window, stride, pad, divisor_override=1),
    }
    for op, result in pools.items():
        y, _ = run(op, x, **attributes)
        np.testing.assert_allclose(y, result.detach().numpy().transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-5)
        weights = rng.standard_normal(y.shape).astype(np.float32)
        (slope,) = torch.autograd.grad(result, theirs, torch.tensor(weights.transpose(0, 3, 1, 2)))
        mine = slopes(op, x, weights, attributes)
        np.testing.assert_allclose(mine, slope.numpy().transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-5)


WHOLE = {"window": (2, 2), "stride": (1, 1), "padding": (0, 0, 0, 0)}
MEAN = WHOLE | {"count_border": True, "zero": 0, "zero_out": 0, "multiplier": None}


@pytest.mark.parametrize(
    "op,kind,attributes,complaint",
    [
        ("max_pool", ((1, 4, 4), "int8"), WHOLE, r"images \[N,H,W,C\]"),
        ("max_pool", ((1, 0, 4, 1), "int8"), WHOLE | {"padding": (1, 1, 1, 1)}, "that have pixels"),
        ("max_pool", ((1, 4, 4, 1), "bfp16"), WHOLE, "format float32 or int8"),
        ("max_pool", ((1, 4, 4, 1), "int8"), WHOLE | {"padding": (2, 0, 0, 0)}, "cut the padding"),
        ("max_pool", ((1, 4, 4, 1), "int8"), WHOLE | {"padding": (0, 0)}, "4 integers from 0"),
        ("max_pool", ((1, 4, 4, 1), "int8"), WHOLE | {"stride": (0, 1)}, "2 integers from 1"),
        ("max_pool", ((1, 1, 4, 1), "int8"), WHOLE, "shrink the window"),
        ("max_pool", ((1, 4, 4, 1), "int8"), WHOLE | {"zero": 1}, "no others"),
        ("sum_pool", ((1, 4, 4, 1), "int32"), WHOLE, "format float32 or int8 or uint8"),
        ("sum_pool", ((1, 4, 4, 1), "float32"), WHOLE | {"zero": 1}, "from 0 to 0"),
        ("sum_pool", ((1, 4, 4, 1), "int8"), WHOLE | {"zero": 128}, "to 127"),
        ("avg_pool_q", ((1, 4, 4, 1), "float32"), MEAN, "format int8 or uint8"),
        ("avg_pool_q", ((1, 4, 4, 1), "int8"), MEAN | {"zero_out": 1}, "give a multiplier"),
        ("avg_pool_q", ((1, 4, 4, 1), "int8"), MEAN | {"multiplier": 1 << 31}, "multiplier"),
        (
            "avg_pool_q",
            ((1, 4, 4, 1), "int8"),
            MEAN | {"multiplier": 5, "count_border": False, "padding": (1, 0, 0, 0)},
            "a step of its own",
        ),
    ],
)
def test_refusals(op, kind, attributes, complaint):
    b = Builder(RULES)
    with pytest.raises(ShapeError, match=complaint):
        b.add(op, b.input("x", TensorType(*kind)), **attributes)


def test_windows_whose_sums_may_leave_32_bits_are_refused():
    b = Builder(RULES)
    x = b.input("x", TensorType((1, 4096, 4096, 1), "uint8"))
    huge = {"window": (4096, 4096), "stride": (1, 1), "padding": (0, 0, 0, 0)}
    for op, more in (("sum_pool", {}), ("avg_pool_q", MEAN | huge)):
        with pytest.raises(RangeError, match="shrink the window"):
            b.add(op, x, **{**huge, **more})


def test_every_operation_says_what_it_takes():
    for name in ("max_pool", "max_pool_index", "sum_pool", "avg_pool_q"):
        assert OPERATIONS[name].formats and OPERATIONS[name].summary
