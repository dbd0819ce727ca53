"""Short compositions of nodes that several gradients need."""

from __future__ import annotations

from functools import wraps
from math import prod

from spinntensor.graph.autodiff import Gradient
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Node


def filled(b: Builder, like: int, value: float, source: str) -> int:
    """A float32 tensor of node `like`'s shape that holds one number."""
    return b.add("fill", source=source, shape=b[like].type.shape, format="float32", value=value)


def spread(b: Builder, number: int, axes: tuple[int, ...], shape: tuple[int, ...], source: str) -> int:
    """A tensor from which `axes` were dropped, repeated along them: of `shape` again."""
    kept = tuple(1 if i in axes else size for i, size in enumerate(shape))
    return b.add(
        "broadcast_to", b.add("reshape", number, source=source, shape=kept), source=source, shape=shape
    )


def _order(rank: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    return (*(i for i in range(rank) if i not in axes), *axes)


def in_rows(b: Builder, number: int, axes: tuple[int, ...], source: str) -> int:
    """A tensor as a matrix with a row for each index of the other axes: the elements along `axes`, row-major."""
    shape = b[number].type.shape
    rows = prod(s for i, s in enumerate(shape) if i not in axes)
    moved = b.add("transpose", number, source=source, axes=_order(len(shape), axes))
    return b.add("reshape", moved, source=source, shape=(rows, prod(shape[i] for i in axes)))


def from_rows(b: Builder, number: int, axes: tuple[int, ...], shape: tuple[int, ...], source: str) -> int:
    """The inverse of `in_rows`: a tensor of `shape`."""
    order = _order(len(shape), axes)
    moved = b.add("reshape", number, source=source, shape=tuple(shape[i] for i in order))
    back = tuple(order.index(i) for i in range(len(order)))
    return b.add("transpose", moved, source=source, axes=back)


def parted(b: Builder, mask: int, cotangent: int, source: str) -> tuple[int, int]:
    """A cotangent where `mask` holds, 0 elsewhere; and the other way round."""
    zero = filled(b, cotangent, 0.0, source)
    first = b.add("where", mask, cotangent, zero, source=source)
    return first, b.add("where", mask, zero, cotangent, source=source)


def of_floats(gradient: Gradient) -> Gradient:
    """The gradient of an operation that takes integers, too: these have none."""

    @wraps(gradient)
    def passed(b: Builder, node: Node, cotangent: int):
        if node.type.format != "float32":
            return (None,) * len(node.inputs)
        return gradient(b, node, cotangent)

    return passed


def nothing(b: Builder, node: Node, cotangent: int) -> tuple[None, ...]:
    """The gradient of an operation that is constant almost everywhere."""
    return (None,) * len(node.inputs)
