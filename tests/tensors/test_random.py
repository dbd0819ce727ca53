"""Generators: the same draws lazily, compiled and replayed; words of Philox; distributions; dropout; refusals."""

import numpy as np
import pytest

from spinntensor.errors import ShapeError, TraceError
from spinntensor.formats import Stochastic, random_words
from spinntensor.kernels.kernel import equal_bits
from spinntensor.tensors.compiled import compile
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.quantization import quantize
from spinntensor.tensors.random import Generator, dropout
from spinntensor.tensors.tensor import Tensor


def test_a_draw_is_a_function_of_seed_and_number():
    g = Generator(2**63 + 5)
    first, second = g.uniform(size=(3, 5)), g.uniform(size=(3, 5))
    for i, got in ((1, second), (0, first)):  # in whatever order they are computed
        words = random_words(Stochastic(2**63 + 5, i), 15)
        assert type(got) is Tensor and got.format == "float32"
        assert equal_bits(got.numpy(), ((words >> 8) / 2.0**24).astype(np.float32).reshape(3, 5))
    assert int(g.counter.numpy()) == 2
    assert g.counter.format == "int64" and repr(g) == f"Generator({2**63 + 5})"


def test_compiled_and_lazy_programs_draw_alike():
    def step(x, g):
        return x + g.normal(size=(4,)), g.integers(100, size=(3,))

    lazy, compiled = Generator(7), Generator(7)
    run = compile(lambda x: step(x, compiled))
    x = tensor(np.zeros(4, np.float32))
    drawn = [[v.numpy() for v in step(x, lazy)] for _ in range(3)]
    again = [[v.numpy() for v in run(x)] for _ in range(3)]
    for ours, theirs in zip(drawn, again, strict=True):
        assert equal_bits(ours[0], theirs[0]) and np.array_equal(ours[1], theirs[1])
    assert not np.array_equal(drawn[0][0], drawn[1][0])
    assert int(compiled.counter.numpy()) == int(lazy.counter.numpy()) == 6
    mixed = lazy.uniform(size=2).numpy()
    assert np.array_equal(compiled.uniform(size=2).numpy(), mixed)


def test_a_counter_that_is_set_back_repeats():
    g = Generator(1)
    g.uniform()
    at = int(g.counter.numpy())
    later = [g.normal(size=5).numpy(), g.permutation(9).numpy()]
    g.counter.assign(tensor(at, "int64"))
    assert equal_bits(g.normal(size=5).numpy(), later[0])
    assert np.array_equal(g.permutation(9).numpy(), later[1])


def test_distributions():
    g, n = Generator(3), 40_000
    u = g.uniform(-2, 3, n).numpy()
    assert u.min() >= -2 and u.max() <= 3
    assert abs(u.mean() - 0.5) < 0.03 and abs(u.std() - 5 / 12**0.5) < 0.02
    z = g.normal(5, 2, (n,)).numpy()
    assert abs(z.mean() - 5) < 0.04 and abs(z.std() - 2) < 0.03
    assert abs(np.mean(np.abs(z - 5) < 2) - 0.6827) < 0.01
    i = g.integers(-2, 3, n).numpy()
    assert i.dtype == np.int32 and (np.abs(np.bincount(i + 2, minlength=5) / n - 0.2) < 0.01).all()
    b = g.bernoulli(0.25, n).numpy()
    assert b.dtype == bool and abs(b.mean() - 0.25) < 0.01
    assert not g.bernoulli(0, 100).numpy().any() and g.bernoulli(1, 100).numpy().all()
    assert g.uniform().shape == () and g.normal(size=(0, 3)).numpy().shape == (0, 3)


def test_permutations():
    g = Generator(4)
    first, second = g.permutation(1000), g.permutation(1000).numpy()
    assert first.format == "int64" and not np.array_equal(first.numpy(), second)
    assert np.array_equal(np.sort(second), np.arange(1000))
    assert g.permutation(0).shape == (0,)
    places = np.array([g.permutation(3).numpy() for _ in range(300)])
    assert len(np.unique(places, axis=0)) == 6
    with pytest.raises(TraceError):
        compile(lambda: g.permutation(3))()


def test_dropout():
    x = np.arange(1, 10_001, dtype=np.float32)
    y = dropout(x, 0.25, Generator(0)).numpy()
    kept = y != 0
    assert abs(kept.mean() - 0.75) < 0.02
    assert equal_bits(y[kept], x[kept] * np.float32(1 / 0.75))
    assert equal_bits(dropout(x, 0.25, Generator(0)).numpy(), y)
    t = tensor(x)
    assert dropout(t, 0.25, None) is t and dropout(t, 0, Generator(0)) is t
    assert dropout(np.float32([np.inf, np.nan] * 50), 0.999, Generator(1)).numpy().tolist().count(0) > 90
    short = quantize(x, "bfp16")
    assert dropout(short, 0.5, Generator(0)).format == "bfp16"


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: Generator(-1), "received seed -1, expected an integer from 0 to 2**64 - 1"),
        (lambda: Generator(1.0), "received seed 1.0"),
        (lambda: Generator(2**64), "received seed 18446744073709551616"),
        (lambda: Generator(0).uniform(size=(2, -1)), "received shape (2, -1)"),
        (lambda: Generator(0).normal(size=(2.0,)), "received shape (2.0,)"),
        (lambda: Generator(0).integers(0), "high = 0"),
        (lambda: Generator(0).integers(0.5, 2), "received 0.5 to 2, expected two integers"),
        (lambda: Generator(0).bernoulli(1.5), "received probability 1.5"),
        (lambda: dropout([1.0], 1, Generator(0)), "received rate 1, expected 0 to below 1"),
        (lambda: dropout([1], 0.5, Generator(0)), "use st.dequantize or astype first"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ShapeError) as caught:
        call()
    assert message in str(caught.value)
    assert "test_random.py:" in str(caught.value)
