"""A chain of element-wise operations as one core computes it on a block: instructions, and the places they work on.

Operands have an element for each of the block's, or they repeat: a vector along the channels, a scalar, one element for
a run of neighbours. What depends on none that is full is computed on few elements; a repeated operand is copied to a
whole block where no kernel takes it as it is. Places of values that nobody reads any more are used again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import copysign, lcm

from spinntensor import abi
from spinntensor.errors import OperandError
from spinntensor.ops.operation import family
from spinntensor.plan.recipes.elementwise import BYTES, COMMUTATIVE, UNORDERED, way

COPY = "eltwise_max_s32"
"""Copies words: each is the larger of itself and itself."""


@dataclass(frozen=True)
class Extent:
    """How a value's elements belong to those of a block.

    Parameters
    ----------
    period : elements after which it starts again, 1 for a scalar; 0 where it never does.
    run : neighbours of the block that share an element; 1 for none.
    """

    period: int = 0
    run: int = 1

    def count(self, block: int) -> int:
        """Elements for a block of so many."""
        return self.period or -(-block // self.run)


FULL, SCALAR = Extent(), Extent(1)


@dataclass(frozen=True)
class Value:
    """An operand of a chain: format and extent; `constant` where it is a number that the graph holds, a scalar."""

    format: str = "float32"
    extent: Extent = FULL
    constant: float | None = None


@dataclass(frozen=True)
class Link:
    """One operation: its operands by their numbers (operands of the chain first, then links), its format, and the
    number of its table among those of kernels that have one for each grid."""

    op: str
    inputs: tuple[int, ...]
    format: str = "float32"
    table: int = 0


@dataclass(frozen=True)
class Chain:
    """Operations on `operands`, and the numbers of the values that are kept."""

    operands: tuple[Value, ...]
    links: tuple[Link, ...]
    results: tuple[int, ...]


@dataclass(frozen=True)
class Instruction:
    """A kernel on values or, once they are placed, on places.

    Parameters
    ----------
    sources, target : numbers of what it reads and writes.
    extent : of its result; one with a period is computed once for all blocks.
    scalar : whether the second operand is one number.
    run : elements of a call where the second operand is a number for each run of so many; else 0.
    link : the number of the link that it is part of; -1 where it only spreads an operand.
    table : see `Link`.
    word : what its record has a word of, -1 for nothing.
    """

    kernel: str
    sources: tuple[int, ...]
    target: int
    extent: Extent
    scalar: bool = False
    run: int = 0
    link: int = -1
    table: int = 0
    word: int = -1

    @property
    def reads(self) -> tuple[int, ...]:
        """All that it reads."""
        return self.sources if self.word < 0 else (*self.sources, self.word)


@dataclass(frozen=True)
class Place:
    """Room for one value at a time.

    Parameters
    ----------
    nbytes : of an element.
    extent : of the values.
    places : 2 where it is loaded or stored block by block, for even and odd ones.
    held : whether it keeps a value for all blocks: one that repeats, or is repeated to a block.
    """

    nbytes: int
    extent: Extent
    places: int = 1
    held: bool = False


@dataclass(frozen=True)
class Program:
    """A chain as instructions on places.

    `loads` and `stores` name the chain's numbers and their places; `places[:len(loads)]` are those of the loads.
    `constants` are numbers that ways of operations need, each with its format and place.
    """

    places: tuple[Place, ...]
    instructions: tuple[Instruction, ...]
    loads: tuple[tuple[int, int], ...]
    stores: tuple[tuple[int, int], ...]
    constants: tuple[tuple[float, str, int], ...] = ()

    @property
    def unit(self) -> int:
        """Blocks are multiples of this: of all periods and runs, and whole double words of the narrowest format."""
        narrowest = min(place.nbytes for place in self.places)
        runs = (p.extent.run * (8 // p.nbytes) for p in self.places if p.extent.run > 1)
        return lcm(-(-8 // narrowest), *runs, *(p.extent.period or 1 for p in self.places))


def scalars(kernel: str) -> tuple[int, ...]:
    """Which of a kernel's operands may be one number: the second, or the two that are chosen from."""
    names = abi.KERNELS[kernel].names
    return (1,) if "step" in names else (1, 2) if "a_step" in names else ()


