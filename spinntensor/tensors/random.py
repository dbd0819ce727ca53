"""Random tensors from an explicit generator: what is drawn depends on its seed and on how often it was used before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.formats import Stochastic, random_words
from spinntensor.tensors.alike import is_bfp16, narrowed, widened
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.elementwise import add, multiply
from spinntensor.tensors.expression import leaf
from spinntensor.tensors.operands import refuse, tensor
from spinntensor.tensors.trace import current

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor
    from spinntensor.tensors.variable import Variable

__all__ = ["Generator", "dropout"]

SEEDS = 1 << 64
DRAWS = 1 << 32
"""A generator can be used so often; after that an operation refuses its counter."""
Shape = int | Sequence[int]


class Generator:
    """A source of random tensors: draw i of seed s is the same on every machine, in every plan and every executor.

    Parameters
    ----------
    seed : 0 to 2**64 - 1; generators of different seeds are independent.

    The state is one variable, `counter`: each draw reads it and adds 1 to it. So a function that draws draws anew at
    every call, whether it is compiled or not, and a saved and restored counter repeats what came after it.
    Words are those of Philox 4x32-10 under the counter (element, draw), see docs/numerics.md.
    """

    def __init__(self, seed: int) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < SEEDS:
            raise refuse("Generator", f"seed {seed!r}", "an integer from 0 to 2**64 - 1", "choose a seed")
        from spinntensor.tensors.variable import Variable

        self.seed = int(seed)
        self.counter: Variable = Variable(0, "int64", name=f"draws of seed {self.seed}")

    def __repr__(self) -> str:
        return f"Generator({self.seed})"

    def draw(self) -> Tensor:
        """The number of this draw, int64 of shape (), for an operation that takes it as its counter."""
        node = self.counter.node
        here: Tensor = Base.result(node)
        if current() is None and isinstance(
            node.value, np.ndarray
        ):  # the next number is known: nothing to compute
            self.counter.assign(Base.result(leaf(np.array(int(node.value) + 1, np.int64), "int64")))
        else:
            self.counter.assign(add(here, 1))
        return here

    def uniform(self, low: float = 0.0, high: float = 1.0, size: Shape = ()) -> Tensor:
        """Multiples of 2**-24 from 0 to below 1, times high - low, plus low; float32, rounding may reach `high`."""
        u = self._drawn("random_uniform", size)
        return u if (low, high) == (0.0, 1.0) else add(multiply(u, float(high) - float(low)), float(low))

    def normal(self, loc: float = 0.0, scale: float = 1.0, size: Shape = ()) -> Tensor:
        """Normally distributed float32 numbers, at most 6.34 standard deviations from the mean."""
        z = self._drawn("random_normal", size)
        return z if (loc, scale) == (0.0, 1.0) else add(multiply(z, float(scale)), float(loc))

    def integers(self, low: int, high: int | None = None, size: Shape = ()) -> Tensor:
        """int32 numbers from `low` to below `high`, or from 0 to below `low` alone; equally likely up to 2**-32."""
        ends = (0, low) if high is None else (low, high)
        if any(isinstance(v, bool) or not isinstance(v, int | np.integer) for v in ends):
            raise refuse("integers", f"{ends[0]!r} to {ends[1]!r}", "two integers", "round them")
        return self._drawn("random_integers", size, low=int(ends[0]), high=int(ends[1]))

    def bernoulli(self, probability: float = 0.5, size: Shape = ()) -> Tensor:
        """bool: true with the probability, in steps of 2**-24."""
        if not 0 <= probability <= 1:
            raise refuse("bernoulli", f"probability {probability!r}", "0 to 1", "choose a probability")
        return _below(self._drawn("random_uniform", size), probability)

    def permutation(self, count: int) -> Tensor:
        """The numbers 0 to count - 1 in random order, int64, for `st.take`; computed now, by sorting 64-bit words.

        TraceError inside `st.compile`: an order of data belongs outside of the step that is compiled.
        """
        (size,) = _shape("permutation", count)
        words = random_words(Stochastic(self.seed, int(self.draw().numpy())), 2 * size).astype(np.uint64)
        keys = words[::2] + (words[1::2] << np.uint64(32))
        order = np.argsort(keys, kind="stable").astype(np.int64)
        return tensor(order, "int64")

    def _drawn(self, op: str, shape: Shape, **attributes: Any) -> Tensor:
        sizes = _shape(op, shape)
        return apply(op, self.draw(), seed=self.seed, shape=sizes, **attributes)


def dropout(x: Any, rate: float, generator: Generator | None) -> Tensor:
    """`x` with each element replaced by 0 with probability `rate`, others times 1 / (1 - rate): their mean stays.

    Parameters
    ----------
    x : float32 or bfp16.
    rate : 0 to below 1, in steps of 2**-24.
    generator : what draws; None returns `x`, as inference wants it.
    """
    x = tensor(x)
    if not 0 <= rate < 1:
        raise refuse("dropout", f"rate {rate!r}", "0 to below 1", "choose the share that is dropped")
    if generator is None or rate == 0:
        return x
    if is_bfp16(x):
        return narrowed(dropout(widened(x), rate, generator))
    if x.format != "float32":
        raise refuse("dropout", str(x.node.type), "float32 or bfp16", "use st.dequantize or astype first")
    dropped = generator.bernoulli(rate, x.shape)
    zero = apply("fill", shape=x.shape, format="float32", value=0.0)
    return apply("where", dropped, zero, multiply(x, 1.0 / (1.0 - rate)))


def _below(u: Base, bound: float) -> Tensor:
    """u < bound for multiples u of 2**-24; the bound is rounded up to one of them, which changes nothing."""
    steps = float(np.ceil(np.float64(bound) * (1 << 24)) * 2.0**-24)
    return apply("less", u, apply("fill", shape=u.shape, format="float32", value=steps))


def _shape(op: str, shape: Shape) -> tuple[int, ...]:
    """Sizes from 0 on."""
    sizes = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    if any(isinstance(s, bool) or not isinstance(s, int | np.integer) or s < 0 for s in sizes):
        raise refuse(op, f"shape {shape!r}", "an integer, or several, from 0 on", "correct the shape")
    return tuple(int(s) for s in sizes)
