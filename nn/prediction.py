"""Results for many samples, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, Protocol

import numpy as np

import spinntensor as st
from spinntensor.errors import OperandError, ShapeError
from spinntensor.graph.builder import caller
from spinntensor.machine.current import chosen, labelled, use
from spinntensor.machine.geometry import Machine
from spinntensor.machine.grammar import Host, Target
from spinntensor.nn.graph import Network, Symbol, check_samples
from spinntensor.nn.progress import progressing

__all__ = ["Function", "Predictor", "batch", "predict", "samples"]


BATCH = 32
"""Samples that the host computes at a time."""
GROUP = 16
"""Batches that a machine is given at a time; several of them are under way there."""
LEAST_MACS = 4_000_000
"""Multiply-accumulates for which a worker gets a sample of its own, at least: so it is busy longer than it waits."""


class Function(Protocol):
    """A compiled function of tensors: one call, or several of one kind, several of them under way at a time."""

    def __call__(self, *xs: Any) -> Any: ...

    def stream(self, calls: Sequence[Sequence[Any]]) -> Iterator[Any]: ...


class Predictor(Protocol):
    """What can be asked for results: a model, in whatever number format.

    compiled : the function from tensors, one for each input, to the result for a batch.
    """

    name: str

    @property
    def macs(self) -> int: ...

    @property
    def network(self) -> Network: ...

    @property
    def inputs(self) -> tuple[Symbol, ...]: ...

    @property
    def outputs(self) -> tuple[Symbol, ...]: ...

    def compiled(self, format: Any) -> Function: ...


def predict(
    model: Predictor,
    x: Any,
    batch_size: int | None,
    format: str,
    progress: bool | None,
    machine: str | Target | None = None,
) -> Any:
    """See `Model.predict`."""
    odd = isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer)
    if batch_size is not None and (odd or batch_size < 1):
        raise OperandError("predict", "batch_size", repr(batch_size), "an integer from 1 on", "choose one")
    target = chosen(machine)
    count = None if _is_loader(x) else len(samples(model, x)[0])
    size = batch(model, format, target, count) if batch_size is None else int(batch_size)
    parts: list[list[np.ndarray]] = [[np.zeros((0, *s.shape), np.float32)] for s in model.outputs]
    total, batches = _batches(model, x, size)
    results = _streamed(model, format, batches, 1 if isinstance(target, Host) else GROUP)
    with use(target):
        for made in progressing(results, total, f"predict {model.name}", progress):
            for found, y in zip(parts, made if isinstance(made, list) else [made], strict=True):
                found.append(y.numpy())
    joined = [np.concatenate(p) for p in parts]
    return joined[0] if len(joined) == 1 else joined


def batch(model: Predictor, format: str, machine: Target, count: int | None = None) -> int:
    """Samples to compute at a time where nobody says how many.

    On a machine, of formats in which a sample's result does not depend on the others: one or more for each worker, or
    one where there are fewer samples than workers. Else 32.
    """
    if not isinstance(machine, Machine) or format == "bfp16":
        return BATCH
    if count is not None and count < machine.workers:
        return 1
    each = -(-LEAST_MACS // max(1, model.macs))
    if count is not None:
        each = min(each, count // machine.workers)
    return machine.workers * each


def _streamed(model: Predictor, format: str, batches: Iterable[list[np.ndarray]], most: int) -> Iterator[Any]:
    """Results of batches in order; neighbours of one shape go to the machine together, at most so many."""
    run = model.compiled(format)
    for shapes, alike in groupby(batches, key=lambda arrays: [a.shape for a in arrays]):
        while group := list(islice(alike, most)):
            with labelled(model.name, format, shapes[0][0]):
                yield from run.stream([[st.tensor(a, "float32") for a in arrays] for arrays in group])


def _batches(model: Predictor, x: Any, size: int) -> tuple[int | None, Iterator[list[np.ndarray]]]:
    """How many batches there are, None if nobody knows, and the batches: an array for each input."""
    if _is_loader(x):
        total = len(x) if hasattr(x, "__len__") else None
        return total, (samples(model, b[0] if isinstance(b, tuple) else b) for b in x)
    arrays = samples(model, x)
    starts = range(0, len(arrays[0]), size)
    return len(starts), ([a[start : start + size] for a in arrays] for start in starts)


def _is_loader(x: Any) -> bool:
    """Whether `x` gives batches, and is not itself an array, a tensor or a list."""
    return isinstance(x, Iterable) and not isinstance(x, list | tuple) and not hasattr(x, "shape")


def samples(model: Predictor, x: Any) -> list[np.ndarray]:
    """An array [N, *shape] for each input of a model; ShapeError, with the input's name, for one that does not fit.

    x : an array, a tensor, or nested lists of numbers; a list or tuple of them for a model of several inputs.
    """
    symbols = model.inputs
    given: Sequence[Any] = x if len(symbols) > 1 and isinstance(x, list | tuple) else [x]
    if (
        len(given) == 1
        and isinstance(x, list | tuple)
        and len(x) == 1
        and np.ndim(x[0]) > len(symbols[0].shape)
    ):
        given = x  # the only array, in a list
    try:
        arrays = [np.asarray(a) for a in given]
    except ValueError as error:
        mend = "make all rows equally long"
        raise ShapeError(repr(model), f"ragged numbers ({error})", "arrays", mend, caller()) from None
    check_samples(model.network, [a.shape for a in arrays], repr(model))
    return arrays
