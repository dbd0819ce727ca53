"""Ways of int8 matrix products with constant weights: one vector, or several at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from spinntensor.kernels.dense_tile import Dense
from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe, Transfer
from spinntensor.plan.recipes.bytes_maps import read_back
from spinntensor.plan.recipes.conv import Use
from spinntensor.plan.recipes.dense import vector
from spinntensor.plan.recipes.parts import up
from spinntensor.plan.recipes.search import ConvBox, alike, every
from spinntensor.plan.ways.convolution import symmetric
from spinntensor.plan.ways.setting import BYTES, Setting, attributes
from spinntensor.plan.ways.way import Sizes, Way, balanced

M, N = range(2)
UNIT = 8
"""Outputs of a tile are cut at multiples of a double word."""
MOST_ROWS = 192
FLOAT = 4
"""Bytes of a result that leaves as float32."""


@dataclass(frozen=True)
class Product:
    """What a stage computes, by sizes.

    Parameters
    ----------
    rows, columns : of the results.
    inputs : of a vector, those included that fill up pixels within it.
    taken, pixel : so many inputs lie side by side, and the bytes from there to the next ones.
    pitch : bytes from vector to vector.
    signed : whether input and result are int8, else uint8.
    read : whether the results leave as float32.
    packed : whether no weight is -128.
    """

    rows: int
    columns: int
    inputs: int
    taken: int
    pixel: int
    pitch: int
    signed: tuple[bool, bool]
    read: bool
    packed: bool

    def dense(self, n: int) -> Dense:
        """One vector and so many outputs."""
        return Dense(self.inputs, n, (self.pitch, 0))

    def box(self, m: int, n: int) -> ConvBox:
        """Several vectors as the pixels of a convolution; those of the results in whole double words."""
        out = n + n % 2 if self.read else up(n)
        pitch = self.pitch if self.pitch > self.inputs else 0, out if out > n else 0
        return ConvBox((1, m), self.inputs, n, (1, 1), pitch=pitch)


def described(setting: Setting, stage: Stage) -> Product | None:
    """The sizes of a stage of this kind; None for a product that these kernels do not compute."""
    node, last = setting.node(stage, "matmul"), setting.node(stage, "requantize")
    if node is None or last is None or setting.form(node.inputs[0]) not in BYTES or len(stage.axes) != 2:
        return None
    if setting.scales(stage):
        return None
    known = all(setting.constant(i) for i in (node.inputs[1], *last.inputs[1:]))
    if not known or attributes(node)["b_zero"] != 0 or setting.form(node.inputs[1]) != "int8":
        return None
    rows, columns = (axis.size for axis in stage.axes)
    lies = _lies(setting, node.inputs[0], rows, setting.lowered.graph[node.inputs[0]].type.shape[-1])
    if lies is None:
        return None
    signed = setting.form(node.inputs[0]) == "int8", last.type.format == "int8"
    read = setting.node(stage, "dequantize") is not None
    return Product(rows, columns, *lies, signed, read, symmetric(setting, node.inputs[1]))


def _lies(setting: Setting, number: int, rows: int, k: int) -> tuple[int, int, int, int] | None:
    """`inputs`, `taken`, `pixel` and `pitch` of vectors as they lie; None where they do not lie row by row."""
    layout = setting.layout(number)
    shape, pitch = layout.shape, layout.nbytes // rows
    if layout.nbytes % rows or pitch % UNIT:
        return None
    if pitch == k or shape == (rows, k) or (rows == 1 and shape == (k,)):
        return k, k, pitch, pitch
    if shape[0] != rows or layout.block:
        return None
    return pitch - layout.row + shape[-1], shape[-1], layout.row, pitch


def matmul(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """A product of bytes [M,K] with int8 weights [K,N], and its requantisation."""
    found = described(setting, stage)
    if found is None:
        return ()

    def one(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        made = vector(found.dense(sizes[N]), Use(found.signed, "x" in stay, "w" in stay))
        made = read_back(made, sizes[N], found.signed[1]) if found.read else made
        return (made,) if made.dtcm_bytes <= setting.room else ()

    def use(stay: frozenset[str]) -> Use:
        return Use(found.signed, "x" in stay, "w" in stay, late=True, packed=found.packed)

    def several(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        box = found.box(*sizes)
        made = [_leaving(found, recipe, box) for recipe in every(box, setting.room, use(stay), ())]
        return setting.quickest([recipe for recipe in made if recipe.dtcm_bytes <= setting.room], stay)

    def like(sizes: Sizes, stay: frozenset[str], recipe: Recipe) -> Recipe | None:
        box = found.box(*sizes)
        packed = alike(box, setting.room, use(stay), recipe)
        made = packed and _leaving(found, packed, box)
        return made if made and made.dtcm_bytes <= setting.room else None

    operands = (("x", frozenset({M})), ("w", frozenset({N})))
    tried = balanced(found.columns, UNIT)
    some = balanced(found.rows, most=MOST_ROWS)
    return (
        Way("dense, one vector", ((1,), tried), operands, one, ((M, N), (N, M)), units=(1, UNIT)),
        Way("dense", (some, tried), operands, several, ((M, N), (N, M)), None, (1, UNIT), like),
    )


def _leaving(found: Product, recipe: Recipe, box: ConvBox) -> Recipe:
    """The recipe of several vectors, whose results leave row by row where they are parts of rows, or as float32."""
    m, n, pitch = box.out[1], box.out_channels, box.pitch[1] or box.out_channels
    made = read_back(recipe, m * pitch, found.signed[1]) if found.read else recipe
    if n == found.columns:
        return made
    nbytes = up(FLOAT * n if found.read else n)
    return replace(made, stores=(Transfer("y", m * nbytes, m),))
