"""How images lie in SDRAM: where a block of channels, a row and a pixel of theirs begin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spinntensor.errors import OperandError
from spinntensor.image.emit.action import Where
from spinntensor.image.emit.site import Site
from spinntensor.image.pieces import doubles

N, H, W, C = range(4)


@dataclass(frozen=True)
class Picture:
    """Distances in bytes within images [N,H,W,C].

    Parameters
    ----------
    home : the node that holds the bytes.
    block : channels of a block; all of them where the image lies in one piece.
    item, pixel, row : from channel to channel of a block, from pixel to pixel, from row to row.
    plane, image : from block to block, and from image to image.
    """

    home: int
    block: int
    item: int
    pixel: int
    row: int
    plane: int
    image: int

    def offset(self, image: int, row: int = 0, column: int = 0, channel: int = 0) -> int:
        """Of a channel of a pixel."""
        block, inner = divmod(channel, self.block)
        pixel = row * self.row + column * self.pixel
        return image * self.image + block * self.plane + pixel + inner * self.item


def picture(site: Site, number: int) -> Picture:
    """How the images of a node lie; OperandError where they are another view of bytes with padding between."""
    home = site.lowered.home(number)
    layout, shape = site.layout(number), site.lowered.graph[number].type.shape
    if layout.block and layout.shape == shape:
        pixel = layout.block * layout.item
        row = shape[W] * pixel
        plane = shape[H] * row
        image = shape[C] // layout.block * plane
        if site.places.by_image(home):  # which lie apart, each in an arena of its own
            image = layout.nbytes // shape[N]
        return Picture(home, layout.block, layout.item, pixel, row, plane, image)
    pixel = layout.row if layout.shape == shape else shape[C] * layout.item
    row = shape[W] * pixel
    plane = shape[H] * row
    if layout.nbytes != shape[N] * plane:
        received = f"{shape} as another view of {layout.shape}"
        mend = "reshape to images with a multiple of 8 channels"
        raise OperandError(site.stage.name, "x", received, "bytes without padding between them", mend)
    return Picture(home, shape[C], layout.item, pixel, row, plane, plane)


def address(site: Site, image: Picture, offset: int, write: bool = False) -> Where:
    """The place in SDRAM of a byte of the images."""
    return site.at(image.home, offset, write)


@dataclass(frozen=True)
class Room:
    """How a tile's part of an image lies in the DTCM: distances in bytes, and channels of a block."""

    block: int
    pixel: int
    row: int
    plane: int


@dataclass(frozen=True)
class Move:
    """Bytes that move in one transfer: their place in the DTCM, and in SDRAM behind the tile's first byte."""

    at: int
    offset: int
    nbytes: int


def moves(image: Picture, room: Room, size: tuple[int, int, int]) -> Iterator[Move]:
    """The transfers of so many rows, columns and channels between an image and a tile's room for them.

    Rows that lie side by side in both are one transfer. Where blocks or pixels differ each pixel moves by itself, in
    as many parts as the smaller of both blocks asks for.
    """
    rows, columns, channels = size
    if (room.block, room.pixel) != (image.block, image.pixel):
        step = min(room.block, image.block, channels)
        for channel in range(0, channels, step):
            block, inner = divmod(channel, room.block)
            for row in range(rows):
                for column in range(columns):
                    at = block * room.plane + row * room.row + column * room.pixel + inner * image.item
                    yield Move(at, image.offset(0, row, column, channel), doubles(step * image.item))
        return
    nbytes = columns * image.pixel
    together = nbytes == image.row == room.row
    for block in range(-(-channels // room.block)):
        for row in range(1 if together else rows):
            at, offset = block * room.plane + row * room.row, block * image.plane + row * image.row
            yield Move(at, offset, nbytes * rows if together else nbytes)
