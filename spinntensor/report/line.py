"""One line of the kernel microbenchmarks, and how its shape is written."""

from __future__ import annotations

from dataclasses import dataclass

from spinntensor.kernels import Shape


@dataclass(frozen=True)
class Line:
    """One benchmark line.

    Parameters
    ----------
    kernel, shape : what ran.
    macs, elements : logical multiply-accumulates, and outputs.
    cycles : model cycles of the call, from the branch into the kernel to the return.
    mac_per_cycle, cycles_per_element : derived; None where they say nothing.
    bound_fraction : issue cycles of the inner loop's loads, stores and arithmetic alone, divided by `cycles`.
    times_plain_c : cycles of the better plain-C build, divided by `cycles`; 1 where plain C is what is used.
    residual : largest absolute difference between ARM result and host twin.
    estimate_error : (estimated - executed) / executed cycles; None where there is no estimator.
    nbytes : bytes of the operands; of a tile, those that are fetched and stored.
    passed : the bits agree.
    """

    kernel: str
    shape: str
    macs: int
    elements: int
    cycles: int
    mac_per_cycle: float | None
    cycles_per_element: float | None
    bound_fraction: float
    times_plain_c: float
    residual: float
    estimate_error: float | None
    nbytes: int
    passed: bool


def shape_text(shape: Shape) -> str:
    """`{"m": 30, "k": 64, "signed": 0}` as `m30 k64`: what is zero goes without saying."""
    return " ".join(f"{name}{size}" for name, size in shape.items() if size)
