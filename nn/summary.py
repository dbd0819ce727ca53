"""A model as a table: its layers, the shapes they give, their weights and their work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spinntensor.nn.graph import Symbol

if TYPE_CHECKING:
    from spinntensor.nn.model import Model

__all__ = ["summary"]

HEAD = ("layer", "class", "inputs", "output shape", "parameters", "MACs")
RIGHT = (4, 5)
"""Columns of numbers."""


def summary(model: Model) -> str:
    """A line for each node of the model, and the totals; shapes are those of one sample, MACs for one sample.

    A layer that was called several times has a line for each call, and its parameters in the first.
    """
    counted: set[object] = set()
    rows = []
    for node in model.nodes:
        rows.append(_row(node, 0 if node.layer in counted else node.layer.parameters))
        counted.add(node.layer)
    end = ("total", "", "", "", f"{model.parameters:,}", f"{model.macs:,}")
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, end, strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    trained = sum(v.size for v in model.trainable_variables)
    return "\n".join(
        [
            f"{type(model).__name__} {model.name!r}",
            rule,
            _line(HEAD, widths),
            rule,
            *[_line(row, widths) for row in rows],
            rule,
            _line(end, widths),
            f"trainable {trained:,}, not trainable {model.parameters - trained:,}",
        ]
    )


def _row(node: Symbol, parameters: int) -> tuple[str, ...]:
    layer = node.layer
    names = ", ".join(s.layer.name for s in node.inputs)
    shape = " x ".join(map(str, node.shape)) or "()"
    macs = layer.macs(*[s.shape for s in node.inputs])
    return layer.name, type(layer).__name__, names, shape, f"{parameters:,}", f"{macs:,}"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    placed = [
        cell.rjust(width) if i in RIGHT else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(placed).rstrip()
