"""Tiles as the kernels' builders make them, on constants alone, turned into actions on SDRAM.

A builder's tile says what arrives, which kernels run and what leaves. What arrives is either known beforehand, and then
lies among the constants of the program, or part of a value, and then comes from where that value lies. The turned tile
is a pattern: all tiles of a stage with the same sizes, the same borders and the same constants share it, and differ in
where their values begin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from spinntensor.image.emit.action import Action, Fetch, Spot, Step, Store, Where
from spinntensor.image.emit.extents import extents
from spinntensor.image.emit.site import Site
from spinntensor.image.pieces import doubles
from spinntensor.kernels import tile as made
from spinntensor.plan.recipe import Recipe

T = TypeVar("T")


@dataclass(frozen=True)
class Piece:
    """Bytes of a value that move: how far behind the tile's first byte of it they lie in SDRAM, and how many.

    at : bytes by which they lie behind the place that the builder gives the transfer in the DTCM.
    """

    value: str
    offset: int
    nbytes: int
    at: int = 0


Pieces = Callable[[made.Fetch], Iterable[Piece] | None]
"""The pieces of values that a builder's fetch stands for; None for a constant."""


@dataclass(frozen=True)
class Pattern:
    """Actions in order, each with the name of the value whose first byte its address in SDRAM counts from, or ""."""

    actions: tuple[tuple[str, Action], ...]

    def at(self, places: Mapping[str, Where]) -> list[Action]:
        """The actions of the tile whose values begin at these places."""
        found: list[Action] = []
        for value, action in self.actions:
            if not value:
                found.append(action)
                continue
            place = places[value]
            if isinstance(action, Fetch):
                found.append(Fetch(action.operand, place + action.source.address, action.to, action.nbytes))
            elif isinstance(action, Store):
                found.append(Store(action.operand, action.source, place + action.to.address, action.nbytes))
        return found


_KEPT: WeakKeyDictionary[Site, dict[object, Any]] = WeakKeyDictionary()


def kept(site: Site, key: object, make: Callable[[], T]) -> T:
    """What `make` gives for a stage, made once for each key."""
    known = _KEPT.setdefault(site, {})
    if key not in known:
        known[key] = make()
    found: T = known[key]
    return found


def shared(site: Site, key: object, actions: Iterator[Action]) -> tuple[Action, ...]:
    """Actions that tiles of a stage have in common: those that were made first for a key."""
    return kept(site, key, lambda: tuple(actions))


class Regions:
    """The regions of a recipe, and which part of those that are filled several times in a tile is there.

    turning : regions with several places that parts of an operand take by turns, and the parts of a tile.
    """

    def __init__(self, recipe: Recipe, turning: Mapping[str, int]) -> None:
        self.sizes = {r.name: r.nbytes for r in recipe.regions}
        self.turning = {
            r.name: turning[r.name] for r in recipe.regions if r.places > 1 and turning.get(r.name, 0) > 1
        }
        self.turn = dict.fromkeys(self.turning, -1)

    def spot(self, at: made.At, nbytes: int = 0) -> Spot:
        """A place in the part that is there now; `nbytes` as far as the region goes."""
        rest = self.sizes[at.region] - at.offset
        used = nbytes if 0 < nbytes < rest else 0
        if at.region in self.turn:
            return Spot(at.region, at.offset, used, max(self.turn[at.region], 0), self.turning[at.region])
        return Spot(at.region, at.offset, used)

    def arrive(self, region: str) -> None:
        """The next part arrives."""
        if region in self.turn:
            self.turn[region] += 1


def moved(tile: made.Tile, region: str, shift: int) -> made.Tile:
    """A tile whose kernels find what arrives in a region so many bytes behind its beginning."""
    if not shift:
        return tile

    def word(word: int | made.At) -> int | made.At:
        if isinstance(word, made.At) and word.region == region:
            return made.At(region, word.offset + shift)
        return word

    return replace(
        tile,
        actions=tuple(
            replace(a, words={n: word(w) for n, w in a.words.items()}) if isinstance(a, made.Step) else a
            for a in tile.actions
        ),
    )


def translated(
    site: Site, tile: made.Tile, recipe: Recipe, pieces: Pieces, streams: Iterable[str] = ()
) -> list[tuple[str, Action]]:
    """The actions of a builder's tile up to its stores, with the values that they are about, as in a pattern.

    Parameters
    ----------
    pieces : what its fetches stand for.
    streams : regions whose parts arrive one after the other within a tile, where they have several places.
    """
    counts = Counter(a.to.region for a in tile.actions if isinstance(a, made.Fetch))
    regions = Regions(recipe, {name: counts[name] for name in streams})
    found: list[tuple[str, Action]] = []
    for action in tile.actions:
        if isinstance(action, made.Step):
            found.append(("", step(action, regions)))
        elif isinstance(action, made.Fetch):
            regions.arrive(action.to.region)
            moved = pieces(action)
            if moved is None:
                nbytes = doubles(action.nbytes)
                to = regions.spot(action.to, nbytes)
                found.append(("", Fetch(action.label.split()[0], site.put(action.data), to, nbytes)))
                continue
            for piece in moved:
                spot = regions.spot(replace(action.to, offset=action.to.offset + piece.at), piece.nbytes)
                fetch = Fetch(piece.value[0], Where(piece.offset), spot, piece.nbytes)
                found.append((piece.value, fetch))
    return found


def step(action: made.Step, regions: Regions) -> Step:
    """A kernel call with its pointers as spots of just the bytes that it uses."""
    numbers = {name: word for name, word in action.words.items() if not isinstance(word, made.At)}
    used = extents(action.kernel, numbers)
    words = {
        name: regions.spot(word, used.get(name, 0)) if isinstance(word, made.At) else word
        for name, word in action.words.items()
    }
    return Step(action.kernel, words)
