"""Linear algebra and neural networks on SpiNNaker: NumPy-like tensors lowered to tiled ARM968 kernels.

Importing the package is cheap: subpackages load on first use (PEP 562), nothing is compiled here.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__version__ = "0.1.0"

_SUBMODULES = ("doctor", "emulator", "errors", "image", "kernels", "machine", "nn", "report")

__all__ = ["__version__", *_SUBMODULES]


def __getattr__(name: str) -> ModuleType:
    """Import a subpackage when it is first asked for."""
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
