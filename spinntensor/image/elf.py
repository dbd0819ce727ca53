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
_BRANCHES = (1, 28, 29)  # R_ARM_PC24, R_ARM_CALL, R_ARM_JUMP24
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
    code, symbols = bytearray(sections[text[0]].data), dict[str, int]()
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
                    wanted = _joined(code, r.data, named, text[0])
                    if wanted:
                        raise CompileError(
                            "elf", str(path), f"a kernel must be self-contained, but it refers to {wanted}"
                        )
    return Code(bytes(code), symbols)


def _joined(
    code: bytearray, relocations: bytes, named: list[tuple[str, tuple[int, ...]]], text: int
) -> list[str]:
    """Resolves branches from one function of the file to another; names of everything else that is referred to."""
    wanted = set()
    for offset, info in struct.iter_unpack("<II", relocations):
        name, (_, value, _, _, _, section) = named[info >> 8]
        if section != text or info & 0xFF not in _BRANCHES:
            wanted.add(name)
            continue
        (word,) = struct.unpack_from("<I", code, offset)
        addend = ((word & 0xFFFFFF) ^ 0x800000) - 0x800000  # words, sign-extended
        distance = (value - offset >> 2) + addend
        struct.pack_into("<I", code, offset, word & 0xFF000000 | distance & 0xFFFFFF)
    return sorted(wanted)
