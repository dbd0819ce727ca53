"""The doctor: one line per part of the installation, PASS, FAIL or SKIP, and what mends it.

A check is a function without arguments that returns what it found, or raises ``Absent`` for an optional part
that is not there and any other exception for a failure. Nothing is installed or changed.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json as json_module
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.random import Generator

    from spinntensor.kernels import Kernel, Shape

log = logging.getLogger(__name__)

PASS, FAIL, SKIP = "PASS", "FAIL", "SKIP"

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Result:
    """What one check found, and what mends it where something is to mend."""

    name: str
    status: str
    found: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.status}  {self.name:<11} {self.found}" + (f"; mend: {self.mend}" if self.mend else "")


@dataclass(frozen=True)
class Check:
    """A part of the installation: its name, the function that looks at it, and what mends it."""

    name: str
    look: Callable[[], str]
    mend: str

    def run(self) -> Result:
        """Look, and turn whatever happens into a result: a doctor does not fall over."""
        try:
            return Result(self.name, PASS, self.look())
        except Absent as absent:
            return Result(self.name, SKIP, str(absent), self.mend)
        except Exception as error:
            log.debug("check %s failed", self.name, exc_info=True)
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            return Result(self.name, FAIL, first, self.mend)


class Absent(Exception):
    """An optional part is not installed."""


def python() -> str:
    """The interpreter is recent enough."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise RuntimeError(f"{platform.python_version()} is too old")
    return f"{platform.python_version()} at {sys.executable}"


def numpy() -> str:
    """NumPy imports."""
    return importlib.import_module("numpy").__version__


def numba() -> str:
    """Numba imports and compiles the host twin of the first kernel."""
    version = importlib.import_module("numba").__version__
    kernel, shape = first_kernel()
    kernel.twin(kernel.sample(generator(), shape, False))
    return f"{version}, compiles the twin of {kernel.name}"


def images() -> str:
    """The ARM images are there, readable and complete."""
    from spinntensor.abi import KERNELS
    from spinntensor.image import store

    manifest = store.manifest()
    kernels = manifest["kernels"]
    records = [(name, variant) for name in kernels for variant in kernels[name]]
    missing = [name for name in KERNELS if name not in kernels]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise RuntimeError(f"older than the sources: no code for {', '.join(missing[:3])}{more}")
    size = 0
    for name, variant in records:
        there, expected = len(store.blob(name, variant).code), kernels[name][variant]["size"]
        if not 0 < there == expected:
            raise RuntimeError(f"{name} ({variant}) is cut off: {there} bytes, expected {expected}")
        size += there
    count = f"{len(KERNELS)} kernels, {len(records)} pieces of code, {size:,} bytes"
    return f"{count}, compiled by {manifest['compiler']}"


def emulator() -> str:
    """An emulated core runs the first kernel out of the images and equals its host twin."""
    version = optional("unicorn")
    from spinntensor.machine.call import check

    kernel, shape = first_kernel()
    if not check(kernel, shape, generator()):
        raise RuntimeError(f"{kernel.name} {shape}: unicorn {version} and the host twin disagree")
    return f"unicorn {version}, {kernel.name} equals its twin"


def capstone() -> str:
    """The disassembler that the pipeline timing reads with."""
    return optional("capstone")


def compiler() -> str:
    """An ARM compiler starts; needed only to rebuild the images."""
    from spinntensor.image import compilers

    if not os.environ.get(compilers.ENVIRONMENT) and compilers.zig() is None:
        raise Absent("ziglang is not installed (needed only to rebuild the images)")
    chosen = compilers.default()
    command = [*chosen.command, "--version"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return f"{chosen.name}: {run.stdout.splitlines()[0]}"


def matplotlib() -> str:
    """Plots can be drawn."""
    return optional("matplotlib")


def data() -> str:
    """Bundled digits and photographs, and image files, can be read."""
    return f"scikit-learn {optional('scikit-learn', 'sklearn')}, Pillow {optional('Pillow', 'PIL')}"


def optional(package: str, module: str = "") -> str:
    """The version of an optional package whose module imports; Absent where it is not installed."""
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise Absent(f"{package} is not installed") from None
    importlib.import_module(module or package)
    return version


def first_kernel() -> tuple[Kernel, Shape]:
    """A kernel and a small shape, to try the parts with."""
    from spinntensor import abi, kernels

    kernel = kernels.kernel(next(iter(abi.KERNELS)))
    return kernel, {name: lowest for name, (lowest, _) in kernel.dims.items()}


def generator() -> Generator:
    """The same operands every time."""
    return importlib.import_module("numpy").random.default_rng(1)


CHECKS = (
    Check("python", python, "install Python 3.11 or later"),
    Check("numpy", numpy, "pip install numpy"),
    Check("numba", numba, "pip install --upgrade numba"),
    Check("images", images, "python -m spinntensor.image.build"),
    Check("emulator", emulator, "pip install 'spinntensor[emulator]'"),
    Check("capstone", capstone, "pip install 'spinntensor[emulator]'"),
    Check("compiler", compiler, "pip install ziglang==0.17.1, or set SPINNTENSOR_CC=arm-none-eabi-gcc"),
    Check("matplotlib", matplotlib, "pip install 'spinntensor[plot]'"),
    Check("data", data, "pip install 'spinntensor[data]'"),
)


def main(json: bool = False, checks: Sequence[Check] = CHECKS) -> int:
    """Print every result, as lines or as JSON; 1 when a check failed, else 0 (a SKIP is no failure)."""
    results: list[Result] = []
    for check in checks:
        log.info("checking %s", check.name)
        results.append(check.run())
        if not json:
            print(results[-1], flush=True)
    failed = [result for result in results if result.status == FAIL]
    if json:
        report = {"ok": not failed, "checks": [asdict(result) for result in results]}
        print(json_module.dumps(report, indent=2))
    return 1 if failed else 0
