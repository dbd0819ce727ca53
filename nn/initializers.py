"""First values of weights by Keras's names and formulas, drawn from an explicit generator: the same bits everywhere."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt

import numpy as np

import spinntensor as st
from spinntensor.errors import UnknownNameError

__all__ = ["INITIALIZERS", "Initializer", "initialize"]

Initializer = Callable[[tuple[int, ...], "st.Generator"], np.ndarray]
"""A function of a shape and a generator that gives float32 numbers of that shape."""

TRUNCATED = 0.87962566103423978
"""Standard deviation of a normal distribution that is cut at two of its own."""


def initialize(initializer: str | Initializer, shape: tuple[int, ...], rng: st.Generator) -> np.ndarray:
    """First values of a weight, float32 of `shape`; UnknownNameError for a name that is not in `INITIALIZERS`."""
    return resolve(initializer)(shape, rng)


def resolve(initializer: str | Initializer) -> Initializer:
    """The initializer of a name, or the one that is given."""
    if callable(initializer):
        return initializer
    if initializer not in INITIALIZERS:
        raise UnknownNameError("initializer", initializer, INITIALIZERS)
    return INITIALIZERS[initializer]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Inputs and outputs of one unit: the last two sizes, each times the window's before them; a vector has both alike.

    So a depthwise kernel (h, w, C, multiplier) counts h w C inputs, as in Keras.
    """
    if len(shape) < 2:
        return (prod(shape),) * 2
    window = prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def zeros(shape: tuple[int, ...], rng: st.Generator) -> np.ndarray:
    """All 0; draws nothing."""
    return np.zeros(shape, np.float32)


def ones(shape: tuple[int, ...], rng: st.Generator) -> np.ndarray:
    """All 1; draws nothing."""
    return np.ones(shape, np.float32)


def uniform(shape: tuple[int, ...], rng: st.Generator, limit: float) -> np.ndarray:
    """Equally likely from -limit to limit."""
    return rng.uniform(-limit, limit, shape).numpy()


def normal(shape: tuple[int, ...], rng: st.Generator, deviation: float) -> np.ndarray:
    """Normally distributed around 0."""
    return rng.normal(0.0, deviation, shape).numpy()


def truncated_normal(shape: tuple[int, ...], rng: st.Generator, deviation: float) -> np.ndarray:
    """Normally distributed around 0, at most two `deviation` away: what lies beyond is drawn again."""
    z = np.array(rng.normal(size=prod(shape)).numpy())
    beyond = np.flatnonzero(np.abs(z) > 2)
    while beyond.size:
        z[beyond] = rng.normal(size=beyond.size).numpy()
        beyond = beyond[np.abs(z[beyond]) > 2]
    return (z * np.float32(deviation)).reshape(shape)


def scaled(scale: float, fan: str, distribution: str) -> Initializer:
    """Numbers whose variance is `scale` over the number of inputs ("in"), or over the mean of both fans ("average")."""

    def initializer(shape: tuple[int, ...], rng: st.Generator) -> np.ndarray:
        inputs, outputs = fans(shape)
        variance = scale / max(1.0, inputs if fan == "in" else (inputs + outputs) / 2)
        if distribution == "uniform":
            return uniform(shape, rng, sqrt(3 * variance))
        return truncated_normal(shape, rng, sqrt(variance) / TRUNCATED)

    return initializer


INITIALIZERS: dict[str, Initializer] = {
    "zeros": zeros,
    "ones": ones,
    "random_uniform": lambda shape, rng: uniform(shape, rng, 0.05),
    "random_normal": lambda shape, rng: normal(shape, rng, 0.05),
    "truncated_normal": lambda shape, rng: truncated_normal(shape, rng, 0.05),
    "glorot_uniform": scaled(1.0, "average", "uniform"),
    "glorot_normal": scaled(1.0, "average", "normal"),
    "he_uniform": scaled(2.0, "in", "uniform"),
    "he_normal": scaled(2.0, "in", "normal"),
    "lecun_uniform": scaled(1.0, "in", "uniform"),
    "lecun_normal": scaled(1.0, "in", "normal"),
}
"""Initializers by Keras's names."""
