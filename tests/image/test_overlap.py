"""Rows of commands: whatever the transfers' times, kernels see the bytes that the plain order of actions gives them."""

import numpy as np
import pytest

from spinntensor import abi
from spinntensor.abi import memory
from spinntensor.errors import DTCMError, OperandError
from spinntensor.image.emit.action import Fetch, Spot, Step, Store, TileCode, Where
from spinntensor.image.overlap import Call, Move, overlapped
from spinntensor.plan.recipe import Region

BASE = memory.OPERANDS_BASE
COPY, ADD = "copy_s32", "eltwise_add_s32"


def copy(source, target, nbytes):
    shape = {"words": nbytes // 4, "rows": 1, "planes": 1}
    strides = dict.fromkeys(("x_row", "y_row", "x_plane", "y_plane"), 0)
    return Step(COPY, {"x": source, "y": target, **shape, **strides})


def tile(number, places=2, nbytes=64):
    """x from SDRAM, copied to y, which goes back."""
    regions = (Region("x", nbytes, places), Region("y", nbytes, places))
    actions = (
        Fetch("x", Where(64 * number), Spot("x"), nbytes),
        copy(Spot("x"), Spot("y"), nbytes),
        Store("y", Spot("y"), Where(4096 + 64 * number), nbytes),
    )
    return TileCode(f"tile {number}", regions, actions)


def words(row):
    """The row in short: F or S with its tile, C with its tile and what it leaves under way."""
    return [
        f"{'S' if c.to_system else 'F'}{c.tile}" if isinstance(c, Move) else f"C{c.tile}:{c.left}"
        for c in row.commands
    ]


def test_the_next_operands_arrive_while_a_tile_computes():
    row = overlapped([tile(i) for i in range(4)], BASE)
    assert words(row) == ["F0", "F1", "C0:1", "S0", "F2", "C1:2", "S1", "F3", "C2:2", "S2", "C3:1", "S3"]
    assert row.ends == (4, 7, 10, 12)


def test_one_place_for_each_region_takes_turns():
    row = overlapped([tile(i, 1) for i in range(3)], BASE)
    assert words(row) == ["F0", "C0:0", "F1", "S0", "C1:0", "F2", "S1", "C2:0", "S2"]


def test_what_is_there_is_not_fetched_again():
    regions = (Region("w", 64, 1), Region("y", 64, 2))
    tiles = [
        TileCode(
            f"{i}",
            regions,
            (
                Fetch("w", Where(0), Spot("w"), 64),
                copy(Spot("w"), Spot("y"), 64),
                Store("y", Spot("y"), Where(64 + 64 * i), 64),
            ),
        )
        for i in range(3)
    ]
    row = overlapped(tiles, BASE)
    assert sum(w.startswith("F") for w in words(row)) == 1


def test_what_a_kernel_wrote_over_is_fetched_again():
    regions = (Region("w", 64, 1),)
    pointers = {f.name: Spot("w") for f in abi.KERNELS[ADD].fields if f.is_pointer}
    add = Step(ADD, {n: pointers.get(n, 1) for n in abi.KERNELS[ADD].names})
    tiles = [TileCode(f"{i}", regions, (Fetch("w", Where(0), Spot("w"), 64), add)) for i in range(2)]
    assert [w[0] for w in words(overlapped(tiles, BASE))] == ["F", "C", "F", "C"]


def test_a_fetch_stays_behind_the_store_that_makes_it():
    first = tile(0)
    regions = first.regions
    second = TileCode(
        "reads it", regions, (Fetch("x", Where(4096), Spot("x"), 64), copy(Spot("x"), Spot("y"), 64))
    )
    assert words(overlapped([first, second], BASE)) == ["F0", "C0:0", "S0", "F1", "C1:0"]


def test_parts_arrive_in_turn_within_a_tile():
    regions = (Region("w", 64, 2), Region("y", 64, 1))
    actions = []
    for part in range(4):
        spot = Spot("w", turn=part, turns=4)
        actions += [Fetch(f"w {part}", Where(64 * part), spot, 64), copy(spot, Spot("y"), 64)]
    row = overlapped([TileCode("parts", regions, tuple(actions))], BASE)
    assert words(row) == ["F0", "F0", "C0:1", "F0", "C0:1", "F0", "C0:1", "C0:0"]


@pytest.mark.parametrize("seed", range(30))
def test_random_rows_give_the_bytes_of_the_plain_order(seed):
    """Copies between random places, transfers at random times, against the actions one by one."""
    rng = np.random.default_rng(seed)
    regions = (Region("a", 64, 2), Region("b", 128, 1), Region("c", 64, 3))

    def spot():
        name, size = [("a", 64), ("b", 128), ("c", 64)][rng.integers(3)]
        at = 8 * int(rng.integers(0, size // 8 - 1))
        return Spot(name, at, 16, int(rng.integers(3)), int(rng.integers(0, 3)))

    tiles = []
    for i in range(5):
        actions = []
        for _ in range(int(rng.integers(2, 9))):
            kind, place = rng.integers(3), Where(8 * int(rng.integers(0, 30)))
            one, two = spot(), spot()
            actions.append([Fetch("x", place, one, 16), Store("y", one, place, 16), copy(one, two, 16)][kind])
        tiles.append(TileCode(f"{i}", regions, tuple(actions)))
    start = rng.integers(0, 256, 256, np.uint8)

    def addresses(tile, spot):
        bases = {"a": (0, 64, 2), "b": (128, 128, 1), "c": (256, 64, 3)}
        at, size, places = bases[spot.region]
        return at + (spot.turn + spot.turns * tile) % places * size + spot.offset

    sdram, dtcm = start.copy(), np.zeros(512, np.uint8)
    for number, one in enumerate(tiles):
        for action in one.actions:
            if isinstance(action, Fetch):
                at = addresses(number, action.to)
                dtcm[at : at + 16] = sdram[action.source.address : action.source.address + 16]
            elif isinstance(action, Store):
                at = addresses(number, action.source)
                sdram[action.to.address : action.to.address + 16] = dtcm[at : at + 16]
            else:
                x, y = (addresses(number, action.words[n]) for n in "xy")
                dtcm[y : y + 16] = dtcm[x : x + 16].copy()
    row = overlapped(tiles, BASE)
    for attempt in range(6):
        mine, memory_, queue = start.copy(), np.zeros(512, np.uint8), []

        def move(command, mine=mine, memory_=memory_):
            at, system = command.tcm - BASE, command.system.address
            if command.to_system:
                mine[system : system + 16] = memory_[at : at + 16]
            else:
                memory_[at : at + 16] = mine[system : system + 16]

        for command in row.commands:
            if isinstance(command, Move):
                queue.append(command)
                continue
            left = len(queue) if command.left is None else command.left
            keep = left if attempt == 0 else int(rng.integers(0, left + 1)) if attempt > 1 else 0
            while len(queue) > min(keep, left):
                move(queue.pop(0))
            x, y = command.words["x"] - BASE, command.words["y"] - BASE
            memory_[y : y + 16] = memory_[x : x + 16].copy()
        for command in queue:
            move(command)
        assert (mine == sdram).all()


def test_what_does_not_fit_is_refused():
    big = TileCode("big", (Region("x", 1 << 16),), ())
    with pytest.raises(DTCMError, match="big"):
        overlapped([big], BASE)
    odd = TileCode("odd", (Region("x", 64),), (Fetch("x", Where(4), Spot("x"), 8),))
    with pytest.raises(OperandError, match="whole double words"):
        overlapped([odd], BASE)
    outside = TileCode("outside", (Region("x", 64),), (Fetch("x", Where(0), Spot("x", 60 & ~7), 16),))
    with pytest.raises(OperandError, match="within the region"):
        overlapped([outside], BASE)


def test_commands_are_calls_and_moves():
    row = overlapped([tile(0)], BASE)
    assert {type(c) for c in row.commands} == {Move, Call}
