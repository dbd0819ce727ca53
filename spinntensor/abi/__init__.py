"""The contract between host and core: records, memory map and the list of kernels. Standard library only."""

from spinntensor.abi import (
    bfp,
    conv,
    engine,
    epilogue,
    float_gemm,
    float_math,
    float_vector,
    gemm,
    memory,
    move,
    pack,
    vector,
    winograd,
)
from spinntensor.abi.struct import Field, Struct, header, struct

_FAMILIES = (gemm, conv, winograd, epilogue, vector, float_gemm, float_vector, float_math, bfp, pack, move)

STRUCTS: tuple[Struct, ...] = (*engine.STRUCTS, *(s for family in _FAMILIES for s in family.STRUCTS))
CONSTANTS: dict[str, int] = {**memory.CONSTANTS, **engine.CONSTANTS}
KERNELS: dict[str, Struct] = {name: s for family in _FAMILIES for name, s in family.KERNELS.items()}
"""Kernel name -> argument record: what the build compiles and the kernel table binds."""

PROGRAMS: dict[str, Struct] = engine.PROGRAMS
"""Program name -> record: what the build compiles out of `blas_arm/runtime`."""

__all__ = [
    "CONSTANTS",
    "KERNELS",
    "PROGRAMS",
    "STRUCTS",
    "Field",
    "Struct",
    "engine",
    "header",
    "memory",
    "struct",
]
