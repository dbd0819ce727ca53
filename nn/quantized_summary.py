"""An integer network as a table: its steps, what they compute, and on which grids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spinntensor.nn.quantized_layers import Weighted
from spinntensor.nn.quantized_model import words

if TYPE_CHECKING:
    from spinntensor.nn.quantized_model import QuantizedModel, Step

__all__ = ["summary"]

HEAD = ("step", "computes", "inputs", "output shape", "result", "parameters", "MACs")
RIGHT = (5, 6)
"""Columns of numbers."""


def summary(model: QuantizedModel) -> str:
    """A line for each step, the totals, and which layers compute in float32; shapes and MACs are of one sample."""
    rows = [_row(model, s) for s in model.steps]
    end = ("total", "", "", "", "", f"{model.parameters:,}", f"{model.macs:,}")
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, end, strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    real = model.float_layers
    lines = [
        f"QuantizedModel {model.name!r}, int8",
        rule,
        _line(HEAD, widths),
        rule,
        *[_line(row, widths) for row in rows],
        rule,
        _line(end, widths),
        f"in float32: {', '.join(real) if real else 'no layer, all compute in integers'}",
        f"calibration: {model.calibration}",
        f"transforms: {', '.join(model.transforms)}",
    ]
    return "\n".join(lines)


def _row(model: QuantizedModel, step: Step) -> tuple[str, ...]:
    operation = step.operation
    computes = "input" if operation is None else operation.words
    if operation is not None and not operation.integer:
        computes += " (float32)"
    names = ", ".join(model.steps[i].name for i in step.inputs)
    shape = " x ".join(map(str, step.shape)) or "()"
    count = operation.kernel.size + operation.bias.size if isinstance(operation, Weighted) else 0
    return step.name, computes, names, shape, words(step.grid), f"{count:,}", f"{step.macs:,}"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    placed = [
        cell.rjust(width) if i in RIGHT else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(placed).rstrip()
