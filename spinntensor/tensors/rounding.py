"""Numbers made whole, and their sign, by NumPy's names; integers stay as they are.

Formats: float32 and bfp16, whose result is rounded once to bfp16, and plain integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spinntensor.tensors.alike import binary, is_bfp16, plain, through_float32, unary
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.moves import same
from spinntensor.tensors.operands import refuse, tensor
from spinntensor.tensors.selection import clip

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor


def floor(x: Any) -> Tensor:
    """The largest integer that is not above; integers stay."""
    return _whole("floor", x)


def ceil(x: Any) -> Tensor:
    """The smallest integer that is not below; integers stay."""
    return _whole("ceil", x)


def trunc(x: Any) -> Tensor:
    """The integer between 0 and `x` that is nearest to it; integers stay."""
    return _whole("trunc", x)


def rint(x: Any) -> Tensor:
    """The nearest integer, half to even; integers stay."""
    return _whole("round", x)


def round(x: Any, decimals: int = 0) -> Tensor:
    """Rounded to that many decimal places, half to even: round(x 10**decimals) / 10**decimals; integers stay.

    decimals : an integer from -38 to 38; below 0 the powers of ten change sides.
    """
    if decimals == 0:
        return rint(x)
    if isinstance(decimals, bool) or not isinstance(decimals, int) or not -38 <= decimals <= 38:
        raise refuse("round", f"decimals = {decimals!r}", "an integer from -38 to 38", "choose decimals")
    if not is_bfp16(x) and (x := tensor(x)).format != "float32" and decimals > 0:
        return rint(x)
    return _decimal(x, decimals)


@through_float32
def _decimal(x: Any, decimals: int) -> Tensor:
    power = float(10 ** (decimals if decimals > 0 else -decimals))
    if decimals > 0:
        return binary("divide", rint(binary("multiply", x, power)), power)
    return binary("multiply", rint(binary("divide", x, power)), power)


def _whole(op: str, x: Any) -> Tensor:
    """A rounding, which leaves plain integers as they are."""
    if isinstance(x, Base) and x.node.type.format == "float32":
        return apply(op, x)
    if is_bfp16(x):
        return unary(op, x)
    x = plain(op, x)
    return apply(op, x) if x.format == "float32" else same(x)


def sign(x: Any) -> Tensor:
    """-1, 0 or 1; NaN for NaN. Integers too."""
    x = tensor(x)
    if x.format == "float32" or is_bfp16(x):
        return unary("sign", x)
    return clip(plain("sign", x), -1, 1)


__all__ = ["ceil", "floor", "rint", "round", "sign", "trunc"]
