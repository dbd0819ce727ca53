"""Programs out of tiles: order of transfers, places in turn, what is refused."""

import numpy as np
import pytest

from spinntensor.errors import OperandError
from spinntensor.image.pipeline import pipeline
from spinntensor.image.program import Invoke, Move, Wait
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile

KERNEL = "clamp_s32_x8"
BASE = 0x400800


def tile(number, *extra):
    words = {"x": At("x"), "n": 16, "low": 0, "high": number}
    fetch = Fetch("x", At("x"), np.zeros(16, np.int32))
    constant = Fetch("k", At("k"), np.zeros(2, np.int32))
    store = Store("y", At("x"), (16,), np.dtype(np.int32))
    return Tile(f"t{number}", {"x": 64, "k": 8}, (fetch, constant, Step(KERNEL, words), *extra, store))


def far(i, transfer):
    return {"x": 0x60000000, "k": 0x60100000, "y": 0x60200000}[transfer.label] + (
        0 if transfer.label == "k" else 64 * i
    )


def chained(i, transfer):
    """Tile i reads what tile i - 1 wrote."""
    return 0x60100000 if transfer.label == "k" else 0x60000000 + 64 * (i + (transfer.label == "y"))


def kinds(commands):
    return "".join(
        "iwco"[(0 if not c.to_system else 3) if isinstance(c, Move) else 1 if isinstance(c, Wait) else 2]
        for c in commands
    )


def test_operands_of_the_next_tile_are_under_way():
    piped = pipeline([tile(i) for i in range(3)], far, BASE)
    assert kinds(piped.commands) == "ii" + "iwco" + "iwco" + "wco"
    waits = [c.moves for c in piped.commands if isinstance(c, Wait)]
    assert waits == [2, 3, 5]  # the last also waits for the store of the tile before last


def test_places_take_turns_and_constants_stay():
    piped = pipeline([tile(i) for i in range(3)], far, BASE)
    assert piped.regions == {"x": 128, "k": 8}
    assert [c.words["x"] - BASE for c in piped.commands if isinstance(c, Invoke)] == [0, 64, 0]
    assert sum(c.label.endswith("k") for c in piped.commands if isinstance(c, Move)) == 1


def test_what_the_tile_before_stores_is_fetched_behind_it():
    piped = pipeline([tile(i) for i in range(3)], chained, BASE)
    assert kinds(piped.commands) == "ii" + "wco" + "i" + "wco" + "i" + "wco"


def test_a_second_fetch_into_the_same_bytes_is_refused():
    again = Fetch("again", At("x", 8), np.zeros(2, np.int32))
    with pytest.raises(OperandError, match="cut the tile in two"):
        pipeline([tile(0, again)], far, BASE)


def test_a_store_between_steps_is_refused():
    one = tile(0)
    mixed = Tile("mixed", one.regions, (*one.actions, one.actions[2]))
    with pytest.raises(OperandError, match="stores at the end"):
        pipeline([mixed], far, BASE)


def test_what_a_kernel_wrote_is_fetched_again():
    """Two results of one x, the kernel working in its place: the second tile needs x as it was."""
    words = {"x": At("x"), "n": 16, "low": 0, "high": 1}
    fetch = Fetch("x", At("x"), np.zeros(16, np.int32))
    tiles = [
        Tile(
            "t",
            {"x": 64, "y": 64},
            (fetch, Step(KERNEL, words), Store("y", At("y"), (16,), np.dtype(np.int32))),
        )
    ] * 3
    piped = pipeline(tiles, lambda i, t: 0x60000000 + 64 * (0 if t.label == "x" else i + 1), BASE)
    assert piped.regions == {"x": 128, "y": 128}
    assert sum(isinstance(c, Move) and not c.to_system for c in piped.commands) == 3
    assert [c.words["x"] - BASE for c in piped.commands if isinstance(c, Invoke)] == [0, 64, 0]


@pytest.mark.parametrize("count, fits", ((13, True), (14, False)))
def test_more_transfers_than_the_engine_remembers_are_refused(count, fits):
    one = tile(0)
    many = [Fetch(f"w{j}", At("w", 8 * j), np.zeros(2, np.int32)) for j in range(count)]
    wide = Tile("wide", {**one.regions, "w": 8 * count}, (*many, *one.actions))
    order = [a.label for a in wide.actions if not isinstance(a, Step)]

    def place(i, transfer):
        return 0x60000000 + 0x1000 * i + 64 * order.index(transfer.label)

    if fits:
        assert pipeline([wide, wide], place, BASE).commands
    else:
        with pytest.raises(OperandError, match="16 transfers at once, expected at most 15; join operands"):
            pipeline([wide, wide], place, BASE)
