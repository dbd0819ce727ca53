"""What every layer is: a name, arguments, rules for shapes and weights, and a function of tensors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np

import spinntensor as st
from spinntensor.errors import OperandError, ShapeError, WeightsError
from spinntensor.graph.builder import caller
from spinntensor.nn.graph import Shape, Symbol
from spinntensor.nn.initializers import Initializer, initialize

__all__ = ["INFERENCE", "Layer", "Mode", "Shape", "Symbol", "Weight"]

FORMATS = ("float32", "bfp16")
"""Formats in which layers compute their products."""


@dataclass(frozen=True)
class Mode:
    """How a model is run.

    Parameters
    ----------
    training : statistics of the batch in place of moving ones, and dropout.
    format : of the operands of products (Dense, convolutions): "bfp16" rounds inputs, one exponent for the tensor,
        and kernels, one for each output channel, to 16-bit mantissas; results and everything else stay float32.
    generator : what dropout draws from in training.
    group : images that batch normalisation takes its statistics over; part of the result's definition.
    """

    training: bool = False
    format: Literal["float32", "bfp16"] = "float32"
    generator: st.Generator | None = None
    group: int = 32

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            mend = "use model.quantize for integer formats"
            raise OperandError("Mode", "format", repr(self.format), " or ".join(map(repr, FORMATS)), mend)
        if isinstance(self.group, bool) or not isinstance(self.group, int) or self.group < 1:
            raise OperandError(
                "Mode", "group", repr(self.group), "an integer from 1 on", "choose a number of images"
            )


INFERENCE = Mode()
"""float32 with moving statistics."""


@dataclass(frozen=True)
class Weight:
    """A weight that a layer will have.

    name : such as "kernel".
    shape : as Keras has it.
    initializer : name of an initializer, or one.
    trainable : False for what training updates by other means than gradients.
    """

    name: str
    shape: Shape
    initializer: str | Initializer
    trainable: bool = True


class Layer:
    """Base of all layers.

    Parameters
    ----------
    name : unique in a model; None lets the model choose one, from the class's name and a number.

    A subclass keeps every argument of its constructor in an attribute of the same name, which must hold something
    that JSON can, and defines `output_shape` and `call`; `weights_spec` and `macs` if it has weights or products.

    Attributes
    ----------
    weights : variables by name, in Keras's order; empty until `build`.
    trainable : set it to False to freeze the layer: no gradients, and moving statistics in batch normalisation.
    """

    def __init__(self, name: str | None = None) -> None:
        if name is not None and (not isinstance(name, str) or not name or "/" in name):
            mend = "leave it out for a name of the class"
            raise OperandError(type(self).__name__, "name", repr(name), "a string without '/'", mend)
        self.name = name if name is not None else default_name(type(self))
        self.named = name is not None
        self.trainable = True
        self.weights: dict[str, st.Variable] = {}
        self._trained: frozenset[str] = frozenset()

    # What subclasses define ---------------------------------------------------------------------------------

    def output_shape(self, *input_shapes: Shape) -> Shape:
        """Shape of one sample of the result; ShapeError, with the layer's name, for inputs it cannot take."""
        raise NotImplementedError

    def weights_spec(self, *input_shapes: Shape) -> tuple[Weight, ...]:
        """The weights for inputs of these shapes, in Keras's order."""
        return ()

    def call(self, *inputs: st.Tensor, mode: Mode) -> st.Tensor:
        """The result for a batch: tensors [N, *shape]."""
        raise NotImplementedError

    def macs(self, *input_shapes: Shape) -> int:
        """Multiply-accumulate operations of one sample."""
        return 0

    # What all layers have -----------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __call__(self, *inputs: Symbol | Sequence[Symbol]) -> Symbol:
        """The symbol of the result; several inputs are given one by one or as a list."""
        given: list[Any] = []
        for x in inputs:
            given.extend(x) if isinstance(x, list | tuple) else given.append(x)
        strange = next((x for x in given if not isinstance(x, Symbol)), None)
        if strange is not None:
            mend = "start from nn.Input; a model computes tensors"
            raise self.refuse(f"an input of type {type(strange).__name__}", "symbols", mend)
        return Symbol(self, tuple(given), self.output_shape(*[x.shape for x in given]))

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, ready for JSON; "trainable" as well when the layer is frozen."""
        found = {
            n: getattr(self, n) for n in inspect.signature(type(self).__init__).parameters if n != "self"
        }
        return found if self.trainable else {**found, "trainable": False}

    def build(self, rng: st.Generator, *input_shapes: Shape) -> None:
        """Make the weights, drawing from `rng`; a layer that has them keeps them if they fit."""
        spec = self.weights_spec(*input_shapes)
        if self.weights:
            have = {name: v.shape for name, v in self.weights.items()}
            wanted = {w.name: w.shape for w in spec}
            if have != wanted:
                mend = "use a layer of its own for each shape of input"
                raise self.refuse(
                    f"inputs {_shapes(input_shapes)}, weights {wanted}", f"weights {have}", mend
                )
            return
        self.weights = {
            w.name: st.Variable(initialize(w.initializer, w.shape, rng), name=f"{self.name}/{w.name}")
            for w in spec
        }
        self._trained = frozenset(w.name for w in spec if w.trainable)

    @property
    def trainable_weights(self) -> list[st.Variable]:
        """Variables that gradients change."""
        return [v for n, v in self.weights.items() if n in self._trained] if self.trainable else []

    @property
    def parameters(self) -> int:
        """Number of elements of all weights."""
        return sum(v.size for v in self.weights.values())

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights, in order."""
        return [np.array(v.numpy()) for v in self.weights.values()]

    def set_weights(self, values: Sequence[Any]) -> None:
        """Give the weights new values; WeightsError, and no change, unless all fit."""
        for variable, value in zip(self.weights.values(), self.checked(values), strict=True):
            variable.assign(value)

    def checked(self, values: Sequence[Any]) -> list[np.ndarray]:
        """The arrays as float32; WeightsError for a wrong number of them, a wrong shape, or one that is not finite."""
        values, names = list(values), list(self.weights)
        if len(values) != len(names):
            wanted = ", ".join(f"{n} {v.shape}" for n, v in self.weights.items()) or "none"
            mend = "give the arrays in the order of get_weights()"
            raise WeightsError(self.name, "", f"{len(values)} arrays", f"{len(names)}: {wanted}", mend)
        return [self._checked(name, value) for name, value in zip(names, values, strict=True)]

    def _checked(self, name: str, value: Any) -> np.ndarray:
        array = np.asarray(value)
        wanted = self.weights[name].shape
        if array.shape != wanted:
            mend = "weights have Keras's shapes"
            raise WeightsError(self.name, name, f"shape {array.shape}", f"shape {wanted}", mend)
        if array.dtype.kind not in "iuf":
            raise WeightsError(self.name, name, str(array.dtype), "real numbers", "convert them with NumPy")
        with np.errstate(over="ignore"):
            numbers = array.astype(np.float32)
        if not np.isfinite(numbers).all():
            where = np.argwhere(~np.isfinite(numbers))
            first = tuple(int(i) for i in where[0])
            received = f"{len(where):,} numbers that are not finite in float32, the first {array[first]!s} at {first}"
            raise WeightsError(self.name, name, received, "finite numbers", "look where they come from")
        return numbers

    def refuse(self, received: Any, expected: str, mend: str) -> ShapeError:
        """A ShapeError that names the layer, to be raised."""
        return ShapeError(self.label, str(received), expected, mend, caller())

    @property
    def label(self) -> str:
        """Class and name, as errors give them."""
        return f"{type(self).__name__} {self.name!r}"

    def only(self, input_shapes: Sequence[Shape], *ranks: int) -> Shape:
        """The shape of the only input; ShapeError for several, or for a number of axes that is not in `ranks`."""
        if len(input_shapes) != 1:
            raise self.refuse(f"{len(input_shapes)} inputs", "one", "join them first, or call it for each")
        (shape,) = input_shapes
        if ranks and len(shape) not in ranks:
            names = " or ".join(f"{RANKS.get(r, f'{r} axes')}" for r in ranks)
            raise self.refuse(f"an input of shape {shape}", f"{names}, without the batch", "reshape it")
        return shape


RANKS = {1: "(features,)", 2: "(width, channels)", 3: "(height, width, channels)"}
"""Shapes in words."""


def default_name(kind: type) -> str:
    """The name of a class in Keras's way: `max_pool2d` for MaxPool2D, `input` for InputLayer."""
    words = re.sub(
        r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", kind.__name__.removesuffix("Layer")
    )
    return words.lower() or "layer"


def size(shape: Shape) -> int:
    """Elements of one sample."""
    return prod(shape)


def _shapes(shapes: Sequence[Shape]) -> str:
    return ", ".join(map(str, shapes)) or "none"
