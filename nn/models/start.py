"""How a new network gets its weights: from a file, or random ones with batch-norm statistics of given data."""

from __future__ import annotations

from typing import Any

from spinntensor.errors import OperandError
from spinntensor.nn.layers import BatchNorm
from spinntensor.nn.model import Model
from spinntensor.nn.statistics import calibrate_statistics
from spinntensor.nn.weights import Source, load_weights

__all__ = ["started"]


def started(model: Model, weights: Source | None, statistics: Any) -> Model:
    """The model with its first weights.

    Parameters
    ----------
    weights : a file or arrays by name, see `load_weights`. None keeps the random ones; then `model.synthetic` says
        that results carry no meaning, until the model is trained.
    statistics : samples [N, *shape] for `calibrate_statistics`; only with random weights.
    """
    if weights is not None:
        if statistics is not None:
            mend = "leave one of them out"
            raise OperandError(model.name, "statistics", "data, and weights", "either", mend)
        load_weights(model, weights)
    elif statistics is not None and any(isinstance(x, BatchNorm) for x in model.layers):
        calibrate_statistics(model, statistics)
    return model
