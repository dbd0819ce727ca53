"""Recipes of element-wise chains: a tile's elements go through the DTCM in blocks, two of them under way.

What repeats (vectors along the channels, scalars, tables) arrives once for each group of elements that share it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from spinntensor.errors import DTCMError
from spinntensor.kernels._float_tables import exp_table, log_table, sigmoid_table, tanh_table
from spinntensor.plan.recipe import Call, Recipe, Transfer
from spinntensor.plan.recipes import bytes_maps
from spinntensor.plan.recipes.chain import COPY, FULL, Chain, Instruction, Place, Program, program
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans, up

LARGEST = 512
"""Elements of a block at most: from here on a call's own cycles are below a hundredth of its work."""
COUNTS = {
    "f32_quantize_8": bytes_maps.COUNTS,
    "bfp16_from_f32": 8,
    "bfp16_axpy": 4,
    "bfp16_scal": 4,
    **{f"f32_to_s{n}": 4 for n in (8, 16, 32)},
    **{f"eltwise_{op}_s{n}": 4 for op in ("add", "sub") for n in (8, 16)},
}
"""Bytes that a kernel leaves to say how many elements it clamped or lost."""
_TABLES = {
    "f32_exp": exp_table,
    "f32_log": log_table,
    "f32_tanh": tanh_table,
    "f32_sigmoid": sigmoid_table,
}
_BYTES = {"f32_quantize_8": bytes_maps.STEPS, "f32_dequantize_8": bytes_maps.RESULTS}
"""Bytes of tables that depend on the grid."""
_SLACK = 8
"""Bytes behind a value that is copied: copies are made of pairs of words, the last one may write a word more."""

planned = lru_cache(4096)(program)


@lru_cache
def table_bytes(kernel: str) -> int:
    """Bytes of the constants that a kernel reads from the DTCM; 0 for most."""
    return _TABLES[kernel]().nbytes if kernel in _TABLES else _BYTES.get(kernel, 0)


def place_bytes(p: Program, place: Place, block: int) -> int:
    """Bytes of one of a program's places for blocks of so many elements."""
    odd = any(size % 2 for q in p.places for size in (q.extent.period, q.extent.run) if size > 1)
    return up(place.nbytes * place.extent.count(block) + (_SLACK if odd or place.extent != FULL else 0))


def _counts(p: Program) -> int:
    return up(sum(COUNTS.get(step.kernel, 0) for step in p.instructions))


def region_sizes(p: Program, block: int) -> list[tuple[str, int, int]]:
    """Its regions for blocks of so many elements, as (name, bytes, places)."""
    tables = {k: table_bytes(k) for k in dict.fromkeys(step.kernel for step in p.instructions)}
    return [
        *((f"v{i}", place_bytes(p, place, block), place.places) for i, place in enumerate(p.places)),
        *((f"table {k}", n, 1) for k, n in tables.items()),
        ("counts", _counts(p), 2),
    ]


def needed(chain: Chain, block: int) -> int:
    """DTCM bytes for blocks of so many elements."""
    return sum(up(n) * places for _, n, places in region_sizes(planned(chain), block))


def largest_block(chain: Chain, room: int = ROOM) -> int:
    """The largest block whose places fit `room`, at most `LARGEST` or one unit; DTCMError when no block fits."""
    unit = planned(chain).unit
    block = max(LARGEST // unit, 1) * unit
    while needed(chain, block) > room:
        if block <= unit:
            sizes = {name: n * places for name, n, places in region_sizes(planned(chain), unit)}
            raise DTCMError("map", needed(chain, unit), room, sizes)
        # most of it grows with the block, so this is not above the answer by much
        guess = block * room // needed(chain, block) // unit * unit
        block = max(unit, min(guess, block - unit))
    return block


def copies(have: int, want: int) -> Iterator[int]:
    """Sizes of the copies that repeat `have` elements until there are `want`."""
    while have < want:
        step = min(have, want - have)
        yield step
        have += step


def calls_of(p: Program, step: Instruction, block: int) -> Iterator[Call]:
    """The calls of one instruction for a block (or, where its extent has a period, once)."""
    n = step.extent.count(block)
    if step.kernel == COPY and len(set(step.sources)) == 1:
        source = p.places[step.sources[0]].extent
        if source == step.extent:
            yield call(COPY, n=n)
        elif source.run > 1:
            yield call(COPY, n // source.run, n=1)
            for size in copies(1, source.run):
                yield call(COPY, n // source.run, n=size)
        else:
            yield call(COPY, n=min(source.period, n))
            for size in copies(source.period, n):
                yield call(COPY, n=size)
    elif step.run:
        for size, count in spans(n, step.run):
            yield call(step.kernel, count, n=size)
    else:
        yield call(step.kernel, n=n)


def once(p: Program, step: Instruction) -> bool:
    """Whether an instruction's result serves all blocks of a group."""
    return p.places[step.target].held


def chain_calls(p: Program, block: int, parts: list[tuple[int, int]], groups: int = 1) -> Iterator[Call]:
    """The calls of `groups` times so many blocks, `parts` as (elements, how many), the largest of `block` elements."""
    for step in p.instructions:
        for size, times in [(block, 1)] if once(p, step) else parts:
            for c in calls_of(p, step, size):
                yield Call(c.kernel, c.shape, c.count * groups * times)


@lru_cache(1 << 14)
def recipe(
    chain: Chain, count: int, groups: int = 1, run: int = 0, room: int = ROOM, name: str = "map"
) -> Recipe:
    """One tile of `count` elements.

    Parameters
    ----------
    groups : parts of the tile with periodic operands of their own: channel blocks, or images.
    run : elements that lie side by side in the SDRAM; 0 for all.
    room : DTCM bytes.

    Errors
    ------
    DTCMError when not even the smallest block fits; OperandError for an operation without kernels.
    """
    p = planned(chain)
    each = -(-count // groups)
    most = largest_block(chain, room)
    blocks = -(-each // most)
    block = min(most, -(-each // blocks // p.unit) * p.unit)
    parts = spans(each, block)
    calls = chain_calls(p, block, parts, groups)
    loads, stores = transfers(p, chain, each, groups, sum(n for _, n in parts), run)
    return Recipe(
        kernel=name,
        regions=regions(region_sizes(p, block)),
        calls=gathered(calls),
        loads=loads,
        stores=stores,
        detail=(("block", block),),
    )


def transfers(
    p: Program, chain: Chain, each: int, groups: int, blocks: int, run: int
) -> tuple[tuple[Transfer, ...], tuple[Transfer, ...]]:
    """What arrives and leaves for `groups` times `each` elements in so many blocks, `run` of them side by side."""
    pieces = groups * max(blocks, -(-each // run) if run else 1)

    def moves(label: str, place: Place) -> Transfer:
        if place.extent.period:
            return moved(label, groups * up(place.nbytes * place.extent.period), groups)
        return moved(label, groups * place.nbytes * place.extent.count(each), pieces, groups * blocks)

    kernels = dict.fromkeys(step.kernel for step in p.instructions)
    loads = [
        moved(f"constant {i}", 8) if chain.operands[i].constant is not None else moves(f"x{i}", p.places[at])
        for i, at in p.loads
    ]
    loads += [moved(f"constant {number} {form}", 8) for number, form, _ in p.constants]
    loads += [moved(f"table {k}", table_bytes(k)) for k in kernels if table_bytes(k)]
    stores = [moves(f"y{i}", p.places[at]) for i, at in p.stores]
    if _counts(p):
        stores.append(moved("counts", groups * blocks * _counts(p), groups * blocks))
    return tuple(loads), tuple(stores)
