"""Which ARM compiler there is and how one source becomes an object: clang out of `ziglang`, or a named GCC."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from spinntensor.errors import CompileError

ENVIRONMENT = "SPINNTENSOR_CC"

_COMMON = (
    "-marm",
    "-std=c11",
    "-ffreestanding",
    "-fno-builtin",  # a loop must not become a call of memset
    "-fomit-frame-pointer",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-fno-jump-tables",  # a table would need the code's absolute address
    "-fno-stack-protector",
    "-Wall",
    "-Wextra",
    "-Werror",
)


@dataclass(frozen=True)
class Compiler:
    """A command that compiles C and assembly for the ARM968E-S."""

    name: str
    command: tuple[str, ...]

    def compile(self, source: Path, target: Path, include: tuple[Path, ...], optimise: str = "-O3") -> None:
        """Compile `source` (.c or .S) to the object file `target`; CompileError with the compiler's own message."""
        paths = [f"-I{p}" for p in include]
        run = subprocess.run(
            [*self.command, *_COMMON, optimise, *paths, "-c", str(source), "-o", str(target)],
            capture_output=True,
            text=True,
        )
        if run.returncode:
            raise CompileError(self.name, str(source), run.stderr or run.stdout)


def zig() -> Compiler | None:
    """Clang as packed by the `ziglang` wheel, or None where that is not installed."""
    if importlib.util.find_spec("ziglang") is None:
        return None
    command = (sys.executable, "-m", "ziglang", "cc", "-target", "arm-freestanding-eabi", "-mcpu=arm968e_s")
    return Compiler("ziglang", (*command, "-fno-sanitize=undefined", "-g0"))


def gcc(command: str = "arm-none-eabi-gcc") -> Compiler | None:
    """A GCC for bare-metal ARM, or None where `command` is not on the path."""
    path = shutil.which(command)
    return (
        Compiler(command, (path, "-mcpu=arm968e-s", "-fno-tree-loop-distribute-patterns")) if path else None
    )


def default() -> Compiler:
    """The compiler that SPINNTENSOR_CC names, else the one of `ziglang`."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        found = gcc(named)
        if found is None:
            raise CompileError(
                named, "", f"{ENVIRONMENT}={named} is not on the path; install it or unset {ENVIRONMENT}"
            )
        return found
    found = zig()
    if found is None:
        raise CompileError(
            "ziglang",
            "",
            f"no ARM compiler: run `pip install ziglang==0.17.1`, or set {ENVIRONMENT}=arm-none-eabi-gcc",
        )
    return found
