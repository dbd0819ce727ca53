"""The grammar of machines: every form is read, spelt again, and refused with words when it is wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import SpinnTensorError, UnknownNameError
from spinntensor.machine.facts import facts
from spinntensor.machine.geometry import MachineError, chip, spinn3, spinn5
from spinntensor.machine.grammar import FORMS, Board, Host, Spalloc, parse

LABELS = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
ADDRESSES = st.ip_addresses(v=4).map(str)
PORTS = st.just("") | st.integers(1, 65_535).map(":{}".format)
TARGETS = st.one_of(
    st.sampled_from([Host(), chip(), spinn3(), spinn5(), spinn5(3), spinn5(6)]),
    (NAMES | ADDRESSES).map(Board),
    st.builds(
        lambda scheme, host, port, path, boards: Spalloc(f"{scheme}{host}{port}{path}", boards),
        st.sampled_from(["", "http://", "https://"]),
        NAMES | ADDRESSES,
        PORTS,
        st.sampled_from(["", "/", "/spalloc/"]),
        st.integers(1, 1200),
    ),
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(TARGETS)
def test_what_is_named_can_be_read_again(target):
    assert parse(target.name) == target == parse(f" {target.name}\n")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("host", Host()),
        ("chip", chip()),
        ("spinn3", spinn3()),
        ("SpiNN5", spinn5()),
        ("spinn5x1", spinn5()),
        ("spinn5x03", spinn5(3)),
        ("board:192.168.240.1", Board("192.168.240.1")),
        ("board:spinn-4.lab_1.example.org", Board("spinn-4.lab_1.example.org")),
        ("spalloc:spinnaker.example.org?boards=24", Spalloc("spinnaker.example.org", 24)),
        ("spalloc:spinnaker.example.org:22244", Spalloc("spinnaker.example.org:22244", 1)),
        (
            "spalloc:https://spinnaker.example.org/spalloc/?boards=3",
            Spalloc("https://spinnaker.example.org/spalloc/", 3),
        ),
    ],
)
def test_forms(text, target):
    assert parse(text) == target


def test_emulated_machines_get_the_figures():
    figures = facts().with_(workers_per_chip=17)
    assert [parse(t, figures).workers for t in ("chip", "spinn3", "spinn5", "spinn5x3")] == [
        17,
        68,
        816,
        2448,
    ]


@pytest.mark.parametrize(
    "text", ["", " ", "spinn4", "board", "spalloc", "emulator", "host:x", "chip:1", "a:b"]
)
def test_words_that_the_grammar_does_not_have(text):
    with pytest.raises(UnknownNameError) as caught:
        parse(text)
    assert caught.value.kind == "machine" and set(caught.value.known) == set(FORMS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("spinn5x", "no number of boards"),
        ("spinn5x0", "'0' boards"),
        ("spinn5x-3", "'-3' boards"),
        ("spinn5x2", "take 1 or 3 boards"),
        ("spinn5x25", "take 24 or 27 boards"),
        ("spinn5x999999", "at most 256 x 256 chips"),
        ("board:", "no address"),
        ("board:1.2.3", "'1.2.3' as its address"),
        ("board:300.1.1.1", "'300.1.1.1' as its address"),
        ("board:a b", "'a b' as its address"),
        ("board:host:17893", "'host:17893' as its address"),
        ("spalloc:", "no server"),
        ("spalloc:?boards=2", "no server"),
        ("spalloc:h:0", "'h:0' as its server"),
        ("spalloc:h:65536", "'h:65536' as its server"),
        ("spalloc:ftp://h", "'ftp://h' as its server"),
        ("spalloc:h?board=2", "?board=2, expected ?boards=N"),
        ("spalloc:h?", "expected ?boards=N"),
        ("spalloc:h?boards=", "no number of boards"),
        ("spalloc:h?boards=two", "'two' boards"),
    ],
)
def test_what_is_wrong_is_said(text, words):
    with pytest.raises(MachineError) as caught:
        parse(text)
    assert words in str(caught.value)


def test_a_password_is_refused_and_not_repeated():
    with pytest.raises(MachineError, match="SPALLOC_PASSWORD") as caught:
        parse("spalloc:https://me:secret@spinnaker.example.org?boards=2")
    assert "secret" not in str(caught.value)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=20) | st.sampled_from(FORMS).flatmap(lambda f: st.text(max_size=6).map(f.__add__)))
def test_any_text_is_a_target_or_an_error_of_ours(text):
    try:
        target = parse(text)
    except SpinnTensorError as error:
        assert str(error)
    else:
        assert parse(target.name) == target
