"""Variables: tensors whose value changes from call to call, such as parameters and counters."""

from __future__ import annotations

from typing import Any
from weakref import ref

from spinntensor.graph.graph import TensorType
from spinntensor.tensors.evaluate import evaluate, pending
from spinntensor.tensors.expression import Expression
from spinntensor.tensors.operands import operand, refuse, tensor
from spinntensor.tensors.tensor import Tensor
from spinntensor.tensors.trace import current

__all__ = ["Variable"]


class Variable(Tensor):
    """A tensor that `assign` changes; shape and format stay.

    Parameters
    ----------
    value : what `st.tensor` takes; the first value.
    format : of the value, see `st.tensor`.
    name : for people; graphs show it.

    A tensor computed from the variable before an assignment keeps the value that was read. Inside `st.compile`,
    `st.grad` and `st.vjp` assignments become updates of the graph and take place when the call ends.
    """

    __slots__ = ("name",)

    def __init__(self, value: Any, format: str | None = None, name: str = "") -> None:
        start = tensor(value, format)
        super().__init__(start.node, start.grid)
        self.name = name

    @property
    def node(self) -> Expression:
        """The expression of the value it holds now, inside a trace that of the trace."""
        trace = current()
        return self._node if trace is None else trace.state(self).now

    @property
    def type(self) -> TensorType:
        """Shape and format, which never change."""
        return self._node.type

    def assign(self, value: Any) -> Variable:
        """Hold `value` from now on; ShapeError unless shape and format are the variable's own."""
        new = operand("assign", value, self)
        if new.node.type != self.node.type:
            raise refuse(
                "assign",
                f"{new.node.type} for variable {self.name or ''}{self.node.type}",
                "the variable's own shape and format",
                "reshape or convert the new value",
            )
        trace = current()
        if trace is not None:
            trace.state(self).now = new.node
            return self
        if self._node.value is None:
            evaluate([])  # a step is computed before the next one is recorded, so that expressions stay short
        self.hold(new.node)
        if new.node.value is None:
            pending.append(ref(new.node))
        return self

    def hold(self, node: Expression) -> None:
        """Name another expression of the same type."""
        self._node = node
        node.handle = ref(self)

    def assign_add(self, value: Any) -> Variable:
        """Add to what it holds."""
        return self.assign(self + value)

    def assign_sub(self, value: Any) -> Variable:
        """Subtract from what it holds."""
        return self.assign(self - value)
