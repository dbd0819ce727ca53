"""NumPy's functions on tensors: np.add(x, 1), np.exp(x), np.concatenate([x, y]) and their like give tensors.

What has no counterpart here raises TypeError: a tensor never becomes an array unless somebody asks for one, by
`np.asarray(x)` or `x.numpy()`.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from spinntensor.graph.builder import caller
from spinntensor.tensors import (
    comparison,
    creation,
    elementwise,
    indexing,
    linalg,
    manipulation,
    reduction,
    selection,
)
from spinntensor.tensors.base import Base
from spinntensor.tensors.operands import tensor

Function = Callable[..., Any]


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The Euclidean norm, the only one there is: `ord` None, 2 of a vector, or `fro` of a matrix."""
    vector = isinstance(axis, int) or (axis is None and tensor(x).ndim == 1)
    if not (ord is None or (ord == 2 and vector) or (ord == "fro" and not vector)):
        raise _unsupported(f"np.linalg.norm with ord={ord!r}", ())
    return reduction.norm(x, axis, keepdims=keepdims)


def _conditions(function: Function) -> Function:
    """Bitwise operators of NumPy are those of conditions here; TypeError for integers."""

    def run(*values: Any) -> Any:
        if any(tensor(v).format != "bool" for v in values):
            raise _unsupported("bitwise arithmetic on integers", ())
        return function(*values)

    return run


def _named(module: ModuleType, names: str) -> dict[Any, Function]:
    """NumPy's functions -> those of the same names in `module`, as far as this NumPy has them."""
    return {getattr(np, name): getattr(module, name) for name in names.split() if hasattr(np, name)}


UFUNCS: Mapping[Any, Function] = {
    **_named(
        elementwise, "add subtract multiply divide floor_divide remainder divmod power square reciprocal"
    ),
    **_named(elementwise, "negative positive absolute sign sqrt exp log log2 log10 log1p expm1 tanh"),
    **_named(elementwise, "floor ceil trunc rint"),
    **_named(selection, "maximum minimum"),
    **_named(comparison, "equal not_equal less less_equal greater greater_equal isnan isinf isfinite"),
    **_named(comparison, "logical_and logical_or logical_xor logical_not"),
    np.matmul: linalg.matmul,
    np.bitwise_and: _conditions(comparison.logical_and),
    np.bitwise_or: _conditions(comparison.logical_or),
    np.bitwise_xor: _conditions(comparison.logical_xor),
    np.invert: _conditions(comparison.logical_not),
}
"""What a ufunc does on tensors."""

METHODS: Mapping[tuple[Any, str], Function] = {
    (np.add, "reduce"): reduction.sum,
    (np.multiply, "reduce"): reduction.prod,
    (np.maximum, "reduce"): reduction.max,
    (np.minimum, "reduce"): reduction.min,
    (np.logical_and, "reduce"): reduction.all,
    (np.logical_or, "reduce"): reduction.any,
    (np.add, "accumulate"): reduction.cumsum,
}
"""What methods of ufuncs do on tensors; all of them take axis 0 unless another is named."""

FUNCTIONS: Mapping[Any, Function] = {
    **_named(manipulation, "reshape transpose swapaxes moveaxis ravel squeeze expand_dims"),
    **_named(manipulation, "broadcast_to broadcast_arrays concatenate concat stack vstack hstack split"),
    **_named(manipulation, "array_split unstack pad flip fliplr flipud roll rot90 repeat tile"),
    **_named(indexing, "take take_along_axis"),
    **_named(linalg, "diagonal dot einsum inner kron outer tensordot trace vdot"),
    **_named(creation, "zeros_like ones_like full_like tril triu diag meshgrid"),
    **_named(reduction, "sum prod cumsum mean average var std max min amax amin argmax argmin any all"),
    **_named(reduction, "count_nonzero"),
    **_named(elementwise, "round astype"),
    **_named(comparison, "isclose allclose array_equal"),
    **_named(selection, "where clip"),
    np.around: elementwise.round,
    np.fix: elementwise.trunc,
    np.copy: elementwise.positive,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.linalg.norm: norm,
}
"""What NumPy's other functions do on tensors."""

RENAMED = {"dtype": "format", "fill_value": "value", "a_min": "min", "a_max": "max"}
"""Keywords that have another name here."""


def array_ufunc(self: Base, ufunc: Any, method: str, *operands: Any, **named: Any) -> Any:
    """`ufunc(*operands)` or `ufunc.method(*operands)`, where at least one operand is a tensor."""
    if method == "__call__":
        function = UFUNCS.get(ufunc)
        if function is not None and not named:
            return function(*operands)
        name = f"np.{ufunc.__name__}"
    else:
        function = METHODS.get((ufunc, method))
        name = f"np.{ufunc.__name__}.{method}"
        if function is not None and "axis" not in named and len(operands) == 1:
            named["axis"] = 0
    if function is None:
        raise _unsupported(name, [f"np.{u.__name__}" for u in UFUNCS])
    return _called(name, function, operands, named)


def array_function(
    self: Base, function: Any, types: Sequence[type], values: Any, named: Mapping[str, Any]
) -> Any:
    """NumPy's `function(*values, **named)`, where at least one argument is or holds a tensor."""
    name = name_of(function)
    found = FUNCTIONS.get(function)
    if found is None:
        raise _unsupported(name, [f"np.{f.__name__}" for f in (*FUNCTIONS, *UFUNCS)])
    return _called(name, found, values, named)


def name_of(function: Any) -> str:
    """How users write a function of NumPy."""
    return f"{function.__module__.replace('numpy', 'np', 1)}.{function.__name__}"


def _called(name: str, function: Function, values: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """The call, once its keywords are known to be there."""
    known, any_keyword = _keywords(function)
    for key in named:
        if not any_keyword and RENAMED.get(key, key) not in known:
            raise _unsupported(f"{name} with {key}=", ())
    return function(*values, **{RENAMED.get(key, key): value for key, value in named.items()})


@lru_cache(256)
def _keywords(function: Function) -> tuple[frozenset[str], bool]:
    found = inspect.signature(function).parameters
    return frozenset(found), any(p.kind is inspect.Parameter.VAR_KEYWORD for p in found.values())


def _unsupported(name: str, supported: Iterable[str]) -> TypeError:
    """The error for what tensors do not support, to be raised."""
    where = caller()
    close = difflib.get_close_matches(name, list(supported), n=3, cutoff=0.6)
    like = f"; there are {', '.join(close)}" if close else ""
    return TypeError(
        f"{name}{f' at {where}' if where else ''} is not defined for tensors{like} "
        "(spinntensor.tensors.protocols lists all); use np.asarray(x) to compute it with NumPy"
    )
