"""The contract between host and core: records, memory map and the list of kernels. Standard library only."""

import zlib

from spinntensor.abi import (
    bfp,
    conv,
    epilogue,
    float_gemm,
    float_math,
    float_vector,
    gemm,
    memory,
    move,
    pack,
    runtime,
    vector,
    winograd,
)
from spinntensor.abi.struct import Field, Struct, header, struct

_FAMILIES = (gemm, conv, winograd, epilogue, vector, float_gemm, float_vector, float_math, bfp, pack, move)

STRUCTS: tuple[Struct, ...] = (
    *runtime.STRUCTS,
    *(s for family in _FAMILIES for s in family.STRUCTS),
)
CONSTANTS: dict[str, int] = {**memory.CONSTANTS, **runtime.CONSTANTS}
LAYOUT_ID = zlib.crc32(header(runtime.STRUCTS, CONSTANTS).encode())
"""What a core and its host compare at the start: equal where both were built from the same records."""
CONSTANTS["LAYOUT_ID"] = LAYOUT_ID
KERNELS: dict[str, Struct] = {name: s for family in _FAMILIES for name, s in family.KERNELS.items()}
"""Kernel name -> argument record: what the build compiles and the kernel table binds."""

PROGRAMS: dict[str, Struct] = runtime.PROGRAMS
"""Program name -> record: what the build compiles out of `blas_arm/runtime`."""

__all__ = [
    "CONSTANTS",
    "KERNELS",
    "LAYOUT_ID",
    "PROGRAMS",
    "STRUCTS",
    "Field",
    "Struct",
    "header",
    "memory",
    "runtime",
    "struct",
]
