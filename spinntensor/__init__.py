"""Linear algebra and neural networks on SpiNNaker: NumPy-like tensors lowered to tiled ARM968 kernels.

Importing the package is cheap: subpackages load on first use (PEP 562), nothing is compiled here.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spinntensor.tensors import *  # noqa: F403  # what __getattr__ gives, for editors and type checkers

__version__ = "0.1.0"

_SUBMODULES = (
    "doctor",
    "emulator",
    "errors",
    "formats",
    "graph",
    "image",
    "kernels",
    "machine",
    "nn",
    "ops",
    "report",
    "tensors",
)

__all__ = ["__version__", *_SUBMODULES]


def __getattr__(name: str) -> Any:
    """A subpackage, or a name of `spinntensor.tensors`, loaded when it is first asked for."""
    if not name.startswith("_"):
        if importlib.util.find_spec(f"{__name__}.{name}"):
            return importlib.import_module(f"{__name__}.{name}")
        tensors = importlib.import_module(f"{__name__}.tensors")
        if name in tensors.__all__:
            value = globals()[name] = getattr(tensors, name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *importlib.import_module(f"{__name__}.tensors").__all__})
