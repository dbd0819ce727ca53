"""The plain-C peer of a kernel: its reference, by the better of clang and, where it is installed, GCC."""

from __future__ import annotations

from functools import cache

from spinntensor.image.build import SOURCE, compile_code, entry_symbol
from spinntensor.image.compilers import gcc
from spinntensor.image.store import Blob, blob


@cache
def peers(kernel: str) -> tuple[Blob, ...]:
    """The reference as the package carries it, and as GCC compiles it when GCC and the sources are at hand."""
    carried = blob(kernel, "reference")
    compiler, file = gcc(), SOURCE / "reference" / f"{kernel}.c"
    if compiler is None or not file.is_file():
        return (carried,)
    entry = entry_symbol(kernel, "reference")
    code = compile_code(compiler, file, entry)
    return carried, Blob(kernel, compiler.name, code.code, code.symbols[entry], tuple(code.symbols.items()))
