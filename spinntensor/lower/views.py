"""Views: other shapes of a value over the same bytes, and who can read them.

Rows of the last axis lie padded in memory, to whole double words. A reshape that merges or splits padded rows is a view
whose elements are not equally far apart. Operations element by element find their way in it, the fast kernels of
products and windows do not: what they read of such a view is copied into its new shape first.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from spinntensor.graph.graph import Graph, Node
from spinntensor.lower.fuse import core
from spinntensor.lower.kinds import CONV, CONV_INPUT, CONV_WEIGHT, EXPONENT, MAP, MATMUL, POOL, REDUCE
from spinntensor.ops.operation import family

DOUBLE = 8
"""Bytes of a double word."""
ITEM_BYTES = {
    "float32": 4,
    "int32": 4,
    "int64": 4,
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "bfp16": 2,
    "sums": 8,
}
"""Bytes of an element on a core; int64 holds indices there, which fit 32 bits."""
PARTICULAR = (CONV, CONV_INPUT, CONV_WEIGHT, MATMUL, POOL)
FORMATS = ("float32", "bfp16")
"""Kinds that take operands of these formats only as a value of their own would lie; of bytes they skip padding."""
BY_ELEMENT = (MAP, REDUCE, EXPONENT)
"""Kinds that find words wherever they lie, but of narrower elements only whole double words."""
WORD = 4

Shape = tuple[int, ...]


def side_by_side(shape: Shape, item: int) -> bool:
    """Whether nothing lies between the elements of a value of this shape."""
    return not shape or shape[-1] * item % DOUBLE == 0 or prod(shape[:-1]) == 1


def alike(old: Shape, new: Shape, item: int) -> bool:
    """Whether the elements of a value lie in the same places in either shape."""
    return 0 in new or old[-1:] == new[-1:] or (side_by_side(old, item) and side_by_side(new, item))


def aliases(graph: Graph, kinds: Mapping[int, str]) -> dict[int, int]:
    """The reshapes that stay views, with their operands; all others have a reader that takes no such view.

    kinds : of the stages of all nodes by themselves.
    """
    found: dict[int, int] = {}
    for node in graph.nodes:
        if node.op != "reshape":
            continue
        home = node.inputs[0]
        while home in found:
            home = found[home]
        old = graph[home].type.shape
        users = [graph[i] for i in graph.users[node.id]]
        if all(_reads(user, kinds[user.id], node, old) for user in users):
            found[node.id] = node.inputs[0]
    return found


def _reads(user: Node, kind: str, view: Node, old: Shape) -> bool:
    """Whether a node finds the elements of a view of a value of shape `old`."""
    form, shape = family(view.type.format), view.type.shape
    item = ITEM_BYTES[form]
    if alike(old, shape, item):
        return True
    if kind in BY_ELEMENT:
        return item >= WORD or side_by_side(old, item) or core(old) == core(shape)
    if kind not in PARTICULAR or form not in FORMATS:
        return True
    return kind == MATMUL and form == "float32" and _apart(user, view, old)


def _apart(user: Node, view: Node, old: Shape) -> bool:
    """Whether a product of float32 takes a view as it is: elements that are equally far apart, in rows or one column.

    Its second factor has elements of a row side by side.
    """
    shape, item = view.type.shape, ITEM_BYTES["float32"]
    if shape[-1] == 1:
        return side_by_side(old, item)
    return old[-1:] == (1,) and view.id not in user.inputs[1:]
