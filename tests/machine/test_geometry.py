"""Chips, links and boards against the published ones; dead parts; what every machine has in common."""

import pickle

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spinntensor.errors import OperandError
from spinntensor.machine.facts import facts, variants
from spinntensor.machine.geometry import (
    LINK_NAMES,
    LINK_VECTORS,
    MachineError,
    chip,
    opposite,
    spinn3,
    spinn5,
)

WHOLE = {
    "chip": chip(),
    "spinn3": spinn3(),
    "spinn5": spinn5(),
    "triad": spinn5(3),
    "part": spinn5(3, torus=False),
    "six": spinn5(6),
}

# Links of a 48-chip board that leave it through its FPGAs: SpiNNMachine 7.4.1, version_5. (x, y): links.
FPGA_LINKS = {
    (0, 0): "345", (0, 1): "34", (0, 2): "34", (0, 3): "234", (1, 0): "45", (1, 4): "23", (2, 0): "45",
    (2, 5): "23", (3, 0): "45", (3, 6): "23", (4, 0): "045", (4, 7): "123", (5, 1): "05", (5, 7): "12",
    (6, 2): "05", (6, 7): "12", (7, 3): "015", (7, 4): "01", (7, 5): "01", (7, 6): "01", (7, 7): "012",
}  # fmt: skip


@st.composite
def machines(draw):
    """A machine with some dead cores, chips and links, if one can do without them."""
    whole = WHOLE[draw(st.sampled_from([*WHOLE]))]
    places = [c.at for c in whole.chips]
    some = lambda of, most: st.lists(st.sampled_from(of), max_size=most, unique=True)  # noqa: E731
    numbers = st.sets(st.integers(0, 17), max_size=18)
    cores = draw(st.dictionaries(st.sampled_from(places), numbers, max_size=4))
    chips = draw(some(places, 3))
    links = draw(some(sorted(whole.links), 6)) if whole.links else []
    try:
        return whole.without(cores, chips, links)
    except MachineError:
        assume(False)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(machines())
def test_what_every_machine_has_in_common(machine):
    places = {c.at for c in machine.chips}
    assert len(places) == len(machine.chips) and sorted(places) == [c.at for c in machine.chips]
    assert set(machine.ethernet) <= places and machine.ethernet[0] == (0, 0)
    for c in machine.chips:
        assert 0 <= c.x < machine.width and 0 <= c.y < machine.height and machine.chip(c.at) is c
        assert 0 <= c.workers <= 16 and c.workers <= c.applications == len(c.cores) - 1 <= 17
    for (x, y, link), there in machine.links.items():
        assert {(x, y), there} <= places
        assert machine.links[(*there, opposite(link))] == (x, y)
        dx, dy = LINK_VECTORS[link]
        assert (there[0] - x - dx) % machine.width == 0 and (there[1] - y - dy) % machine.height == 0
        crosses = machine.crosses((x, y), link)
        assert crosses == (machine.chip((x, y)).board != machine.chip(there).board)
    assert machine.workers > 0 and machine.applications == sum(len(c.cores) - 1 for c in machine.chips)
    assert pickle.loads(pickle.dumps(machine)) == machine and hash(machine) == hash(machine.without())


@settings(max_examples=30, deadline=None, derandomize=True)
@given(machines(), st.sampled_from(variants()), st.integers(1, 17))
def test_other_figures_leave_dead_parts_dead(machine, figures, workers):
    other = machine.with_facts(figures.with_(workers_per_chip=workers))
    assert other.links == machine.links and other.facts.sdram_mb_per_s == figures.sdram_mb_per_s
    assert [c.cores for c in other.chips] == [c.cores for c in machine.chips]
    assert all(c.workers == min(workers, c.applications) for c in other.chips)
    assert other.with_facts(machine.facts) == machine


def test_link_vectors():
    assert LINK_NAMES == ("E", "NE", "N", "W", "SW", "S")
    for link, (dx, dy) in enumerate(LINK_VECTORS):
        assert LINK_VECTORS[opposite(link)] == (-dx, -dy)


@pytest.mark.parametrize(
    ("name", "chips", "links", "boards", "size", "text"),
    [
        ("chip", 1, 0, 1, (1, 1), "chip: 1 chip, 17 application cores, 16 workers"),
        ("spinn3", 4, 16, 1, (2, 2), "spinn3: 4 chips, 68 application cores, 64 workers"),
        ("spinn5", 48, 240, 1, (8, 8), "spinn5: 48 chips, 816 application cores, 768 workers"),
        ("triad", 144, 864, 3, (12, 12), "spinn5x3: 144 chips, 2,448 application cores, 2,304 workers"),
        ("part", 144, 768, 3, (16, 16), "spinn5x3: 144 chips, 2,448 application cores, 2,304 workers"),
        ("six", 288, 1728, 6, (24, 12), "spinn5x6: 288 chips, 4,896 application cores, 4,608 workers"),
    ],
)
def test_sizes(name, chips, links, boards, size, text):
    machine = WHOLE[name]
    assert (len(machine.chips), len(machine.links), machine.boards) == (chips, links, boards)
    assert (machine.width, machine.height) == size and str(machine) == text
    assert len(machine.ethernet) == boards


