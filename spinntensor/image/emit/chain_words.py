"""Argument records of the kernels of element-wise chains, and the tables and words that depend on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import frexp
from typing import Any

import numpy as np

from spinntensor import abi
from spinntensor.abi.struct import Struct
from spinntensor.abi.vector import ELTWISE, ELTWISE_COUNTED
from spinntensor.formats.description import Quantized, limits
from spinntensor.graph.graph import Graph, Node
from spinntensor.image.emit.action import EXPONENT, Spot, Step, Word
from spinntensor.kernels import f32_dequantize_8, f32_quantize_8
from spinntensor.kernels._float_tables import exp_table, log_table, sigmoid_table, tanh_table
from spinntensor.ops.convert import grid_of_attributes
from spinntensor.ops.operation import family
from spinntensor.ops.shape import bfp16_axis
from spinntensor.plan.recipes.chain import Instruction
from spinntensor.plan.recipes.chain_graph import rounding

FROM, TO = 158, 141
"""What is added to an exponent in the records of the kernels that make mantissas, and that read them."""
STORED = {"bfp16": np.int16, "int64": np.int32, "bool": np.uint8}
"""How formats are stored on a core, where not as on the host."""
_TABLES = {"f32_exp": exp_table, "f32_log": log_table, "f32_tanh": tanh_table, "f32_sigmoid": sigmoid_table}
_BITS = {"s8": 8, "u8": 8, "s16": 16, "s32": 32}
_PAIR = 64
_HIGH = 158


def stored_type(form: str) -> np.dtype[Any]:
    """How numbers of a format are stored on a core."""
    name = family(form)
    return np.dtype(STORED.get(name, name))


def table(graph: Graph, kernel: str, node: int) -> np.ndarray:
    """The table of a kernel that computes a node; by the node's grid where it depends on one."""
    if kernel in _TABLES:
        return _TABLES[kernel]()
    found = graph[node]
    given = dict(found.attributes)
    form = str(given["format"]) if kernel == f32_quantize_8.NAME else graph[found.inputs[0]].type.format
    return _grid_table(kernel, form, given["scale"], given["zero"], bool(given.get("symmetric", False)))


@lru_cache(256)
def _grid_table(kernel: str, form: str, scale: Any, zero: Any, symmetric: bool) -> np.ndarray:
    grid = grid_of_attributes(form, scale, zero, None, symmetric)
    if kernel == f32_quantize_8.NAME:
        return f32_quantize_8.table(grid)
    return f32_dequantize_8.table(Quantized(grid, np.zeros(1, stored_type(form))))


def numbers(graph: Graph, kernel: str, node: int, exponent: Spot | None) -> dict[str, int | Word]:
    """The fields that depend on a node's grid or exponent.

    exponent : where the largest magnitude lies that the exponent is made of; None where it is known.
    """
    if kernel == "bfp16_from_f32":
        return {"bias": _bias(FROM, _given(graph[node]), exponent)}
    if kernel == "bfp16_to_f32":
        return {"bias": _bias(TO, _given(rounding(graph, graph[node].inputs[0])), exponent)}
    given: dict[str, Any] = dict(graph[node].attributes) if node >= 0 else {}
    if kernel == "f32_quantize_8":
        form = str(given["format"])
        grid = grid_of_attributes(
            form, given["scale"], given["zero"], None, bool(given.get("symmetric", False))
        )
        bottom = limits(grid.format)[1] - f32_quantize_8.STEPS + 1
        return {"zero": int(given["zero"][0]) - bottom, "first": bottom}
    if kernel == "f32_dequantize_s32":
        fraction, e = frexp(float(given["scale"][0]))
        significand = int(fraction * (1 << 53)) << 11
        return {"high": significand >> 32, "low": significand & 0xFFFFFFFF, "exponent": e + _HIGH}
    return {}


def _given(node: Node) -> int:
    """The exponent that an operation names; 0 where it has one for each index of an axis, or finds it."""
    given: dict[str, Any] = dict(node.attributes)
    several = bfp16_axis(node.type.format) is not None
    return int(given["exponent"][0]) if "exponent" in given and not several else 0


def _bias(base: int, exponent: int, spot: Spot | None) -> int | Word:
    return base + exponent if spot is None else Word(spot, EXPONENT, base)


def lanes(kernel: str) -> int:
    """Elements of a pair of words, of a kernel that takes these."""
    return _PAIR // _BITS[kernel.rsplit("_", 1)[1]]


def step(
    instruction: Instruction,
    n: int,
    sources: Sequence[tuple[Spot, int]],
    target: Spot,
    more: dict[str, int | Spot | Word],
) -> Step:
    """A call on `n` elements.

    sources : where each operand lies, and bytes from one element to the next (0 for one number).
    more : tables, counts, and what depends on a grid.
    """
    kernel, (x, *others) = instruction.kernel, sources
    record: Struct = abi.KERNELS[kernel]
    words: dict[str, int | Spot | Word] = dict(more)
    if kernel == "select_s32":
        (a, a_step), (b, b_step) = others
        words |= {"condition": x[0], "a": a, "b": b, "a_step": a_step, "b_step": b_step}
    elif others:
        ((b, apart),) = others
        words |= {"a": x[0], "b": b, "step": 4 if apart else 0}
    else:
        words["q" if kernel == "bfp16_to_f32" else "x"] = x[0]
    words["q" if kernel == "bfp16_from_f32" else "y"] = target
    if record in (ELTWISE, ELTWISE_COUNTED):
        words["pairs"] = -(-n // lanes(kernel))
    elif "pairs" in record.names:
        words["pairs"] = -(-n // 2)
    else:
        words["count"] = n
    return Step(kernel, words)
