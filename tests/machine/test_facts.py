"""Figures of the machine: every one has a source, the emulator's agree, overrides by name, the table of variants."""

import math
import pickle
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.abi import memory
from spinntensor.emulator.facts import CoreFacts
from spinntensor.emulator.memory import SDRAM_SPAN
from spinntensor.errors import OperandError, UnknownNameError
from spinntensor.machine.facts import ASSUMED, GIVEN, KINDS, VARIED, Facts, facts, variants

NAMES = [one.name for one in facts().figures()]
FREE = sorted({*NAMES} - {"cores_per_chip", "monitors_per_chip"})  # these two bound the workers


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_unit_meaning_and_source(name):
    one = facts().figure(name)
    assert one.unit and one.what and len(one.source) > 5
    assert one.kind in KINDS and one.kind != GIVEN
    assert one.value == getattr(facts(), name) and math.isfinite(one.value) and one.value > 0
    assert not one.tried or (one.value in one.tried and list(one.tried) == sorted(one.tried))


def test_the_file_and_the_record_have_the_same_names():
    assert sorted(NAMES) == sorted({one.name for one in fields(Facts)} - {"given"})
    assert len(set(NAMES)) == len(NAMES)


def test_whole_numbers_are_whole_in_the_file():
    counts = [one.name for one in fields(Facts) if one.type == "int"]
    assert all(isinstance(getattr(facts(), name), int) for name in counts)


def test_the_emulator_takes_the_same_figures():
    assert facts().core() == CoreFacts()
    sources = CoreFacts.sources()
    for name in sources.keys() - {"physical_core"}:
        one = facts().figure(name)
        assert one.kind == sources[name][0]


def test_memories_are_those_of_the_address_map():
    f = facts()
    assert (f.itcm_bytes, f.dtcm_bytes) == (memory.ITCM_BYTES, memory.DTCM_BYTES)
    assert f.sdram_bytes == SDRAM_SPAN
    assert f.sdram_usable_bytes == f.sdram_bytes - 18 * 4 * 32_768 - (8 << 20) - 32


def test_derived_figures():
    f = facts()
    assert f.applications_per_chip == 17
    assert f.dma_mb_per_s == pytest.approx(266.7, abs=0.05)
    assert f.sdram_peak_mb_per_s == 1040
    assert f.sdram_bytes_per_cycle == 3
    assert f.link_packets_per_s == pytest.approx(4.55e6, rel=0.002)
    assert f.link_payload_packets_per_s == pytest.approx(2.63e6, rel=0.002)
    assert (f.packet_hop_j, f.payload_packet_hop_j) == pytest.approx((1e-9, 1.8e-9))


def test_what_nobody_published_is_listed():
    assumed = {one.name for one in facts().assumed}
    assert set(VARIED) <= assumed and "dma_setup_cycles" in assumed and "dtcm_bytes" not in assumed
    measured = facts().with_(sdram_mb_per_s=731.5)
    assert {one.name for one in measured.assumed} == assumed - {"sdram_mb_per_s"}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(FREE), st.integers(1, 16))
def test_an_override_changes_its_figure_alone(name, value):
    before = facts()
    after = before.with_(**{name: value})
    assert {n for n in NAMES if getattr(after, n) != getattr(before, n)} <= {name}
    assert getattr(after, name) == value and after.given == {name}
    one = after.figure(name)
    assert (one.kind, one.value) == (GIVEN, value) and str(before.figure(name).kind) in one.source
    assert after == before.with_(**{name: value}) and hash(after) == hash(before.with_(**{name: value}))
    assert after != before and pickle.loads(pickle.dumps(after)) == after


def test_overrides_add_up_and_reach_the_emulator():
    f = facts().with_(sdram_mb_per_s=400).with_(peripheral_cycles=10, dma_word_cycles=4)
    assert f.given == {"sdram_mb_per_s", "peripheral_cycles", "dma_word_cycles"}
    assert f.core(3) == CoreFacts(peripheral_cycles=10, dma_word_cycles=4, physical_core=3)
    assert f.dma_mb_per_s == 200


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(NAMES), st.data())
def test_a_misspelt_name_gets_its_neighbours(name, data):
    at = data.draw(st.integers(0, len(name) - 1))
    wrong = name[:at] + "q" + name[at + 1 :]
    with pytest.raises(UnknownNameError, match="unknown figure") as caught:
        facts().with_(**{wrong: 1})
    assert name in caught.value.close


def test_an_unknown_figure_is_an_error():
    with pytest.raises(UnknownNameError, match="sdram_mb_per_s"):
        facts().figure("sdram_mb_s")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sdram_mb_per_s", 0),
        ("sdram_mb_per_s", -1.5),
        ("sdram_mb_per_s", math.nan),
        ("sdram_mb_per_s", math.inf),
        ("sdram_mb_per_s", "400"),
        ("dtcm_bytes", 65_536.0),
        ("peripheral_cycles", True),
        ("peripheral_cycles", None),
        ("workers_per_chip", 18),
        ("cores_per_chip", 16),
    ],
)
def test_a_value_that_cannot_be_is_an_error(name, value):
    with pytest.raises(OperandError, match="facts: operand"):
        facts().with_(**{name: value})


def test_variants_fill_the_table_row_by_row():
    table = [(f.sdram_mb_per_s, f.peripheral_cycles) for f in variants()]
    assert table == [(s, p) for s in (400, 600, 1000) for p in (3, 5, 10)]
    assert facts() in variants()
    assert all(f.figure(name).kind == ASSUMED for f in variants() for name in VARIED)


def test_a_given_figure_is_not_varied():
    table = variants(facts().with_(sdram_mb_per_s=731, dma_setup_cycles=30))
    assert [(f.sdram_mb_per_s, f.peripheral_cycles) for f in table] == [(731, 3), (731, 5), (731, 10)]
    assert all(f.dma_setup_cycles == 30 and "dma_setup_cycles" in f.given for f in table)
