"""A generated part of a hand-written page: what stands between two marks is written anew, the rest is left alone."""

from __future__ import annotations

from pathlib import Path

from spinntensor.errors import InputError
from spinntensor.report.files import writable, write_whole


def marks(name: str) -> tuple[str, str]:
    """The lines between which the part of this name stands."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def section(path: str, name: str) -> Path:
    """`path`, or an error that would come up when the part of this name is written there.

    OutputError for a file that cannot be written, InputError for one that exists without the marks.
    """
    target = writable(path, (".md",))
    _parts(target, name)
    return target


def write_section(target: Path, name: str, text: str) -> None:
    """Put `text` between the marks; a file that does not exist is made of them alone."""
    before, after = _parts(target, name)
    begin, end = marks(name)
    page = f"{before}{begin}\n{text.strip()}\n{end}{after}"
    write_whole(target, lambda part: part.write_text(page, encoding="utf-8"))


def _parts(target: Path, name: str) -> tuple[str, str]:
    begin, end = marks(name)
    text = target.read_text(encoding="utf-8") if target.exists() else f"{begin}\n{end}\n"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise InputError(str(target), f"it has no lines {begin} and {end}", "add them where the part belongs")
    return before, after
