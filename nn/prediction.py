"""Results for many samples, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

import spinntensor as st
from spinntensor.errors import OperandError, ShapeError
from spinntensor.graph.builder import caller
from spinntensor.nn.graph import Network, Symbol, check_samples
from spinntensor.nn.progress import progressing

__all__ = ["Predictor", "predict", "samples"]


class Predictor(Protocol):
    """What can be asked for results: a model, in whatever number format.

    compiled : the function from tensors, one for each input, to the result for a batch.
    """

    name: str

    @property
    def network(self) -> Network: ...

    @property
    def inputs(self) -> tuple[Symbol, ...]: ...

    @property
    def outputs(self) -> tuple[Symbol, ...]: ...

    def compiled(self, format: Any) -> Callable[..., Any]: ...


def predict(model: Predictor, x: Any, batch_size: int, format: str, progress: bool | None) -> Any:
    """See `Model.predict`."""
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise OperandError("predict", "batch_size", repr(batch_size), "an integer from 1 on", "choose one")
    run = model.compiled(format)
    parts: list[list[np.ndarray]] = [[np.zeros((0, *s.shape), np.float32)] for s in model.outputs]
    total, batches = _batches(model, x, int(batch_size))
    for arrays in progressing(batches, total, f"predict {model.name}", progress):
        made = run(*[st.tensor(a, "float32") for a in arrays])
        for found, y in zip(parts, made if isinstance(made, list) else [made], strict=True):
            found.append(y.numpy())
    results = [np.concatenate(p) for p in parts]
    return results[0] if len(results) == 1 else results


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
