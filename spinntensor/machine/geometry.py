"""Where the chips of a machine are and what joins them: from one chip to many boards, whole or with dead parts.

No routes, no placement, no run: a `Machine` is a frozen description that plans are made for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from spinntensor.errors import SpinnTensorError
from spinntensor.machine.facts import Facts
from spinntensor.machine.facts import facts as default_facts

Place = tuple[int, int]
"""Coordinates of a chip: x to the east, y to the north."""

Way = tuple[int, int, int]
"""A link as its sender sees it: x, y, and number of the link."""

LINK_NAMES = ("E", "NE", "N", "W", "SW", "S")
LINK_VECTORS = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))
"""By number of the link, the step to the chip at its other end, as SpiNNMachine 7.4.1 and SC&MP number them."""

ROOT = (0, 0)
"""The chip at which a machine is booted, and from which SC&MP counts coordinates."""

_CHIP, _SPINN3, _SPINN5 = "chip", "spinn3", "spinn5"
_BOARDS: Mapping[str, tuple[Place, ...]] = {
    _CHIP: (ROOT,),
    _SPINN3: ((0, 0), (0, 1), (1, 0), (1, 1)),
    # A hexagon of 48 chips in 8 x 8, as in SpiNNMachine 7.4.1, version_5.
    _SPINN5: tuple((x, y) for x in range(8) for y in range(max(0, x - 4), min(x + 4, 8))),
}
_TRIAD_BOARDS: tuple[Place, ...] = ((0, 0), (4, 8), (8, 4))
_TRIAD = 12
"""Three 48-chip boards tile 12 x 12 chips; their Ethernet chips: SpiNNMachine 7.4.1, version_48_chips."""

_COORDINATES = 256
"""Addresses of SC&MP have eight bits for x and eight for y."""


class MachineError(SpinnTensorError, ValueError):
    """A machine that was described cannot be.

    Parameters
    ----------
    machine : str
        Its name or the text that was to name it.
    received, expected : str
        What it was to be or have, and what can be.
    mend : str
        The one change that makes it possible.
    """

    def __init__(self, machine: str, received: str, expected: str, mend: str) -> None:
        super().__init__(machine, received, expected, mend)
        self.machine = machine
        self.received = received
        self.expected = expected
        self.mend = mend

    def __str__(self) -> str:
        return f"machine {self.machine!r}: received {self.received}, expected {self.expected}; {self.mend}"


@dataclass(frozen=True)
class Chip:
    """A chip that works.

    Parameters
    ----------
    x, y : its coordinates.
    board : coordinates of the Ethernet chip of its board, dead or alive.
    cores : physical numbers of the cores that work, the later monitor among them.
    applications : how many of them applications may have. SC&MP numbers these 1, 2, ... and itself 0.
    workers : how many of those tiles are dealt to: the cores 1 to `workers` in that numbering.
    """

    x: int
    y: int
    board: Place
    cores: tuple[int, ...]
    applications: int
    workers: int

    @property
    def at(self) -> Place:
        """Its coordinates."""
        return self.x, self.y


@dataclass(frozen=True)
class Machine:
    """Chips and the links between them; made by `chip`, `spinn3` and `spinn5`, and changed by `without` and `with_`.

    Parameters
    ----------
    name : as the grammar of machines spells it, without what is dead.
    kind : of its boards: `chip`, `spinn3` or `spinn5`.
    width, height : chips, holes included.
    wrap : whether links lead from the east edge to the west one, and from the north edge to the south one.
    chips : those that work, by x, then y.
    ethernet : coordinates of those among them that reach the host by a cable, the root first.
    dead_links : links between working chips that do not work, in both directions.
    facts : the figures that hold for it.
    """

    name: str
    kind: str
    width: int
    height: int
    wrap: tuple[bool, bool]
    chips: tuple[Chip, ...] = field(repr=False)
    ethernet: tuple[Place, ...]
    dead_links: frozenset[Way]
    facts: Facts = field(repr=False)

    def __str__(self) -> str:
        plural = "s" * (len(self.chips) != 1)
        return (
            f"{self.name}: {len(self.chips):,} chip{plural}, {self.applications:,} application cores, "
            f"{self.workers:,} workers"
        )

    @property
    def workers(self) -> int:
        """Cores that tiles are dealt to."""
        return sum(chip.workers for chip in self.chips)

    @property
    def applications(self) -> int:
        """Application cores, idle ones and those for transport included."""
        return sum(chip.applications for chip in self.chips)

    @property
    def boards(self) -> int:
        """Boards with at least one chip that works."""
        return len({chip.board for chip in self.chips})

    @property
    def idle_w(self) -> float:
        """Power while all cores sleep, without box, frame and power supply: W. One chip counts without a board."""
        each = {
            _CHIP: self.facts.chip_idle_w,
            _SPINN3: self.facts.spinn3_idle_w,
            _SPINN5: self.facts.spinn5_idle_w,
        }
        return self.boards * each[self.kind]

    def chip(self, at: Place) -> Chip:
        """The chip at these coordinates; MachineError when none works there."""
        found = self._by_place.get(at)
        if found is None:
            raise MachineError(self.name, f"chip {at}", _some(self._by_place), "take one of machine.chips")
        return found

    @cached_property
    def links(self) -> Mapping[Way, Place]:
        """For each link that works, in each direction, the chip at its other end."""
        return {
            (x, y, link): there
            for x, y in self._by_place
            for link, there in self._around((x, y))
            if there in self._by_place and (x, y, link) not in self.dead_links
        }

    def neighbour(self, at: Place, link: int) -> Place | None:
        """The chip at the other end of a link, or None when the link does not work or leads nowhere."""
        return self.links.get((*at, link))

    def crosses(self, at: Place, link: int) -> bool:
        """Whether a link that works leads to another board."""
        there = self.neighbour(at, link)
        return there is not None and self._by_place[at].board != self._by_place[there].board

    def with_(self, **values: int | float) -> Machine:
        """The same machine with other figures; the errors of `Facts.with_`."""
        return self.with_facts(self.facts.with_(**values))

    def with_facts(self, facts: Facts) -> Machine:
        """The same machine, whatever is dead included, under `facts`."""
        numbers = set(range(self.facts.cores_per_chip))
        dead = {chip.at: numbers.difference(chip.cores) for chip in self.chips}
        found = _chips([(chip.at, chip.board) for chip in self.chips], dead, facts)
        return _reduced(replace(self, chips=found, facts=facts))

    def without(
        self,
        cores: Mapping[Place, Collection[int]] | None = None,
        chips: Iterable[Place] = (),
        links: Iterable[Way] = (),
    ) -> Machine:
        """The same machine with dead parts, those it already has included.

        Parameters
        ----------
        cores : for a chip, physical numbers of dead cores. A chip without any other core is dead.
        chips : coordinates of dead chips.
        links : dead links, as one of their two ends sees them; they are dead in both directions.

        Raises MachineError for parts that the machine does not have, and when no worker is left, the root is dead,
        or chips cannot be reached from it.
        """
        cores, gone, cut = dict(cores or {}), set(chips), set(links)
        for at in [*cores, *gone]:
            self.chip(at)
        for at, numbers in cores.items():
            self._check_cores(at, numbers)
        for way in cut:
            if way not in self.links:
                raise MachineError(
                    self.name,
                    f"dead link {way}",
                    "(x, y, link) of a link it has",
                    "take one of machine.links",
                )
        both = cut | {(*self.links[way], opposite(way[2])) for way in cut} | self.dead_links
        numbers = set(range(self.facts.cores_per_chip))
        dead = {c.at: numbers.difference(c.cores).union(cores.get(c.at, ())) for c in self.chips}
        kept = [(c.at, c.board) for c in self.chips if c.at not in gone]
        return _reduced(replace(self, chips=_chips(kept, dead, self.facts), dead_links=frozenset(both)))

    @cached_property
    def _by_place(self) -> Mapping[Place, Chip]:
        return {chip.at: chip for chip in self.chips}

    def _around(self, at: Place) -> Iterator[tuple[int, Place]]:
        """Where each link of a chip leads, or would if a chip were there."""
        for link, (dx, dy) in enumerate(LINK_VECTORS):
            x, y = at[0] + dx, at[1] + dy
            yield link, (x % self.width if self.wrap[0] else x, y % self.height if self.wrap[1] else y)

    def _check_cores(self, at: Place, numbers: Collection[int]) -> None:
        wrong = [n for n in numbers if n not in range(self.facts.cores_per_chip)]
        if wrong:
            received = f"dead cores {sorted(wrong)} of chip {at}"
            expected = f"numbers from 0 to {self.facts.cores_per_chip - 1}"
            raise MachineError(self.name, received, expected, "give physical numbers of cores")


def opposite(link: int) -> int:
    """The same link as the chip at its other end numbers it."""
    return (link + 3) % len(LINK_VECTORS)


def chip(facts: Facts | None = None) -> Machine:
    """One chip, no links."""
    return _machine(_CHIP, _CHIP, (1, 1), (False, False), (ROOT,), facts)


def spinn3(facts: Facts | None = None) -> Machine:
    """The 4-chip board: 2 x 2 chips, joined from north to south; its west and east edges end in connectors.

    Source: SpiNNMachine 7.4.1, virtual_machine; Manchester SpiNNaker application note 1.
    """
    return _machine(_SPINN3, _SPINN3, (2, 2), (False, True), (ROOT,), facts)


def spinn5(boards: int = 1, facts: Facts | None = None, torus: bool = True) -> Machine:
    """The 48-chip board, or a machine of `boards` of them in triads, as close to a square as their number allows.

    Parameters
    ----------
    boards : 1, or a multiple of 3. 24 make a frame of 48 x 24 chips, 120 a cabinet, 1,200 the largest machine built.
    torus : whether opposite edges are joined, as those of a whole machine are. They are not in a part of a larger
        machine, such as an allocation of some boards; its boards then overhang the triads by four chips.

    All chips have all their cores: which ones a real board lacks is asked of the board.
    """
    name = _SPINN5 if boards == 1 else f"{_SPINN5}x{boards}"
    if boards == 1:
        return _machine(name, _SPINN5, (8, 8), (False, False), (ROOT,), facts)
    if boards < 1 or boards % 3:
        near = f"{boards - boards % 3} or {boards - boards % 3 + 3}" if boards > 3 else "1 or 3"
        raise MachineError(name, f"{boards} boards", "1, or triads of 3", f"take {near} boards")
    across, up = _rectangle(boards // 3)
    extra = 0 if torus else 4
    width, height = _TRIAD * across + extra, _TRIAD * up + extra
    if width > _COORDINATES:
        received = f"{boards} boards, {across} x {up} triads, {width} x {height} chips"
        expected = f"at most {_COORDINATES} x {_COORDINATES} chips"
        raise MachineError(name, received, expected, "take a number of boards that makes a squarer machine")
    ethernet = tuple(
        (_TRIAD * i + x, _TRIAD * j + y) for i in range(across) for j in range(up) for x, y in _TRIAD_BOARDS
    )
    return _machine(name, _SPINN5, (width, height), (torus, torus), ethernet, facts)


def _machine(
    name: str,
    kind: str,
    size: tuple[int, int],
    wrap: tuple[bool, bool],
    ethernet: tuple[Place, ...],
    facts: Facts | None,
) -> Machine:
    """A machine without faults whose boards have their Ethernet chips at `ethernet`."""
    width, height = size
    places = sorted(
        (((ex + x) % width, (ey + y) % height), (ex, ey)) for ex, ey in ethernet for x, y in _BOARDS[kind]
    )
    facts = facts or default_facts()
    return Machine(name, kind, width, height, wrap, _chips(places, {}, facts), ethernet, frozenset(), facts)


def _chips(
    places: Iterable[tuple[Place, Place]], dead: Mapping[Place, Collection[int]], facts: Facts
) -> tuple[Chip, ...]:
    """The chips at pairs of coordinates and board, without their dead cores; those with no other core are left out."""
    every = tuple(range(facts.cores_per_chip))
    found = []
    for at, board in places:
        gone = dead.get(at)
        cores = tuple(n for n in every if n not in gone) if gone else every
        if not cores:
            continue
        applications = max(0, len(cores) - facts.monitors_per_chip)
        found.append(Chip(*at, board, cores, applications, min(applications, facts.workers_per_chip)))
    return tuple(found)


def _reduced(made: Machine) -> Machine:
    """`made`, without Ethernet chips and links of dead chips, when it can still work."""
    alive = made._by_place
    ethernet = tuple(at for at in made.ethernet if at in alive)
    cut = frozenset(
        (x, y, link)
        for x, y, link in made.dead_links
        if (x, y) in alive and dict(made._around((x, y)))[link] in alive
    )
    made = replace(made, ethernet=ethernet, dead_links=cut)
    if not made.workers:
        expected = "at least one chip with a monitor and a core for applications"
        raise MachineError(made.name, "no core that works", expected, "leave more cores alive")
    if ROOT not in alive:
        raise MachineError(made.name, f"a dead chip {ROOT}", "the chip that boots", "leave it alive")
    lost = sorted(set(alive) - _reached(made))
    if lost:
        received = f"{len(lost):,} chips that no link joins to {ROOT}, such as {lost[0]}"
        raise MachineError(made.name, received, "chips that can be booted", "name them as dead chips")
    return made


def _rectangle(triads: int) -> tuple[int, int]:
    """The two factors of `triads` that are closest to each other, the larger first."""
    up = next(n for n in range(int(triads**0.5), 0, -1) if triads % n == 0)
    return triads // up, up


def _reached(machine: Machine) -> set[Place]:
    """Chips that packets from the root can get to."""
    found, todo = {ROOT}, [ROOT]
    while todo:
        x, y = todo.pop()
        for link in range(len(LINK_VECTORS)):
            there = machine.links.get((x, y, link))
            if there is not None and there not in found:
                found.add(there)
                todo.append(there)
    return found


def _some(places: Collection[Place]) -> str:
    """Words for coordinates that exist."""
    shown = ", ".join(map(str, list(places)[:4]))
    return f"one of {shown}{', ...' if len(places) > 4 else ''}"
