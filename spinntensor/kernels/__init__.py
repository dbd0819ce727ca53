"""The kernel table: one name binds contract, packing, host twin and estimator of an operation.

Each kernel has a file of its own here and two below `blas_arm/`: plain-C reference and, where it pays, hand-written
ARM code. `kernels` is the table; `kernel(name)` looks one up and says what there is when the name is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from spinntensor import abi
from spinntensor.errors import UnknownKernelError
from spinntensor.kernels.kernel import Buffer, Call, Kernel, Operands, Shape, Work


@cache
def kernel(name: str) -> Kernel:
    """The kernel called `name`; UnknownKernelError lists the nearest names."""
    if name not in abi.KERNELS:
        raise UnknownKernelError(name, sorted(abi.KERNELS))
    return import_module(f"spinntensor.kernels.{name}").KERNEL


def kernels() -> Mapping[str, Kernel]:
    """All kernels by name, in the order of the contract."""
    return MappingProxyType({name: kernel(name) for name in abi.KERNELS})


__all__ = ["Buffer", "Call", "Kernel", "Operands", "Shape", "Work", "kernel", "kernels"]
