"""The tensor users hold: NumPy's operators, methods and protocols on a lazy value.

Methods are the functions of this package with the tensor as their first argument; their documentation is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from spinntensor.errors import TraceError
from spinntensor.tensors import (
    comparison,
    elementwise,
    indexing,
    linalg,
    manipulation,
    operands,
    protocols,
    reduction,
    selection,
)
from spinntensor.tensors.base import Base
from spinntensor.tensors.grids import words


class Tensor(Base):
    """A lazy array of one number format, which never changes; `st.tensor` makes one.

    Operators, indexing and methods follow NumPy; each makes a new tensor and is computed when a value is asked for:
    by `numpy()`, printing, `float()`, `bool()`, `item()`. `a += b` names a new tensor `a`.
    """

    __slots__ = ()
    __hash__ = object.__hash__
    """By identity: `==` compares elements."""

    # Operators. The functions themselves are the methods, so that nothing stands between.

    __add__ = elementwise.add
    __sub__ = elementwise.subtract
    __mul__ = elementwise.multiply
    __truediv__ = elementwise.divide
    __floordiv__ = elementwise.floor_divide
    __mod__ = elementwise.remainder
    __divmod__ = elementwise.divmod
    __matmul__ = linalg.matmul
    __pow__ = elementwise.power
    __neg__ = elementwise.negative
    __pos__ = elementwise.positive
    __abs__ = elementwise.absolute
    __round__ = elementwise.round
    __floor__ = elementwise.floor
    __ceil__ = elementwise.ceil
    __trunc__ = elementwise.trunc
    __lt__ = comparison.less
    __le__ = comparison.less_equal
    __gt__ = comparison.greater
    __ge__ = comparison.greater_equal
    __getitem__ = indexing.getitem

    def __radd__(self, other: Any) -> Tensor:
        return elementwise.add(other, self)

    def __rsub__(self, other: Any) -> Tensor:
        return elementwise.subtract(other, self)

    def __rmul__(self, other: Any) -> Tensor:
        return elementwise.multiply(other, self)

    def __rtruediv__(self, other: Any) -> Tensor:
        return elementwise.divide(other, self)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return elementwise.floor_divide(other, self)

    def __rmod__(self, other: Any) -> Tensor:
        return elementwise.remainder(other, self)

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return elementwise.divmod(other, self)

    def __rpow__(self, other: Any) -> Tensor:
        return elementwise.power(other, self)

    def __rmatmul__(self, other: Any) -> Tensor:
        return linalg.matmul(other, self)

    def __eq__(self, other: object) -> Any:
        return NotImplemented if _no_number(other) else comparison.equal(self, other)

    def __ne__(self, other: object) -> Any:
        return NotImplemented if _no_number(other) else comparison.not_equal(self, other)

    def __and__(self, other: Any) -> Tensor:
        return comparison.logical_and(*_conditions("&", self, other))

    def __or__(self, other: Any) -> Tensor:
        return comparison.logical_or(*_conditions("|", self, other))

    def __xor__(self, other: Any) -> Tensor:
        return comparison.logical_xor(*_conditions("^", self, other))

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> Tensor:
        return comparison.logical_not(*_conditions("~", self))

    # Methods of NumPy's arrays

    sum = reduction.sum
    prod = reduction.prod
    cumsum = reduction.cumsum
    mean = reduction.mean
    var = reduction.var
    std = reduction.std
    max = reduction.max
    min = reduction.min
    argmax = reduction.argmax
    argmin = reduction.argmin
    any = reduction.any
    all = reduction.all
    clip = selection.clip
    round = elementwise.round
    astype = elementwise.astype
    ravel = manipulation.ravel
    flatten = manipulation.flatten
    squeeze = manipulation.squeeze
    swapaxes = manipulation.swapaxes
    repeat = manipulation.repeat
    take = indexing.take
    dot = linalg.dot
    diagonal = linalg.diagonal
    trace = linalg.trace

    def reshape(self, *shape: int | Sequence[int]) -> Tensor:
        """The elements, row-major, in another shape, given as one tuple or as sizes; see `st.reshape`."""
        return manipulation.reshape(self, _one("reshape", shape))

    def transpose(self, *axes: int | Sequence[int] | None) -> Tensor:
        """Permuted axes, given as one tuple or one by one; reversed when there are none; see `st.transpose`."""
        return manipulation.transpose(self, _one("transpose", axes) if axes else None)

    @property
    def T(self) -> Tensor:
        """With the axes reversed."""
        return manipulation.transpose(self)

    @property
    def mT(self) -> Tensor:
        """With the last two axes swapped."""
        return manipulation.swapaxes(self, -1, -2)

    # Values

    def item(self, *index: int) -> Any:
        """The only number, or the one at an index, as a Python number."""
        return self.numpy().item(*index)

    def tolist(self) -> Any:
        """The numbers as nested lists."""
        return self.numpy().tolist()

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a tensor of shape (): it has no axes, use size")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("iteration over a tensor of shape (): it has no axes, use item()")
        return iter(manipulation.unstack(self))

    def __contains__(self, value: Any) -> bool:
        return bool(comparison.equal(self, value).numpy().any())

    def __bool__(self) -> bool:
        return bool(self._only("bool()", "any() or all()"))

    def __float__(self) -> float:
        return float(self._only("float()", "an index or a reduction"))

    def __int__(self) -> int:
        return int(self._only("int()", "an index or a reduction"))

    def __index__(self) -> int:
        if self.ndim or self.grid is not None or self.format not in ("int8", "uint8", "int32", "int64"):
            expected = "an integer tensor of shape ()"
            raise operands.refuse("__index__", f"{self.node.type}", expected, "use int(...)")
        return int(self.numpy())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and not self.ndim else str(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    __array_ufunc__ = protocols.array_ufunc
    __array_function__ = protocols.array_function

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise operands.refuse(
            "__setitem__",
            "an assignment to elements",
            "a new tensor, as tensors never change",
            "use st.where, st.concatenate, or a Variable and assign",
        )

    def __repr__(self) -> str:
        try:
            shown = np.array2string(self.numpy(), separator=", ", prefix="tensor(")
        except TraceError:
            shown = "<traced>"
        shape = f", shape={self.shape}" if shown == "<traced>" or not self.size else ""
        return f"tensor({shown}{shape}, {_format(self)})"

    def __str__(self) -> str:
        try:
            return str(self.numpy())
        except TraceError:
            return repr(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles hold the value, which is computed for that."""
        if self.grid is not None or not isinstance(self.value(), np.ndarray):
            return operands.tensor, (self.quantized(),)
        return operands.tensor, (self.numpy(), self.format)

    def _only(self, what: str, mend: str) -> Any:
        """The only element; ShapeError when there are none or more."""
        if self.size != 1:
            raise operands.refuse(what, f"{self.node.type}", "a tensor of one element", f"use {mend} first")
        return self.numpy().item()


def _no_number(other: object) -> bool:
    """Whether nothing can be equal to it, as for None and texts."""
    return not isinstance(other, int | float | np.generic | list | tuple) and not hasattr(other, "__array__")


def _one(op: str, given: tuple[Any, ...]) -> Any:
    """Arguments that may have come as one sequence."""
    return given[0] if len(given) == 1 else given


def _conditions(sign: str, *values: Any) -> tuple[Any, ...]:
    """Operands of an operator for conditions; ShapeError for numbers."""
    for v in values:
        form = v.format if isinstance(v, Base) else operands.tensor(v).format
        if form != "bool":
            mend = "compare first, as in x > 0, or use st.logical_and, st.logical_or, ..."
            raise operands.refuse(sign, f"format {form}", "bool", mend)
    return values


def _format(x: Base) -> str:
    """Format and grid in few words."""
    return x.format if x.grid is None else f"{x.format}, {words(x.grid)}"


Base.result = Tensor
