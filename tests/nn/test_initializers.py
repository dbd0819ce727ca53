"""Initializers: Keras's formulas, the same numbers for the same seed, no number beyond its bounds."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import spinntensor as st
from spinntensor.errors import UnknownNameError
from spinntensor.nn.initializers import INITIALIZERS, fans, initialize

SHAPE = (3, 3, 64, 96)
IN, OUT = 9 * 64, 9 * 96
DEVIATIONS = {
    "zeros": 0.0,
    "ones": 0.0,
    "random_uniform": 0.05 / 3**0.5,
    "random_normal": 0.05,
    "truncated_normal": 0.05 * 0.8796,
    "glorot_uniform": (2 / (IN + OUT)) ** 0.5,
    "glorot_normal": (2 / (IN + OUT)) ** 0.5,
    "he_uniform": (2 / IN) ** 0.5,
    "he_normal": (2 / IN) ** 0.5,
    "lecun_uniform": (1 / IN) ** 0.5,
    "lecun_normal": (1 / IN) ** 0.5,
}
"""Standard deviations of Keras's initializers of these names."""


@pytest.mark.parametrize("name", INITIALIZERS)
def test_mean_deviation_and_bounds(name):
    x = initialize(name, SHAPE, st.Generator(1))
    assert x.dtype == np.float32 and x.shape == SHAPE
    wanted = DEVIATIONS[name]
    assert abs(x.std(dtype=np.float64) - wanted) <= 0.01 * wanted
    assert abs(x.mean(dtype=np.float64) - (name == "ones")) <= 0.02 * wanted
    if "uniform" in name:
        assert np.abs(x).max() <= wanted * 3**0.5 * (1 + 1e-6)
    elif "normal" in name and name != "random_normal":
        assert np.abs(x).max() <= 2 * wanted / 0.8796 * (1 + 1e-4)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_seeds_decide(name):
    first, again, other = (initialize(name, (50, 7), st.Generator(s)) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert np.array_equal(first, other) == (name in ("zeros", "ones"))


def test_bits_are_those_of_every_machine():
    x = initialize("he_normal", (3, 3, 8, 16), st.Generator(7))
    assert hashlib.sha256(x.tobytes()).hexdigest()[:16] == "16c8f3fc853b52d7"


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((), (1, 1)), ((5,), (5, 5)), ((3, 4), (3, 4)), ((5, 3, 4), (15, 20)), ((2, 2, 3, 4), (12, 16))],
)
def test_fans(shape, wanted):
    assert fans(shape) == wanted


def test_names_and_functions():
    with pytest.raises(UnknownNameError, match=r"unknown initializer 'he'; .*he_"):
        initialize("he", (2,), st.Generator(0))
    assert np.array_equal(initialize(lambda shape, rng: np.full(shape, 3.0), (2,), st.Generator(0)), [3, 3])
