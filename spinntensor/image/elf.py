"""Reads the code out of a relocatable ARM ELF object and refuses code that could not be moved.

Layout from "ELF for the ARM Architecture" and the System V ABI, 32-bit little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from spinntensor.errors import CompileError

_SYMTAB, _STRTAB, _REL, _NOBITS = 2, 3, 9, 8
_ALLOC = 0x2
_HARMLESS = (".ARM.exidx", ".ARM.attributes", ".note", ".comment")


@dataclass(frozen=True)
class Code:
    """Position-independent code: its bytes and the offsets of its symbols."""

    code: bytes
    symbols: dict[str, int]


@dataclass(frozen=True)
class _Section:
    name: str
    kind: int
    flags: int
    data: bytes
    link: int
    info: int


def _sections(path: Path) -> list[_Section]:
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x01\x01":
        raise CompileError("elf", str(path), "not a 32-bit little-endian ELF object")
    start, size, count, names = struct.unpack_from("<I10xHHH", data, 32)
    raw = [struct.unpack_from("<10I", data, start + i * size) for i in range(count)]
    strings = data[raw[names][4] : raw[names][4] + raw[names][5]]

    def text(offset: int) -> str:
        return strings[offset : strings.index(b"\0", offset)].decode()

    return [
        _Section(text(r[0]), r[1], r[2], b"" if r[1] == _NOBITS else data[r[4] : r[4] + r[5]], r[6], r[7])
        for r in raw
    ]


def read_code(path: Path) -> Code:
    """The `.text` of an object that needs nothing else.

    Raises CompileError when the object has data sections or calls out of itself: a kernel must be self-contained,
    since images are put together without a linker.
    """
    sections = _sections(path)
    text = [i for i, s in enumerate(sections) if s.name == ".text"]
    if len(text) != 1:
        raise CompileError("elf", str(path), "expected exactly one .text section")
    for s in sections:
        if s.flags & _ALLOC and s.data and s.name != ".text" and not s.name.startswith(_HARMLESS):
            raise CompileError(
                "elf", str(path), f"a kernel may only have code, but there is data in {s.name}"
            )
    symbols: dict[str, int] = {}
    for s in sections:
        if s.kind == _SYMTAB:
            strings = sections[s.link].data
            entries = [struct.unpack_from("<IIIBBH", s.data, o) for o in range(0, len(s.data), 16)]
            named = [(strings[e[0] : strings.index(b"\0", e[0])].decode(), e) for e in entries]
            symbols = {
                n: e[1] for n, e in named if e[5] == text[0] and n and not n.startswith("$") and e[3] & 15 < 3
            }
            for r in sections:
                if r.kind == _REL and r.info == text[0] and r.data:
                    wanted = sorted(
                        {
                            named[struct.unpack_from("<I", r.data, o + 4)[0] >> 8][0]
                            for o in range(0, len(r.data), 8)
                        }
                    )
                    raise CompileError(
                        "elf", str(path), f"a kernel must be self-contained, but it refers to {wanted}"
                    )
    return Code(sections[text[0]].data, symbols)
