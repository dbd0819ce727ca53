"""The bare tensor: an expression, the grid of its integers, and its value when asked; operators come on top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from spinntensor.errors import ShapeError
from spinntensor.formats import Grid, Quantized, dequantize
from spinntensor.graph.builder import caller
from spinntensor.graph.graph import Attribute
from spinntensor.ops.operation import DTYPES, family
from spinntensor.tensors.evaluate import evaluate
from spinntensor.tensors.expression import Expression, make

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor


class Base:
    """An expression under a name; what the functions of this package take and give.

    grid : what the integers of an int8, uint8 or int32 tensor stand for; None for plain numbers.
    """

    __slots__ = ("__weakref__", "_node", "grid")
    result: type[Any]
    """The class of results: `Tensor`, set where it is defined."""

    def __init__(self, node: Expression, grid: Grid | None = None) -> None:
        self._node = node
        self.grid = grid
        node.handle = ref(self)

    @property
    def node(self) -> Expression:
        """The expression that this tensor names now."""
        return self._node

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self.node.type.shape

    @property
    def format(self) -> str:
        """The number format, such as `float32` or `int8`."""
        return self.node.type.format

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.node.type.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.node.type.size

    @property
    def dtype(self) -> np.dtype:
        """The type of `numpy()`: float32 for int8, uint8 and bfp16 tensors that stand for real numbers."""
        if self.grid is not None or family(self.format) == "bfp16":
            return np.dtype(np.float32)
        return DTYPES[self.format]

    def value(self) -> np.ndarray | Quantized:
        """What is stored, computed now if it was not before; nobody may write it."""
        node = self.node
        if node.value is None:
            evaluate([node])
        assert node.value is not None
        return node.value

    def quantized(self) -> Quantized:
        """The stored integers and their grid; ShapeError for a tensor of plain numbers."""
        value = self.value()
        if isinstance(value, Quantized):
            return value
        if self.grid is None:
            raise ShapeError(
                "quantized",
                f"{self.node.type}",
                "a quantised tensor",
                "use numpy(), or st.quantize it first",
                caller(),
            )
        return Quantized(self.grid, value)

    def numpy(self) -> np.ndarray:
        """The numbers as an array that nobody may write: float32 if they are quantised, else as they are stored."""
        value = self.value()
        if isinstance(value, Quantized) or self.grid is not None:
            value = dequantize(self.quantized())
        view = value.view()
        view.flags.writeable = False
        return view


def apply(op: str, *operands: Base, grid: Grid | None = None, **attributes: Attribute) -> Tensor:
    """The tensor of an operation of the graph; `grid` says what its integers stand for."""
    return Base.result(make(op, *[x.node for x in operands], **attributes), grid)
