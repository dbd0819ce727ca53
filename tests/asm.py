"""Assembles ARM text for tests with the clang of the ziglang package; skips the test when that is missing."""

from __future__ import annotations

import struct
import subprocess
import sys
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

_COMMAND = ("-m", "ziglang", "cc", "-target", "arm-freestanding-eabi", "-mcpu=arm968e_s", "-marm", "-c")


@cache
def assemble(text: str) -> bytes:
    """The machine code of a piece of assembly text, as it stands in ``.text``."""
    if find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed; pip install ziglang==0.17.1")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "x.S"), Path(folder, "x.o")
        source.write_text(f".syntax unified\n.text\n.arm\n{text}\n")
        done = subprocess.run(
            [sys.executable, *_COMMAND, str(source), "-o", str(target)], capture_output=True, text=True
        )
        assert done.returncode == 0, f"{done.stderr}\n{text}"
        elf = target.read_bytes()
    assert section(elf, ".rel.text") == b"", f"a linker would be needed: write calls as .word\n{text}"
    return section(elf, ".text")


def section(elf: bytes, name: str) -> bytes:
    """The bytes of one section of a little-endian ELF32 file; empty when it has none."""
    (table,) = struct.unpack_from("<I", elf, 32)
    size, count, names = struct.unpack_from("<3H", elf, 46)
    headers = [struct.unpack_from("<10I", elf, table + size * i) for i in range(count)]
    for header in headers:
        at = headers[names][4] + header[0]
        if elf[at : elf.index(b"\0", at)].decode() == name:
            return elf[header[4] : header[4] + header[5]]
    return b""
