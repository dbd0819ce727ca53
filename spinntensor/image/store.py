"""The compiled kernels that the package carries: code, entry point and symbols by kernel and variant."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from spinntensor.errors import MissingImageError, UnknownKernelError

ENVIRONMENT = "SPINNTENSOR_IMAGES"
IMAGES = Path(os.environ.get(ENVIRONMENT) or Path(__file__).resolve().parents[1] / "images")
"""Where the images lie: in the package, or where the environment says (for work on single kernels)."""


@dataclass(frozen=True)
class Blob:
    """Movable ARM code of one kernel: load it anywhere on a word boundary, enter at `entry`."""

    kernel: str
    variant: str
    code: bytes
    entry: int
    symbols: tuple[tuple[str, int], ...]


@lru_cache(maxsize=1)
def manifest() -> dict:
    """The image's table of contents; MissingImageError when the package was not built."""
    path = IMAGES / "kernels.json"
    if not path.is_file():
        raise MissingImageError(str(path))
    return json.loads(path.read_text())


@lru_cache(maxsize=1)
def _code() -> bytes:
    return (IMAGES / "kernels.bin").read_bytes()


@cache
def blob(kernel: str, variant: str = "used") -> Blob:
    """The code of `kernel`: `reference`, `hand`, `runtime` (programs), or `used`: the best of these there is."""
    known = manifest()["kernels"]
    if kernel not in known:
        raise UnknownKernelError(kernel, sorted(known))
    variants = known[kernel]
    if variant == "used":
        variant = next(v for v in ("hand", "reference", "runtime") if v in variants)
    if variant not in variants:
        raise UnknownKernelError(f"{kernel} ({variant})", [f"{kernel} ({v})" for v in sorted(variants)])
    record = variants[variant]
    code = _code()[record["offset"] : record["offset"] + record["size"]]
    return Blob(kernel, variant, code, record["entry"], tuple(record["symbols"].items()))


def variants(kernel: str) -> tuple[str, ...]:
    """The variants of `kernel` in the image."""
    known = manifest()["kernels"]
    if kernel not in known:
        raise UnknownKernelError(kernel, sorted(known))
    return tuple(known[kernel])
