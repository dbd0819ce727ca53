"""Writes report files whole or not at all, and says before the work begins when one cannot be written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from spinntensor.errors import OutputError


def writable(path: str, suffixes: tuple[str, ...] = ()) -> Path:
    """`path`, or OutputError when its folder is missing or closed, it is a folder, or its ending is not known."""
    target = Path(path)
    if target.is_dir():
        raise OutputError(path, "a folder of that name exists", "name a file")
    if not target.parent.is_dir():
        raise OutputError(path, f"there is no folder {target.parent}", "create it first")
    if not os.access(target if target.exists() else target.parent, os.W_OK):
        raise OutputError(path, "it may not be written", "choose another place")
    if suffixes and target.suffix not in suffixes:
        raise OutputError(
            path, f"the ending {target.suffix or '(none)'} is not known", f"use {', '.join(suffixes)}"
        )
    return target


def write_whole(target: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a neighbour of `target`, then put it in place; an error leaves what was there before."""
    part = target.with_name(f".{target.stem}.part{target.suffix}")
    try:
        fill(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
