"""Performs the table of an APLX file as the loader in System RAM would: copies, fills, and where to start.

Format: boot_aplx.s and sark.h of spinnaker_tools 4.0.0. Records of four words; copies and fills go in steps of
32 bytes, so they may write past the stated end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from spinntensor.errors import SpinnTensorError

ACOPY, RCOPY, FILL, EXEC = 1, 2, 3, 4
_RECORD = 16
_STEP = 32


class AplxError(SpinnTensorError, ValueError):
    """An APLX table cannot be performed.

    Parameters
    ----------
    offset : int
        Of the record in the file.
    received, expected : str
    """

    def __init__(self, offset: int, received: str, expected: str) -> None:
        super().__init__(offset, received, expected)
        self.offset = offset
        self.received = received
        self.expected = expected

    def __str__(self) -> str:
        return f"APLX record at byte {self.offset}: received {self.received}, expected {self.expected}"


def perform(image: bytes, place: Callable[[int, bytes], None], fetch: Callable[[int, int], bytes]) -> int:
    """Perform a table and return the address that it executes.

    Parameters
    ----------
    image : bytes
        The file.
    place : callable
        Given an address and the bytes to put there.
    fetch : callable
        Given an absolute address and a number of bytes to read.

    Errors
    ------
    AplxError for a table that ends without EXEC; what follows EXEC is not performed.
    """
    at = 0
    while at + _RECORD <= len(image):
        command, first, second, third = struct.unpack_from("<4I", image, at)
        if command == ACOPY:
            place(first, fetch(second, _steps(third)))
        elif command == RCOPY:
            start, size = at + second, _steps(third)
            if start + third > len(image):
                raise AplxError(
                    at, f"data up to byte {start + third}", f"a file of {len(image)} bytes to hold it"
                )
            place(first, image[start : start + size].ljust(size, b"\0"))
        elif command == FILL:
            place(first, third.to_bytes(4, "little") * (_steps(second) // 4))
        elif command == EXEC:
            if first >= 0x8000 or first & 3:
                raise AplxError(at, f"EXEC 0x{first:x}", "an ARM entry in the ITCM")
            return first
        else:
            break
        at += _RECORD
    raise AplxError(at, "the end of the table", "EXEC before it")


def _steps(nbytes: int) -> int:
    return -(-nbytes // _STEP) * _STEP


def pack(code: bytes, data: bytes = b"", bss: int = 0, base: int = 0x0040_0000) -> bytes:
    """A standard application file: code to the ITCM, data and zeroed bytes to the DTCM, start at 0.

    Parameters
    ----------
    code, data : bytes
    bss : int
        Bytes to zero behind ``data``.
    base : int
        Where ``data`` goes.
    """
    code = code.ljust(_steps(len(code)), b"\0")
    data = data.ljust(-(-len(data) // 4) * 4, b"\0")
    records = [(RCOPY, 0, 0, len(code))]
    if data:
        records.append((RCOPY, base, len(code), len(data)))
    if bss:
        records.append((FILL, base + len(data), bss, 0))
    records += [(EXEC, 0, 0, 0), (0, 0, 0, 0)]
    header = _RECORD * len(records)
    words = []
    for n, (command, first, second, third) in enumerate(records):
        if command == RCOPY:
            second += header - _RECORD * n
        words += [command, first, second, third]
    return struct.pack(f"<{len(words)}I", *words) + code + data
