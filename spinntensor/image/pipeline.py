"""Turns a row of tiles into one core's program: while a tile computes, the operands of the next arrive.

What is stored, fetched from more than one address, or fetched and then written by kernels, has two places in the DTCM,
used by even and odd tiles; what a place still holds is not fetched again. Transfers happen in the order in which they
are started, so waiting for a tile's operands also waits for the results of the tile before last, whose place this tile
writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spinntensor import abi
from spinntensor.abi.engine import RECENT
from spinntensor.errors import OperandError
from spinntensor.image.program import Command, Invoke, Move, Wait
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile, resolve

Place = Callable[[int, Fetch | Store], int]
"""`(number of the tile, its fetch or store) -> SDRAM address`, a multiple of 8."""


@dataclass(frozen=True)
class Pipeline:
    """A program's commands, and the DTCM bytes of its regions, both places counted, from the base on."""

    commands: tuple[Command, ...]
    regions: Mapping[str, int]


def _size(transfer: Fetch | Store) -> int:
    return -(-transfer.nbytes // 8) * 8


def _written(tile: Tile) -> set[str]:
    """Regions that the tile's kernels write: those of pointers to what is not constant."""
    steps = [a for a in tile.actions if isinstance(a, Step)]
    pairs = [(step.words[f.name], f.ctype) for step in steps for f in abi.KERNELS[step.kernel].fields]
    return {w.region for w, ctype in pairs if isinstance(w, At) and not ctype.startswith("const")}


def _transfers(tile: Tile) -> tuple[list[Fetch], list[Step], list[Store]]:
    """The tile's actions by kind; its fetches may all come first, its stores last, or OperandError."""
    fetches = [a for a in tile.actions if isinstance(a, Fetch)]
    steps = [a for a in tile.actions if isinstance(a, Step)]
    stores = [a for a in tile.actions if isinstance(a, Store)]
    taken: dict[str, list[tuple[int, int]]] = {}
    for f in fetches:
        start, end = f.to.offset, f.to.offset + f.nbytes
        if any(start < stop and begin < end for begin, stop in taken.setdefault(f.to.region, [])):
            raise OperandError(
                "pipeline", f.label, "a second fetch into the same bytes", "one", "cut the tile in two"
            )
        taken[f.to.region].append((start, end))
    last = max((i for i, a in enumerate(tile.actions) if isinstance(a, Step)), default=-1)
    if any(isinstance(a, Store) for a in tile.actions[:last]):
        raise OperandError(
            "pipeline", tile.name, "a store between two steps", "stores at the end", "cut the tile in two"
        )
    return fetches, steps, stores


def pipeline(tiles: Sequence[Tile], place: Place, base: int) -> Pipeline:
    """The program that runs `tiles` in order, its regions from DTCM address `base` on.

    Tiles share regions of the same name. A fetch of what the tile before stores is started behind that store.
    Raises OperandError for a tile whose transfers cannot be moved before and behind its steps, or are too many.
    """
    parts = [_transfers(tile) for tile in tiles]
    sources: dict[tuple[str, int], set[int]] = {}
    for i, (fetches, _, _) in enumerate(parts):
        for f in fetches:
            sources.setdefault((f.to.region, f.to.offset), set()).add(place(i, f))
    twice = {region for (region, _), seen in sources.items() if len(seen) > 1}
    twice |= {s.source.region for _, _, stores in parts for s in stores}
    twice |= {region for region, _ in sources} & {region for tile in tiles for region in _written(tile)}
    regions = {}
    for name in dict.fromkeys(n for tile in tiles for n in tile.regions):
        nbytes = max(-(-tile.regions.get(name, 0) // 8) * 8 for tile in tiles)
        regions[name] = 2 * nbytes if name in twice else nbytes
    places, at = {}, base
    for name, nbytes in regions.items():
        places[name] = (at, at + nbytes // 2 if name in twice else at)
        at += nbytes
    sizes = {name: nbytes // 2 if name in twice else nbytes for name, nbytes in regions.items()}
    return Pipeline(tuple(_commands(tiles, parts, place, places, sizes)), regions)


def _commands(
    tiles: Sequence[Tile],
    parts: Sequence[tuple[list[Fetch], list[Step], list[Store]]],
    place: Place,
    places: dict[str, tuple[int, int]],
    sizes: dict[str, int],
) -> list[Command]:
    commands: list[Command] = []
    held: dict[int, tuple[int, int]] = {}  # DTCM address -> SDRAM addresses its bytes came from
    moves = 0
    needed = [0] * len(tiles)

    def fetch(i: int) -> None:
        nonlocal moves
        for f in parts[i][0]:
            target, source = places[f.to.region][i % 2] + f.to.offset, place(i, f)
            if held.get(target) != (source, source + _size(f)):
                commands.append(Move(f"{tiles[i].name}: {f.label}", source, target, _size(f)))
                for other in [
                    t for t, (b, e) in held.items() if t < target + _size(f) and target < t + e - b
                ]:
                    del held[other]
                held[target] = source, source + _size(f)
                moves += 1
        needed[i] = moves

    def forget(i: int) -> None:
        """Tile i wrote these places, and these addresses of SDRAM."""
        written = [(place(i, s), place(i, s) + _size(s)) for s in parts[i][2]]
        names = _written(tiles[i]) | {s.source.region for s in parts[i][2]}
        own = [(places[name][i % 2], places[name][i % 2] + sizes[name]) for name in names]
        for target, (begin, stop) in list(held.items()):
            inside = any(start <= target < end for start, end in own)
            if inside or any(start < stop and begin < end for start, end in written):
                del held[target]

    def depends(i: int) -> bool:
        """Whether tile i fetches what the tile before stores."""
        written = [(place(i - 1, s), place(i - 1, s) + _size(s)) for s in parts[i - 1][2]]
        read = [(place(i, f), place(i, f) + _size(f)) for f in parts[i][0]]
        return any(start < stop and begin < end for start, end in written for begin, stop in read)

    fetch(0)
    for i, (_, steps, stores) in enumerate(parts):
        early = i + 1 < len(tiles) and not depends(i + 1)
        if early:
            fetch(i + 1)
        if moves - needed[i] >= RECENT:
            received = f"{moves - needed[i]} transfers at once"
            raise OperandError(
                "pipeline", tiles[i].name, received, f"at most {RECENT - 1}", "join operands or cut the tile"
            )
        commands.append(Wait(f"{tiles[i].name}: operands", needed[i]))
        addresses = {name: pair[i % 2] for name, pair in places.items()}
        for step in steps:
            label = f"{tiles[i].name}: {step.kernel}"
            commands.append(Invoke(label, step.kernel, resolve(step.words, addresses)))
        for s in stores:
            source = places[s.source.region][i % 2] + s.source.offset
            commands.append(
                Move(f"{tiles[i].name}: {s.label}", place(i, s), source, _size(s), to_system=True)
            )
            moves += 1
        forget(i)
        if i + 1 < len(tiles) and not early:
            fetch(i + 1)
    return commands