def test_the_four_chip_board_wraps_from_north_to_south():
    links = spinn3().links
    assert {
        (x, y): "".join(str(n) for n in range(6) if (x, y, n) in links) for x in (0, 1) for y in (0, 1)
    } == {
        (0, 0): "0125",
        (0, 1): "0125",
        (1, 0): "2345",
        (1, 1): "2345",
    }
    assert links[0, 0, 5] == (0, 1) and links[1, 0, 4] == (0, 1) and links[0, 1, 1] == (1, 0)


def test_the_48_chip_board_has_the_published_chips_and_edges():
    board = spinn5()
    rows = {0: (0, 3), 1: (0, 4), 2: (0, 5), 3: (0, 6), 4: (0, 7), 5: (1, 7), 6: (2, 7), 7: (3, 7)}
    assert {c.at for c in board.chips} == {
        (x, y) for x, (low, high) in rows.items() for y in range(low, high + 1)
    }
    open_ends = {(*c.at, n) for c in board.chips for n in range(6)} - board.links.keys()
    assert open_ends == {(*at, int(n)) for at, numbers in FPGA_LINKS.items() for n in numbers}
    assert all(board.neighbour(way[:2], way[2]) is None for way in open_ends)


@pytest.mark.parametrize("torus", [True, False])
def test_boards_of_a_triad(torus):
    machine = spinn5(3, torus=torus)
    assert machine.ethernet == ((0, 0), (4, 8), (8, 4))
    for ex, ey in machine.ethernet:
        own = {c.at for c in machine.chips if c.board == (ex, ey)}
        assert own == {((ex + c.x) % machine.width, (ey + c.y) % machine.height) for c in spinn5().chips}
        leaving = sum(machine.crosses(at, n) for at in own for n in range(6))
        assert leaving == 48 if torus else leaving < 48


def test_a_frame_and_a_cabinet():
    frame = spinn5(24)
    assert (frame.width, frame.height, len(frame.chips), frame.boards) == (48, 24, 1152, 24)
    assert all(x % 4 == 0 and (x + y) % 12 == 0 for x, y in frame.ethernet)
    assert (spinn5(120).width, spinn5(120).height) == (96, 60)


def test_dead_parts():
    machine = spinn5().without(
        cores={(1, 1): {0}, (2, 2): {1, 2}, (3, 3): range(18), (4, 4): range(1, 18)},
        chips=[(7, 7)],
        links=[(0, 0, 2)],
    )
    assert machine.chip((1, 1)).cores == tuple(range(1, 18)) and machine.chip((1, 1)).workers == 16
    assert machine.chip((2, 2)).workers == machine.chip((2, 2)).applications == 15
    assert (machine.chip((4, 4)).applications, machine.chip((4, 4)).workers) == (
        0,
        0,
    )  # it still passes packets on
    assert {c.at for c in spinn5().chips} - {c.at for c in machine.chips} == {(3, 3), (7, 7)}
    assert machine.neighbour((0, 0), 2) is machine.neighbour((0, 1), 5) is None
    assert machine.neighbour((2, 2), 1) is None
    assert machine.workers == 768 - 1 - 3 * 16
    assert machine.without(cores={(1, 1): {5}}).chip((1, 1)).cores == (1, 2, 3, 4, *range(6, 18))


def test_a_dead_ethernet_chip_leaves_its_board():
    machine = spinn5(3).without(chips=[(4, 8)])
    assert machine.ethernet == ((0, 0), (8, 4)) and machine.boards == 3


@pytest.mark.parametrize(
    ("dead", "words"),
    [
        (
            {"cores": {(0, 0): range(17), (0, 1): range(18), (1, 0): range(18), (1, 1): range(18)}},
            "no core that works",
        ),
        ({"chips": [(0, 0), (0, 1), (1, 0), (1, 1)]}, "no core that works"),
        ({"chips": [(0, 0)]}, "a dead chip (0, 0)"),
        ({"chips": [(2, 0)]}, "chip (2, 0), expected one of (0, 0), (0, 1), (1, 0), (1, 1);"),
        ({"cores": {(0, 0): {3, 18}}}, "dead cores [18] of chip (0, 0), expected numbers from 0 to 17"),
        ({"links": [(0, 0, 3)]}, "dead link (0, 0, 3)"),
        ({"links": [(1, 1, 2), (1, 1, 3), (1, 1, 4), (1, 1, 5)]}, "1 chips that no link joins"),
    ],
)
def test_a_machine_that_cannot_work_is_an_error(dead, words):
    with pytest.raises(MachineError) as caught:
        spinn3().without(**dead)
    assert words in str(caught.value) and str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("boards", [-3, 0, 2, 4, 50, 3 * 23])
def test_numbers_of_boards_that_make_no_machine(boards):
    with pytest.raises(MachineError, match=f"{boards} boards"):
        spinn5(boards)


def test_a_chip_that_is_not_there():
    with pytest.raises(MachineError, match=r"take one of machine\.chips"):
        spinn5().chip((0, 4))


def test_seventeen_workers_are_possible_and_no_more():
    assert chip(facts().with_(workers_per_chip=17)).workers == chip().with_(workers_per_chip=17).workers == 17
    with pytest.raises(OperandError, match="at most 17 application cores"):
        chip().with_(workers_per_chip=18)


def test_power_of_sleeping_machines():
    assert [WHOLE[n].idle_w for n in ("chip", "spinn3", "spinn5", "six")] == [0.35, 3.56, 26.84, 6 * 26.84]
    assert spinn5().with_(spinn5_idle_w=30).idle_w == 30
