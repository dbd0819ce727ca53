"""What models in other number formats have in common: predict, evaluate, and what they were made from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.graph.graph import Graph
from spinntensor.machine.grammar import Target
from spinntensor.nn.batches import batches
from spinntensor.nn.graph import Network, Shape, Symbol
from spinntensor.nn.objective import Objective, Totals, objective
from spinntensor.nn.prediction import Function, predict

if TYPE_CHECKING:
    from spinntensor.nn.model import Model

__all__ = ["ConvertedModel"]

Observer = Callable[[str, st.Tensor], None]


class ConvertedModel(ABC):
    """A model for inference in another number format; `Model.quantize` makes one.

    name : of the model it was made from.
    format : "int8" or "bfp16".
    transforms : what was done to the model, in order.
    objective : losses and metrics of the model, if it was compiled; `evaluate` uses them.
    synthetic : whether the weights are random numbers, so that labels carry no meaning.
    """

    name: str
    format: str
    transforms: tuple[str, ...]
    objective: Objective | None
    synthetic: bool

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.format!r})"

    @property
    @abstractmethod
    def network(self) -> Network:
        """Inputs and outputs, with their names and shapes."""

    @property
    @abstractmethod
    def macs(self) -> int:
        """Multiply-accumulate operations of one sample."""

    @property
    @abstractmethod
    def float_layers(self) -> tuple[str, ...]:
        """Names of the layers that compute in float32, in order."""

    @property
    @abstractmethod
    def covers(self) -> Mapping[str, tuple[str, ...]]:
        """For each step by name the layers of the model that it computes, and the last of which gives what it gives."""

    @property
    @abstractmethod
    def reads(self) -> Mapping[str, tuple[str, ...]]:
        """For each step by name the steps that it reads."""

    @abstractmethod
    def forward(self, *xs: Any, observe: Observer | None = None) -> Any:
        """The result for a batch, float32 numbers in and out; a list of tensors for a model of several outputs.

        observe : is told the name of each step and its result, in order.
        """

    @abstractmethod
    def compiled(self, format: Any = None) -> Function:
        """`forward` as a compiled function of tensors, which keeps a graph for each batch size."""

    @abstractmethod
    def graph(self, *shapes: Shape) -> Graph:
        """The graph that `predict` runs for inputs of these shapes, the batch included."""

    @abstractmethod
    def summary(self) -> str:
        """A table of the steps, and which of them compute in float32."""

    @abstractmethod
    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a file, whole or not at all; `load_converted` reads it. OutputError if it cannot be."""

    @property
    def inputs(self) -> tuple[Symbol, ...]:
        """The symbols of the inputs."""
        return self.network.inputs

    @property
    def outputs(self) -> tuple[Symbol, ...]:
        """The symbols of the results."""
        return self.network.outputs

    def __call__(self, *xs: Any) -> Any:
        return self.forward(*xs)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        format: Any = None,
        progress: bool | None = None,
        machine: str | Target | None = None,
    ) -> Any:
        """The results for many samples as float32; arguments as for `Model.predict`.

        format : None, or the model's own.
        """
        if format not in (None, self.format):
            mend = "make another model with quantize, or use the float model"
            raise OperandError("predict", "format", repr(format), repr(self.format), mend)
        return predict(self, x, batch_size, self.format, progress, machine)

    def evaluate(
        self, x: Any, y: Any = None, *, batch_size: int = 32, loss: Any = None, metrics: Sequence[Any] = ()
    ) -> dict[str, float]:
        """Loss and metrics on data.

        Parameters
        ----------
        x, y : as for `Model.fit`.
        loss, metrics : as for `Model.compile`; without a loss those that the model was compiled with before it was
            quantised. OperandError if it was not.
        """
        watched = self.objective if loss is None else objective(self.outputs, loss, metrics)
        if watched is None:
            mend = "give a loss, or compile the model before it is quantised"
            raise OperandError("evaluate", "loss", "None", "what the results are compared by", mend)
        run, judge = self.compiled(), st.compile(watched)
        totals = Totals()
        for xs, ys in batches(x, y, self.inputs, watched, batch_size).batches():
            made = run(*[st.tensor(a) for a in xs])
            _, seen = judge(made if isinstance(made, list) else [made], ys)
            totals.add({k: v.numpy() for k, v in seen.items()}, watched.places(ys))
        return totals.means()


def of_model(model: Model) -> Objective | None:
    """Losses and metrics of a compiled model."""
    return None if model.trainer is None else model.trainer.objective
