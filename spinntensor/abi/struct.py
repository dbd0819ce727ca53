"""Records shared by host and core: declared once here, laid out in Python, printed as a C and assembly header.

Every field is one 32-bit word, so that the layout needs no padding rules and assembly needs no types.
Standard library only: the cross-compile runs before numpy is installed.
"""

from __future__ import annotations

import struct as _struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

WORD = 4


@dataclass(frozen=True)
class Field:
    """One 32-bit word of a record: its name, its C type and what it means."""

    name: str
    ctype: str
    doc: str

    @property
    def is_pointer(self) -> bool:
        return self.ctype.endswith("*")


@dataclass(frozen=True)
class Struct:
    """A record of 32-bit words in declaration order, little-endian."""

    name: str
    doc: str
    fields: tuple[Field, ...]

    @property
    def size(self) -> int:
        """Size in bytes."""
        return WORD * len(self.fields)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.fields)

    def offset(self, name: str) -> int:
        """Byte offset of field `name`; ValueError when there is none."""
        return WORD * self.names.index(name)

    def pack(self, values: Mapping[str, int]) -> bytes:
        """The record's bytes; every field must be given, negative values in two's complement."""
        if values.keys() != set(self.names):
            unknown, missing = set(values) - set(self.names), set(self.names) - set(values)
            raise ValueError(
                f"record {self.name}: got fields {sorted(values)}, expected {list(self.names)}"
                f" (unknown: {sorted(unknown)}, missing: {sorted(missing)})"
            )
        for name in self.names:
            if not -(1 << 31) <= values[name] < 1 << 32:
                raise ValueError(
                    f"record {self.name}: {name} = {values[name]} does not fit a 32-bit word; split the operand"
                )
        return _struct.pack(f"<{len(self.fields)}I", *(values[n] & 0xFFFFFFFF for n in self.names))

    def unpack(self, data: bytes) -> dict[str, int]:
        """The unsigned words of the record by field name."""
        return dict(zip(self.names, _struct.unpack(f"<{len(self.fields)}I", data[: self.size]), strict=True))


def struct(name: str, doc: str, *fields: tuple[str, str, str]) -> Struct:
    """Declare a record from (name, C type, meaning) triples."""
    return Struct(name, doc, tuple(Field(*f) for f in fields))


def header(structs: tuple[Struct, ...], constants: Mapping[str, int]) -> str:
    """The C and assembly header for these records: byte offsets for both, types for C only."""
    lines = [
        "/* Records shared by host and core. Generated from spinntensor/abi: do not edit. */",
        "#ifndef SPINNTENSOR_ABI_H",
        "#define SPINNTENSOR_ABI_H",
        "",
        *(f"#define {name} {value:#x}" for name, value in constants.items()),
        "",
    ]
    for s in structs:
        lines += [f"#define {s.name.upper()}_{f.name.upper()} {s.offset(f.name)}" for f in s.fields]
        lines += [f"#define {s.name.upper()}_SIZE {s.size}", ""]
    lines += ["#ifndef __ASSEMBLER__", "#include <stdint.h>", ""]
    for s in structs:
        lines.append(f"/* {s.doc} */")
        lines.append(f"struct {s.name} {{")
        for f in s.fields:
            gap = "" if f.is_pointer else " "
            lines.append(f"    {f.ctype}{gap}{f.name}; /* {f.doc} */")
        lines += ["};", f'_Static_assert(sizeof(struct {s.name}) == {s.size}, "layout of {s.name}");', ""]
    lines += ["#endif", "#endif", ""]
    return "\n".join(lines)
