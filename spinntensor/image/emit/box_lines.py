"""Boxes of values as the transfers that bring them into a tile, or out of it: as they lie, or line by line."""

from __future__ import annotations

from dataclasses import dataclass

from spinntensor.errors import OperandError
from spinntensor.image.emit.action import Where
from spinntensor.image.emit.images import Room, address, moves, picture
from spinntensor.image.emit.site import Site
from spinntensor.lower.box import Box, count, sizes

N, H, W, C = range(4)


@dataclass(frozen=True)
class Line:
    """Bytes that move in one transfer: their place in a region of the DTCM, and in SDRAM."""

    at: int
    where: Where
    nbytes: int


def whole(site: Site, number: int, box: Box, write: bool = False) -> list[Line]:
    """A box in the order of memory, one run behind the other."""
    found, at = [], 0
    for run in site.runs(number, box, write):
        found.append(Line(at, run.at, run.nbytes))
        at += run.nbytes
    return found


def lines(site: Site, number: int, box: Box, pitch: int, write: bool = False) -> list[Line]:
    """A box with the lines of its last axis `pitch` bytes apart, whatever blocks they lie in.

    OperandError for another view of bytes whose lines are not there as such.
    """
    if not (site.layout(number).block and len(box) == C + 1):
        found = whole(site, number, box, write)
        rows, nbytes = count(box[:-1]), sum(line.nbytes for line in found)
        if nbytes != rows * pitch or any(line.nbytes % pitch for line in found):
            received, expected = f"{nbytes} bytes of box {box}", f"{rows} lines of {pitch} bytes"
            raise OperandError(
                site.stage.name, f"node {number}", received, expected, "reshape nothing before it"
            )
        return found
    image, (_, h, w, c) = picture(site, number), sizes(box)
    room = Room(c, pitch, w * pitch, h * w * pitch)
    found = []
    for n in range(*box[N]):
        begin = address(site, image, image.offset(n, box[H][0], box[W][0], box[C][0]), write)
        first = (n - box[N][0]) * h * w * pitch
        found += [Line(first + m.at, begin + m.offset, m.nbytes) for m in moves(image, room, (h, w, c))]
    return found
