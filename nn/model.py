"""Models: any graph of layers; what users build, look at, run, train and keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Literal

import numpy as np

import spinntensor as st
from spinntensor.errors import ShapeError, UnknownNameError
from spinntensor.graph.builder import caller
from spinntensor.machine.grammar import Target
from spinntensor.nn.graph import Network, Symbol, check_samples, network
from spinntensor.nn.layer import INFERENCE, Layer, Mode, default_name

__all__ = ["Model"]

Format = Literal["float32", "bfp16"]


class Model:
    """A graph of layers between inputs and outputs, with shortcuts, branches, several inputs and outputs.

    Parameters
    ----------
    inputs, outputs : symbols, or lists of them: what `Input` gave, and what layers gave that were called.
    name : None takes the class's.
    seed : of the first weights; those of a layer depend on it and on the layer's place in `layers`.

    A layer that was called several times has one set of weights. Layers without a name get one here.

    >>> x = nn.Input((28, 28, 1))
    >>> model = nn.Model(x, nn.Dense(10, activation="softmax")(x))
    """

    def __init__(
        self,
        inputs: Symbol | Sequence[Symbol],
        outputs: Symbol | Sequence[Symbol],
        name: str | None = None,
        seed: int = 0,
    ) -> None:
        self._start(name, seed)
        self._network: Network | None = network(_listed(inputs), _listed(outputs))
        self._name_layers(self._network)
        self._build(self._network)

    def _start(self, name: str | None, seed: int) -> None:
        self.name = name if name is not None else default_name(type(self))
        self.seed = st.Generator(seed).seed
        self.trainer: Any = None
        """What `compile` leaves for `fit`."""
        self.synthetic = True
        """Whether the weights are still random ones, so that results carry no meaning."""
        self.transforms: tuple[str, ...] = ()
        """What was done to the model it was made from, in order, such as batch normalisation folded."""
        self._compiled: dict[str, st.Compiled] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    # The graph ----------------------------------------------------------------------------------------------

    @property
    def network(self) -> Network:
        """Symbols and layers in the order in which they are computed."""
        assert self._network is not None
        return self._network

    @property
    def nodes(self) -> tuple[Symbol, ...]:
        """Every symbol once, each after what it needs."""
        return self.network.nodes

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer once, inputs included, in Keras's order; weights come in the same order."""
        return self.network.layers

    @property
    def inputs(self) -> tuple[Symbol, ...]:
        """The symbols of the inputs."""
        return self.network.inputs

    @property
    def outputs(self) -> tuple[Symbol, ...]:
        """The symbols of the results."""
        return self.network.outputs

    def layer(self, name: str) -> Layer:
        """The layer of this name; UnknownNameError if there is none."""
        found = {x.name: x for x in self.layers}
        if name not in found:
            raise UnknownNameError("layer", name, found)
        return found[name]

    def _name_layers(self, graph: Network) -> None:
        """Give each layer without a name one that is free; ShapeError for a name that stands twice."""
        layers = dict.fromkeys([*(s.layer for s in graph.inputs), *graph.layers])
        taken: dict[str, Layer] = {}
        for layer in layers:
            if layer.named and taken.setdefault(layer.name, layer) is not layer:
                received = f"two layers called {layer.name!r}"
                raise ShapeError(repr(self), received, "a name for each", "give one another name", caller())
        for layer in layers:
            if not layer.named:
                stem, number = layer.name, 0
                while layer.name in taken:
                    number += 1
                    layer.name = f"{stem}_{number}"
                taken[layer.name] = layer
                layer.named = True

    def _build(self, graph: Network) -> None:
        for node in graph.nodes:
            rng = st.Generator(_seed(self.seed, graph.layers.index(node.layer)))
            node.layer.build(rng, *[s.shape for s in node.inputs])

    # Weights ------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> list[st.Variable]:
        """All weights, in the order of `get_weights`."""
        return [v for layer in self.layers for v in layer.weights.values()]

    @property
    def trainable_variables(self) -> list[st.Variable]:
        """The weights that gradients change."""
        return [v for layer in self.layers for v in layer.trainable_weights]

    @property
    def parameters(self) -> int:
        """Number of elements of all weights."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of one sample."""
        return sum(node.layer.macs(*[s.shape for s in node.inputs]) for node in self.nodes)

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights: for each layer in order kernel and bias, or gamma, beta, moving mean and variance."""
        return [w for layer in self.layers for w in layer.get_weights()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Give all weights new values, in the order and the shapes of `get_weights`, which are Keras's.

        WeightsError, and no change, for a wrong number of arrays, a wrong shape, or numbers that are not finite.
        """
        from spinntensor.nn.assignment import assign_weights

        assign_weights(self, weights)
        self.synthetic = False

    # Running ------------------------------------------------------------------------------------------------

    def __call__(self, *xs: Any) -> Any:
        """On symbols: the symbols of this model's layers after them. On tensors or arrays: `forward` for inference."""
        given = [y for x in xs for y in (x if isinstance(x, list | tuple) else (x,))]
        if given and isinstance(given[0], Symbol):
            return self._grafted(given)
        return self.forward(*given)

    def forward(
        self,
        *xs: Any,
        mode: Mode = INFERENCE,
        observe: Callable[[Layer, st.Tensor], None] | None = None,
    ) -> Any:
        """The result for a batch, as a tensor; a list of tensors for a model of several outputs.

        Parameters
        ----------
        xs : a tensor or array [N, *shape] for each input.
        mode : how it is run.
        observe : is told each layer and its result, in the order of `nodes`.

        Everything in it can be traced by `st.compile` and differentiated. ShapeError names an input that does not fit.
        """

        def step(node: Symbol, given: list[st.Tensor]) -> st.Tensor:
            result = node.layer.call(*given, mode=mode)
            if observe is not None:
                observe(node.layer, result)
            return result

        results = self.network.replay(self._fitting(xs), step)
        return results[0] if len(results) == 1 else results

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        format: Format = "float32",
        progress: bool | None = None,
        machine: str | Target | None = None,
    ) -> Any:
        """The results for many samples as an array, or a list of arrays for several outputs.

        Parameters
        ----------
        x : array [N, *shape]; a list of arrays for a model of several inputs; or a loader: an iterable of batches, or
            of pairs of a batch and what is left out.
        batch_size : samples that are computed at a time; the last batch may be smaller. None takes 32 on the host and
            in bfp16, else what suits the machine.
        format : in which products are computed, see `Mode`. In bfp16 the samples of a batch share exponents, so a
            result depends on the batch it was computed in.
        progress : a bar on standard error; None shows one after two seconds, at a terminal.
        machine : where it runs, such as `chip`; None for the one in use (`st.use`). The bits are the same everywhere.
        """
        from spinntensor.nn.prediction import predict

        self._see(x)
        return predict(self, x, batch_size, format, progress, machine)

    def compiled(self, format: Format = "float32") -> st.Compiled:
        """`forward` for inference as a compiled function of the inputs, which keeps a graph for each batch size."""
        if format not in self._compiled:
            mode = Mode(format=format)
            self._compiled[format] = st.compile(lambda *xs: self.forward(*xs, mode=mode))
        return self._compiled[format]

    def _fitting(self, xs: Sequence[Any]) -> list[st.Tensor]:
        """The inputs as float32 tensors of equally many samples."""
        found = [st.tensor(x) for x in xs]
        check_samples(self.network, [x.shape for x in found], repr(self))
        return [x if x.format == "float32" else st.astype(x, "float32") for x in found]

    def _grafted(self, symbols: Sequence[Symbol]) -> Any:
        graph = self.network
        if len(symbols) != len(graph.inputs) or any(
            s.shape != i.shape for s, i in zip(symbols, graph.inputs, strict=True)
        ):
            shapes = [s.shape for s in symbols]
            expected = f"shapes {[s.shape for s in graph.inputs]}"
            raise ShapeError(repr(self), f"inputs of shapes {shapes}", expected, "match them", caller())
        results = graph.replay(symbols, lambda node, given: node.layer(given) if node.inputs else given[0])
        return results[0] if len(results) == 1 else results

    def _see(self, x: Any) -> None:
        """Data comes in; a `Sequential` without a shape takes it from there."""

    # Looking ------------------------------------------------------------------------------------------------

    def summary(self) -> str:
        """A table of the layers: name, class, shape of a sample, inputs, parameters, multiply-accumulates."""
        from spinntensor.nn.summary import summary

        return summary(self)

    def config(self) -> dict[str, Any]:
        """The model without its weights, ready for JSON."""
        from spinntensor.nn.configuration import model_config

        return model_config(self)

    @staticmethod
    def from_config(config: dict[str, Any]) -> Model:
        """The model that a `config()` describes, with first weights of its seed."""
        from spinntensor.nn.configuration import from_config

        return from_config(config)

    # Training, files, formats -------------------------------------------------------------------------------

    def compile(
        self, optimizer: Any = "sgd", loss: Any = None, metrics: Sequence[Any] = (), **options: Any
    ) -> None:
        """Say how the model is trained; see `spinntensor.nn.training.compile`."""
        from spinntensor.nn import training

        training.compile(self, optimizer, loss, metrics, **options)

    def fit(self, x: Any, y: Any = None, **options: Any) -> Any:
        """Train on data; see `spinntensor.nn.training.fit`."""
        from spinntensor.nn import training

        self._see(x)
        history = training.fit(self, x, y, **options)
        self.synthetic = False
        return history

    def evaluate(self, x: Any, y: Any = None, **options: Any) -> Any:
        """Loss and metrics on data; see `spinntensor.nn.training.evaluate`."""
        from spinntensor.nn import training

        self._see(x)
        return training.evaluate(self, x, y, **options)

    def train_on_batch(self, x: Any, y: Any = None, **options: Any) -> Any:
        """One step of training; see `spinntensor.nn.training.train_on_batch`."""
        from spinntensor.nn import training

        self._see(x)
        values = training.train_on_batch(self, x, y, **options)
        self.synthetic = False
        return values

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model and its weights to a file; see `spinntensor.nn.saving.save`."""
        from spinntensor.nn import saving

        saving.save(self, path)

    @staticmethod
    def load(path: str | PathLike[str]) -> Model:
        """The model of a file; see `spinntensor.nn.saving.load`."""
        from spinntensor.nn import saving

        return saving.load(path)

    def resume(self, path: str | PathLike[str]) -> None:
        """Go on from a checkpoint of this training; see `spinntensor.nn.checkpoint.restore`."""
        from spinntensor.nn import checkpoint

        checkpoint.restore(self, path)

    def quantize(self, format: str, calibration: Any = None, **options: Any) -> Any:
        """The model in another number format; see `spinntensor.nn.quantize.quantize`."""
        from spinntensor.nn.quantize import quantize

        return quantize(self, format, calibration, **options)


def _listed(symbols: Symbol | Sequence[Symbol]) -> list[Symbol]:
    return list(symbols) if isinstance(symbols, list | tuple) else [symbols]  # type: ignore[list-item]  # checked


def _seed(seed: int, place: int) -> int:
    """A seed for one layer of a model: layers draw independently of each other."""
    return int(np.random.SeedSequence([seed, place]).generate_state(1, np.uint64)[0])
