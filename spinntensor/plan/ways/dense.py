"""Ways of int8 matrix products with constant weights: one vector, or several at a time."""

from __future__ import annotations

from spinntensor.kernels.dense_tile import Dense
from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.bytes_maps import read_back
from spinntensor.plan.recipes.conv import Use
from spinntensor.plan.recipes.dense import vector
from spinntensor.plan.recipes.search import ConvBox, every
from spinntensor.plan.ways.setting import BYTES, Setting
from spinntensor.plan.ways.way import Sizes, Way, balanced

M, N = range(2)
UNIT = 8
"""Outputs of a tile are cut at multiples of a double word."""
MOST_ROWS = 192


def matmul(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """A product of bytes [M,K] with int8 weights [K,N], and its requantisation."""
    node = setting.node(stage, "matmul")
    assert node is not None
    if setting.form(node.inputs[0]) not in BYTES or len(stage.axes) != 2 or not stage.sums:
        return ()
    if setting.node(stage, "requantize") is None:
        return ()
    k = stage.sums.size
    rows, columns = (axis.size for axis in stage.axes)
    read = setting.node(stage, "dequantize") is not None
    out = node if not read else setting.node(stage, "requantize")
    assert out is not None
    signed = setting.form(node.inputs[0]) == "int8", out.type.format == "int8"

    def finished(made: Recipe, sizes: Sizes) -> Recipe:
        return read_back(made, sizes[M] * sizes[N], signed[1]) if read else made

    def one(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        made = finished(vector(Dense(k, sizes[N]), Use(signed, "x" in stay, "w" in stay)), sizes)
        return (made,) if made.dtcm_bytes <= setting.room else ()

    def several(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        m, n = sizes
        box = ConvBox((1, m), k, n, (1, 1), by_rows=(False, n < columns))
        use = Use(signed, "x" in stay, "w" in stay, late=True)
        found = [finished(made, sizes) for made in every(box, setting.room, use, ())]
        return setting.quickest([made for made in found if made.dtcm_bytes <= setting.room], stay)

    operands = (("x", frozenset({M})), ("w", frozenset({N})))
    tried = balanced(columns, UNIT)
    some = balanced(rows, most=MOST_ROWS)
    return (
        Way("dense, one vector", ((1,), tried), operands, one, ((M, N), (N, M)), units=(1, UNIT)),
        Way("dense", (some, tried), operands, several, ((M, N), (N, M)), units=(1, UNIT)),
    )
