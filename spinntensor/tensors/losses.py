"""Losses: how far predictions are from what was asked for, as float32 numbers to be differentiated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.ops.operation import family
from spinntensor.tensors.alike import is_bfp16, widened
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.elementwise import absolute, add, divide, exp, log, multiply, negative, subtract
from spinntensor.tensors.normalization import log_softmax
from spinntensor.tensors.operands import all_axes, one_axis, operand, refuse, stretched, tensor

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

__all__ = ["binary_cross_entropy", "cross_entropy", "mae_loss", "mse_loss"]

REDUCTIONS = ("mean", "sum", "none")


def cross_entropy(
    logits: Any,
    labels: Any,
    *,
    label_smoothing: float = 0.0,
    axis: int = -1,
    reduction: str = "mean",
) -> Tensor:
    """-sum(p * log_softmax(logits)) along `axis`, p being what the labels ask for.

    Parameters
    ----------
    logits : float32 or bfp16, K classes along `axis`.
    labels : integers 0 to K - 1 in the shape of the logits without `axis` (a label that is no class is an error, at
        the latest when the loss is computed), or float32 probabilities in the shape of the logits.
    label_smoothing : s from 0 to 1: p becomes (1 - s) p + s / K.
    reduction : "mean" over all places, "sum", or "none" for the loss of each place.
    """
    op = "cross_entropy"
    scores = _numbers(op, logits)
    axis = one_axis(op, axis, scores.ndim)
    classes = scores.shape[axis]
    if not 0 <= label_smoothing <= 1:
        raise refuse(op, f"label_smoothing {label_smoothing!r}", "0 to 1", "choose the share that is spread")
    wanted = labels if isinstance(labels, Base) else tensor(labels)
    logs = log_softmax(scores, axis)
    if family(wanted.format) in ("float32", "bfp16"):
        wanted = _numbers(op, wanted)
        if wanted.shape != scores.shape:
            raise _labels(op, scores, wanted, axis)
        if label_smoothing:
            wanted = add(multiply(wanted, 1.0 - label_smoothing), label_smoothing / classes)
        return _reduced(op, negative(apply("sum", multiply(wanted, logs), axes=(axis,))), reduction)
    if wanted.grid is not None or wanted.format == "bool" or wanted.shape != _without(scores.shape, axis):
        raise _labels(op, scores, wanted, axis)
    _known(op, wanted, classes)
    loss = negative(apply("sum", _chosen(logs, wanted, axis), axes=(axis,)))
    if label_smoothing:
        spread = divide(apply("sum", logs, axes=(axis,)), -float(classes))
        loss = add(multiply(loss, 1.0 - label_smoothing), multiply(spread, label_smoothing))
    return _reduced(op, loss, reduction)


def _known(op: str, labels: Base, classes: int) -> None:
    """ShapeError for labels that are there already and are no classes; others are looked at when they are computed."""
    found = labels.node.value
    if isinstance(found, np.ndarray) and found.size and not 0 <= found.min() <= found.max() < classes:
        received = f"labels from {found.min()} to {found.max()}"
        raise refuse(
            op, received, f"classes from 0 to {classes - 1}", "correct the labels, or the number of logits"
        )


def _chosen(x: Tensor, labels: Base, axis: int) -> Tensor:
    """`x` where the index along `axis` is the label, and 0 elsewhere.

    The index goes through `take`, which refuses labels that are no class; a comparison alone would lose them.
    """
    places = apply("iota", size=x.shape[axis])
    if labels.format != "int64":
        labels = apply("convert", labels, format="int64")
    index = apply("take", places, labels, axis=0)
    along = tuple(s if i == axis else 1 for i, s in enumerate(x.shape))
    across = tuple(1 if i == axis else s for i, s in enumerate(x.shape))
    here = stretched(apply("reshape", places, shape=along), x.shape)
    there = stretched(apply("reshape", index, shape=across), x.shape)
    zero = apply("fill", shape=x.shape, format="float32", value=0.0)
    return apply("where", apply("equal", here, there), x, zero)


def mse_loss(x: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    """(x - target)**2, its mean, or its sum; equal shapes."""
    x, target = _pair("mse_loss", x, target)
    error = subtract(x, target)
    return _reduced("mse_loss", multiply(error, error), reduction)


def mae_loss(x: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    """|x - target|, its mean, or its sum; equal shapes. Its slope is 0 where they are equal."""
    x, target = _pair("mae_loss", x, target)
    return _reduced("mae_loss", absolute(subtract(x, target)), reduction)


def binary_cross_entropy(logits: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    """-(t log s(z) + (1 - t) log(1 - s(z))) with s the sigmoid, of logits z and targets t from 0 to 1; equal shapes.

    Computed as (|z| / 2 + z (1/2 - t)) + log(1 + exp(-|z|)), which neither overflows nor cancels; for t of 0 or 1 the
    error is below 2**-23 + 2**-23 * loss. The slope s(z) - t holds at z = 0 as well.
    """
    z, t = _pair("binary_cross_entropy", logits, target)
    size = absolute(z)
    linear = add(multiply(size, 0.5), multiply(z, subtract(0.5, t)))
    return _reduced("binary_cross_entropy", add(linear, log(add(exp(negative(size)), 1.0))), reduction)


def _numbers(op: str, x: Any) -> Tensor:
    """`x` as float32; bfp16 by its exact values, ShapeError for integers."""
    x = tensor(x)
    if is_bfp16(x):
        return widened(x)
    if x.format != "float32":
        raise refuse(op, str(x.node.type), "float32 or bfp16", "use st.dequantize or astype first")
    return x


def _pair(op: str, x: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Both as float32 of one shape; losses never broadcast, since that hides mistakes."""
    if isinstance(target, Base):
        target = _numbers(op, target)
        x = _numbers(op, operand(op, x, target))
    else:
        x = _numbers(op, x)
        target = _numbers(op, operand(op, target, x))
    if x.shape != target.shape:
        raise refuse(op, f"{x.node.type} and {target.node.type}", "equal shapes", "reshape one of them")
    return x, target


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def _labels(op: str, scores: Base, labels: Base, axis: int) -> Exception:
    return refuse(
        op,
        f"labels {labels.node.type} for logits {scores.node.type}",
        f"integers of shape {_without(scores.shape, axis)}, or float32 of shape {scores.shape}",
        "reshape or convert the labels",
    )


def _reduced(op: str, loss: Tensor, reduction: str) -> Tensor:
    """All losses, their sum, or their mean: the pairwise tree in row-major order, over their number."""
    if reduction not in REDUCTIONS:
        raise refuse(op, f"reduction {reduction!r}", " or ".join(map(repr, REDUCTIONS)), "choose one of them")
    if reduction == "none":
        return loss
    total = apply("sum", loss, axes=all_axes(op, None, loss.ndim))
    if reduction == "sum":
        return total
    if not loss.size:
        raise refuse(
            op, f"shape {loss.shape}", "at least one loss to take the mean of", "use reduction='sum'"
        )
    return divide(total, float(loss.size))
