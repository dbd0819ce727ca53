"""Calls of the int8 kernels by their sizes, as recipes list them, and regions by what they need.

Weights are taken to be symmetric (-127..127), so that none needs a patch, and multipliers not to make ties: then the
estimators' other switches are 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spinntensor.abi.memory import ABOVE, BELOW
from spinntensor.plan.recipe import Call, Region
from spinntensor.plan.recipes.parts import call, up

BOTH = ABOVE | BELOW
"""What is counted of results that are clamped; what it is changes no cycle."""


def regions(sizes: Mapping[str, int], twice: Iterable[str]) -> tuple[Region, ...]:
    """Regions of these bytes, with two places where named in `twice`."""
    names = frozenset(twice)
    return tuple(Region(name, up(nbytes), 2 if name in names else 1) for name, nbytes in sizes.items())


def gemm(m: int, n: int, k: int, accumulate: int = 0, count: int = 1) -> Call:
    """Product of A[m,k] and B[k,n] on outer panels."""
    return call("gemm_s16_3x3_outer_u32", count, m=m, n=n, k=k, accumulate=accumulate)


def unpack(m: int, k: int, count: int = 1) -> Call:
    """Expansion of packed weights A[m,k]."""
    return call("unpack_s8_outer_u32", count, m=m, k=k, patches=0)


def requantize(m: int, n: int, signed: bool, count: int = 1) -> Call:
    """Sums [m,n] to bytes."""
    kernel = f"requantize_s32_{'s8' if signed else 'u8'}_x16"
    return call(kernel, count, m=m, n=n, ties=0, shifts=0, odd=0, relu=0, counts=BOTH)


def residual_add(n: int, signed: bool, count: int = 1) -> Call:
    """Sum of two arrays of n bytes."""
    return call(
        f"residual_add_{'s8' if signed else 'u8'}_x16", count, n=n, ties=0, odd=0, relu=0, counts=BOTH
    )
