"""Random tensors: against Philox words and fractions, their distribution, what they depend on, refusals."""

from fractions import Fraction
from math import isqrt
from statistics import NormalDist

import numpy as np
import pytest

from spinntensor.errors import OperandError, ShapeError
from spinntensor.formats import Stochastic, random_words
from spinntensor.graph import TensorType, verify
from spinntensor.graph.builder import Builder
from spinntensor.kernels import kernel
from spinntensor.kernels.kernel import equal_bits
from spinntensor.machine.host import evaluate
from spinntensor.ops import DTYPES, RULES, random

RESULTS = {"random_uniform": "float32", "random_normal": "float32", "random_integers": "int32"}
RANGE = {"low": -3, "high": 7}


def draw(op, shape=(50,), seed=5, counter=7, **more):
    b = Builder(RULES)
    step = b.input("step", TensorType((), "int64"))
    if op == "random_integers":
        more = RANGE | more
    node = b.add(op, step, seed=seed, shape=shape, **more)
    (got,), _ = evaluate(verify(b.graph((node,)), RULES), {step: np.array(counter, np.int64)})
    assert got.shape == shape and got.dtype == DTYPES[RESULTS[op]] and b[node].type.shape == shape
    return got


def words(count, seed=5, counter=7):
    return random_words(Stochastic(seed, counter, 0), count).tolist()


def test_uniform_is_the_upper_part_of_the_word():
    assert draw("random_uniform").tolist() == [(w >> 8) / 2**24 for w in words(50)]


@pytest.mark.parametrize("low,high", [(-3, 7), (0, 1), (5, 6), (-(2**31), 2**31), (2**31 - 1, 2**31)])
def test_integers_are_multiplied_and_cut(low, high):
    want = [low + (w * (high - low) >> 32) for w in words(50)]
    assert draw("random_integers", low=low, high=high).tolist() == want


def double(x):
    """A rational number rounded to float64."""
    return Fraction(float(x))


def root(x):
    """The float64 nearest to the root of a positive rational number, by integers."""
    scale = 4**80
    return double(Fraction(isqrt(int(x * scale) * 4 + 1), 2 * 2**80))


def quantile(word):
    """AS 241 (PPND7) with each operation rounded to float64, from its definition in rational numbers."""

    def polynomial(r, *coefficients):
        total = Fraction(coefficients[0])
        for c in coefficients[1:]:
            total = double(double(total * r) + Fraction(c))
        return total

    p = Fraction(2 * word + 1, 2**33)
    q = p - Fraction(1, 2)
    if abs(q) <= Fraction(0.425):
        r = double(Fraction(0.180625) - double(q * q))
        above = polynomial(r, 59.109374720, 159.29113202, 50.434271938, 3.3871327179)
        below = polynomial(r, 67.187563600, 78.757757664, 17.895169469, 1.0)
        return np.float32(float(double(double(q * above) / below)))
    tail = np.float32(float(min(p, 1 - p)))
    log = kernel("f32_log").twin({"x": np.array([tail])}).view(np.float32)[0]
    r = double(root(-Fraction(float(log))) - Fraction(1.6))
    above = polynomial(r, 0.17023821103, 1.3067284816, 2.7568153900, 1.4234372777)
    below = polynomial(r, 0.12021132975, 0.73700164250, 1.0)
    value = np.float32(float(double(above / below)))
    return -value if q < 0 else value


JOINTS = [int(p * 2**32) + d for p in (0.075, 0.925) for d in (-1, 0, 1)]
EDGES = [0, 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1, *JOINTS]


def test_normal_is_the_quantile_of_the_word():
    got = draw("random_normal", (300,))
    assert equal_bits(got, np.array([quantile(w) for w in words(300)], np.float32))
    edges = np.array(EDGES, np.uint32)
    y = np.empty(edges.size, np.float32)
    random._quantiles(edges, random.log_table(), y)
    assert equal_bits(y, np.array([quantile(w) for w in EDGES], np.float32))
    assert np.abs(y).max() < 6.34


def test_quantiles_are_those_of_the_normal_distribution():
    every = np.linspace(0, 2**32 - 1, 4001).astype(np.uint32)
    y = np.empty(every.size, np.float32)
    random._quantiles(every, random.log_table(), y)
    want = np.array([NormalDist().inv_cdf((2 * int(w) + 1) / 2**33) for w in every])
    np.testing.assert_allclose(y, want, rtol=4e-7, atol=0)
    assert (np.diff(y) > 0).all()


def test_moments():
    x = draw("random_normal", (200, 500)).astype(np.float64)
    assert abs(x.mean()) < 0.01 and abs(x.std() - 1) < 0.01 and abs((x**3).mean()) < 0.03
    u = draw("random_uniform", (200, 500))
    assert u.min() >= 0 and u.max() < 1 and abs(u.mean() - 0.5) < 0.003
    counts = np.bincount(draw("random_integers", (100_000,)) + 3)
    assert counts.size == 10 and np.abs(counts - 10_000).max() < 500


@pytest.mark.parametrize("op", RESULTS)
def test_bits_depend_on_seed_counter_and_position_alone(op):
    x = draw(op, (7, 11))
    assert equal_bits(x, draw(op, (77,)).reshape(7, 11)) and equal_bits(x.reshape(-1)[:13], draw(op, (13,)))
    assert not equal_bits(x, draw(op, (7, 11), seed=6)) and not equal_bits(x, draw(op, (7, 11), counter=8))
    assert draw(op, ()).shape == () and draw(op, (0, 3)).shape == (0, 3)
    assert equal_bits(draw(op, ()).reshape(1), x.reshape(-1)[:1])


def test_a_counter_has_32_bits():
    draw("random_uniform", counter=2**32 - 1)
    for counter in (-1, 2**32):
        with pytest.raises(OperandError, match="step"):
            draw("random_uniform", counter=counter)


@pytest.mark.parametrize(
    "op,kind,attributes,complaint",
    [
        ("random_uniform", TensorType((), "int32"), {"seed": 0, "shape": (2,)}, r"\[\] int64"),
        ("random_uniform", TensorType((1,), "int64"), {"seed": 0, "shape": (2,)}, r"\[\] int64"),
        ("random_normal", TensorType((), "int64"), {"seed": -1, "shape": (2,)}, "seed = -1"),
        ("random_normal", TensorType((), "int64"), {"seed": 1, "shape": (-2,)}, "sizes from 0 on"),
        ("random_normal", TensorType((), "int64"), {"shape": (2,)}, "name these and no others"),
        (
            "random_integers",
            TensorType((), "int64"),
            {"seed": 0, "shape": (2,), "low": 3, "high": 3},
            "from 4 to",
        ),
    ],
)
def test_refusals(op, kind, attributes, complaint):
    b = Builder(RULES)
    with pytest.raises(ShapeError, match=complaint):
        b.add(op, b.input("step", kind), **attributes)