def program(chain: Chain) -> Program:
    """The instructions of a chain; OperandError for an operation that no kernel computes."""
    return _placed(chain, _flat(chain))


@dataclass(frozen=True)
class _Flat:
    """Formats and extents of values, the instructions that make them, the value of each number of the chain, and the
    values that are constants."""

    formats: list[str]
    extents: list[Extent]
    steps: list[Instruction]
    of: Mapping[int, int]
    constants: Mapping[int, float]


def _flat(chain: Chain) -> _Flat:
    formats = [family(v.format) for v in chain.operands]
    extents = [v.extent for v in chain.operands]
    of = {i: i for i in range(len(chain.operands))}
    out: list[Instruction] = []
    spread: dict[tuple[int, Extent], int] = {}
    constants: dict[int, float] = {}
    unordered = _unordered(chain)
    spread_out = _extents(chain, unordered)

    def new(form: str, extent: Extent) -> int:
        formats.append(family(form))
        extents.append(extent)
        return len(formats) - 1

    def constant(number: float, form: str) -> int:
        found = next((i for i, c in constants.items() if (c, formats[i]) == (number, form)), None)
        if found is None:
            found = new(form, SCALAR)
            constants[found] = number
        return found

    def wide(value: int, extent: Extent) -> int:
        if (value, extent) not in spread:
            if BYTES[formats[value]] != 4:
                raise _refused("broadcast_to", formats[value], "words")
            spread[value, extent] = new(formats[value], extent)
            out.append(Instruction(COPY, (value, value), spread[value, extent], extent))
        return spread[value, extent]

    for number, link in enumerate(chain.links, len(chain.operands)):
        if unordered.get(number, link) is None:
            continue
        link = unordered.get(number) or link
        inputs = [of[i] for i in link.inputs]
        extent = spread_out[number]
        at = number - len(chain.operands)
        op = link.op
        if op == "maximum" and _is_zero(chain, link.inputs[-1]):
            op, inputs = "relu", inputs[:1]
        elif op in COMMUTATIVE and extents[inputs[0]] != extent:
            inputs.reverse()
        found = way(op, formats[inputs[-1]], link.format)
        if found is None:
            raise _refused(link.op, formats[inputs[-1]], "an operation that kernels compute")
        made: list[int] = []
        for part in found:
            sources = [inputs[s] if s >= 0 else made[s] for s in part.sources]
            scalar, run = part.scalar is not None, 0
            if part.scalar is not None:
                sources.append(constant(part.scalar, formats[sources[0]]))
            for i, s in enumerate(sources):
                single = extents[s] == SCALAR or (extents[s].run > 1 and extent == FULL)
                if extents[s] == extent or s in constants:
                    continue
                lanes = part.kernel.startswith("eltwise") and BYTES[formats[s]] < 4
                if (
                    single
                    and not lanes
                    and i in scalars(part.kernel)
                    and (i, extents[s].run) in ((1, extents[s].run), (2, 1))
                ):
                    scalar, run = True, extents[s].run if extents[s].run > 1 else run
                else:
                    sources[i] = wide(s, extent)
            if run % 2 and part.kernel.startswith("eltwise"):
                raise _refused(link.op, f"runs of {run}", "even runs")
            made.append(new(part.format or link.format, extent))
            word = -1 if part.word < 0 else inputs[part.word]
            out.append(
                Instruction(part.kernel, tuple(sources), made[-1], extent, scalar, run, at, link.table, word)
            )
        of[number] = made[-1]
    return _Flat(formats, extents, out, of, constants)


