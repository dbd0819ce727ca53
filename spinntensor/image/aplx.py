"""Application files as SC&MP loads them: a table of copies, then what is copied.

Format: spinnaker_tools 4.0.0, sark.h and boot_aplx.s: records of four words, copied in steps of 32 bytes.
"""

from __future__ import annotations

import struct

RELATIVE_COPY, EXECUTE, END = 2, 4, 0xFFFFFFFF
_STEP = 32


def aplx(code: bytes) -> bytes:
    """A file that copies `code` to the bottom of the ITCM and enters it there."""
    code += bytes(-len(code) % _STEP)
    table = struct.pack("<4I", RELATIVE_COPY, 0, 0, 0)
    size = 3 * len(table)
    records = ((RELATIVE_COPY, 0, size, len(code)), (EXECUTE, 0, 0, 0), (END, 0, 0, 0))
    return b"".join(struct.pack("<4I", *record) for record in records) + code
