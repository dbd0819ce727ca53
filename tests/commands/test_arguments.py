"""Arguments: what they accept, what they refuse, and that the help names what there is."""

from __future__ import annotations

import argparse

import pytest

from spinntensor.commands import arguments
from spinntensor.nn.models import MODELS


def test_the_help_names_every_network():
    names = arguments.NETWORKS.split(":")[1].split(";")[0]
    assert sorted(name.strip() for name in names.split(",")) == sorted(MODELS)


@pytest.mark.parametrize("word", ["spinn5", "spinn3", "board:192.168.240.1"])
def test_machines_that_are_not_there_yet(word):
    with pytest.raises(argparse.ArgumentTypeError, match=f"machine '{word}' received, expected chip or host"):
        arguments.machine(word)


def test_machines_that_are_there():
    assert [arguments.machine(word) for word in ("host", "chip")] == ["host", "chip"]
    with pytest.raises(argparse.ArgumentTypeError, match="unknown machine 'chips'"):
        arguments.machine("chips")


def test_formats_with_commas():
    assert arguments.formats_("int8, bfp16,int8") == ("int8", "bfp16")
    for wrong in ("float32", "int8,,bfp16", "int4", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="expected bfp16 or int8"):
            arguments.formats_(wrong)


@pytest.mark.parametrize(
    ("kind", "accepted", "refused"),
    [
        (arguments.count, ["1", "12"], ["0", "-1", "x", "1.5", ""]),
        (arguments.natural, ["0", "12"], ["-1", "x", "1e3"]),
        (arguments.share, ["0", ".1", "1"], ["1.1", "-.1", "x"]),
        (arguments.rate, ["0", ".1", "1e-3"], ["-1", "x", "nan", "inf"]),
    ],
)
def test_numbers(kind, accepted, refused):
    assert [kind(word) for word in accepted] == [float(word) for word in accepted]
    for word in refused:
        with pytest.raises(argparse.ArgumentTypeError, match="received, expected"):
            kind(word)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("run", ["mlp"]),
        ("run", ["mlp", "digits", "--format", "int4"]),
        ("run", ["mlp", "digits", "--top", "0"]),
        ("run", ["mlp", "digits", "--machine", "spinn5"]),
        ("compare", ["mlp", "digits", "--formats", "float32"]),
        ("train", ["mlp"]),
        ("train", ["mlp", "--data", "digits", "--epochs", "0"]),
        ("train", ["mlp", "--data", "digits", "--format", "int8"]),
        ("train", ["mlp", "--data", "digits", "--lr", "-1"]),
    ],
)
def test_the_command_line_refuses_them_too(spinntensor, command, words):
    code, out, err = spinntensor(command, *words)
    assert code == 2 and out == "" and f"spinntensor {command}: error: " in err