def _extents(chain: Chain, unordered: Mapping[int, Link | None]) -> dict[int, Extent]:
    """The extent of each link: that of its operands, or for bytes, which no kernel repeats, that of what reads them.
    What is kept has an element for each of a block."""
    start = len(chain.operands)
    links = {n: unordered.get(n, link) for n, link in enumerate(chain.links, start)}
    found = {i: value.extent for i, value in enumerate(chain.operands)}
    for number, link in links.items():
        if link is not None:
            kept = number in chain.results
            found[number] = FULL if kept else _common([found[i] for i in link.inputs])
    for number, link in reversed(links.items()):
        for i in link.inputs if link is not None else ():
            if i >= start and BYTES[family(chain.links[i - start].format)] == 1:
                found[i] = found[number]
    return found


def _unordered(chain: Chain) -> dict[int, Link | None]:
    """Links that ask whether x > y or x is a NaN, as one operation; None for the two parts that nobody else reads."""
    start = len(chain.operands)
    readers = Counter(i for link in chain.links for i in link.inputs)
    readers.update(chain.results)
    found: dict[int, Link | None] = {}
    for number, link in enumerate(chain.links, start):
        if link.op != "logical_or" or any(i < start or readers[i] > 1 for i in link.inputs):
            continue
        one, other = (chain.links[i - start] for i in link.inputs)
        alone = other.op == "not_equal" and other.inputs == (one.inputs[0],) * 2
        if one.op == "greater" and alone:
            found |= {number: Link(UNORDERED, one.inputs, link.format), **dict.fromkeys(link.inputs)}
    return found


def _refused(op: str, form: str, expected: str) -> OperandError:
    return OperandError("map", op, f"{op} of {form}", expected, "see `plan.recipes.missing` for the reason")


def _common(extents: list[Extent]) -> Extent:
    """The extent of what is made of values of these."""
    several = {e for e in extents if e != SCALAR}
    return SCALAR if not several else several.pop() if len(several) == 1 else FULL


def _is_zero(chain: Chain, number: int) -> bool:
    """Whether a value is the constant +0."""
    constant = chain.operands[number].constant if number < len(chain.operands) else None
    return constant == 0 and copysign(1.0, float(constant)) > 0


def _placed(chain: Chain, made: _Flat) -> Program:
    """Places for all values: a value takes that of one with as wide elements which is read for the last time."""
    formats, extents, flat, of = made.formats, made.extents, made.steps, made.of
    kept = {of[i] for i in chain.results}
    last = {s: at for at, step in enumerate(flat) for s in step.reads}
    used = [i for i in range(len(chain.operands)) if i in last or i in kept]
    places: list[Place] = []
    at: dict[int, int] = {}
    for i in used:
        at[i] = len(places)
        repeats = extents[i].period > 0
        places.append(Place(BYTES[formats[i]], extents[i], 1 if repeats else 2, repeats))
    for i in made.constants:
        at[i] = len(places)
        places.append(Place(BYTES[formats[i]], SCALAR, 1, True))
    free: list[int] = []
    out: list[Instruction] = []
    for n, step in enumerate(flat):
        target, extent, nbytes = step.target, step.extent, BYTES[formats[step.target]]
        held = all(places[at[s]].held for s in step.sources)
        for s in sorted(set(step.reads)):
            if last[s] == n and s not in kept and not places[at[s]].held:
                free.append(at[s])
        stored = target in kept
        fits = [p for p in free if (places[p].nbytes, places[p].extent) == (nbytes, extent)]
        if fits and not held:
            # a stored value takes a double place before it makes a single one double
            best = min(fits, key=lambda p: (places[p].places != (2 if stored else 1), p))
            free.remove(best)
            at[target] = best
            if stored and places[best].places == 1:
                places[best] = Place(nbytes, extent, 2)
        else:
            at[target] = len(places)
            places.append(Place(nbytes, extent, 2 if target in kept else 1, held))
        sources = tuple(at[s] for s in step.sources)
        word = -1 if step.word < 0 else at[step.word]
        out.append(replace(step, sources=sources, target=at[target], word=word))
        if target not in last and target not in kept and not held:  # nobody reads it
            free.append(at[target])
    loads = tuple((i, at[i]) for i in used)
    stores = tuple((i, at[of[i]]) for i in chain.results)
    constants = tuple((number, formats[i], at[i]) for i, number in made.constants.items())
    return Program(tuple(places), tuple(out), loads, stores, constants)
