"""Puts the programs and kernels that a core needs into its ITCM: no linker, since every piece of code can be moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from spinntensor.abi.memory import ITCM_BASE
from spinntensor.errors import ITCMError
from spinntensor.image.store import Blob, blob

CODE_BYTES = 0x7F00
"""What an application may fill of the ITCM: SARK's loader works above (spinnaker_tools, sark.lnk)."""


@dataclass(frozen=True)
class Linked:
    """Code for the bottom of the ITCM, and where each piece is entered."""

    code: bytes
    entries: dict[str, int]
    symbols: dict[str, int]


def link(names: Iterable[str], pick: Callable[[str], Blob] = blob) -> Linked:
    """Lay the code of `names` (what `pick` chooses, else the used variants) out one behind the other, each once.

    Raises ITCMError when they do not fit, UnknownKernelError for a name that is not in the image.
    """
    code = bytearray()
    entries: dict[str, int] = {}
    symbols: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for name in dict.fromkeys(names):
        piece = pick(name)
        base = ITCM_BASE + len(code)
        entries[name] = base + piece.entry
        symbols |= {symbol: base + offset for symbol, offset in piece.symbols}
        code += piece.code
        sizes[name] = len(piece.code)
    if len(code) > CODE_BYTES:
        raise ITCMError(len(code), CODE_BYTES, sizes)
    return Linked(bytes(code), entries, symbols)
