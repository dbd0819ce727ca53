"""`spinntensor compare`: the table and the record, equal to what Python gives."""

from __future__ import annotations

import json

import pytest
from smalldata import small_data

from spinntensor.nn import Model
from spinntensor.nn.compare import compare


def test_the_record_is_what_python_gives(spinntensor, trained, small, tmp_path):
    code, out, err = spinntensor("compare", trained, small, "--json", tmp_path / "c.json")
    assert (code, err) == (0, "")
    x, _ = small_data()
    batches = [x[i : i + 8] for i in range(0, len(x), 8)]
    expected = compare(Model.load(trained), batches, ("bfp16", "int8"), x)
    found = json.loads((tmp_path / "c.json").read_text())
    assert found["calibrated_on"] == "the inputs" and len(found["inputs"]) == 60
    same = json.loads(expected.json())
    assert {key: found[key] for key in same} == same
    assert str(expected) in out and "fc3" in out
    assert found["asked_for"] == str(trained)


def test_one_format(spinntensor, trained, small):
    code, out, _ = spinntensor("compare", trained, small, "--formats", "bfp16")
    assert code == 0 and "bfp16 SQNR" in out and "int8" not in out and "calibrated" not in out


def test_random_weights_are_said_to_be(spinntensor, small):
    code, out, _ = spinntensor("compare", "mlp", small, "--formats", "int8", "--classes", "3")
    assert code == 0 and "labels carry no meaning" in out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["resnet51", "china"], 2, "unknown model 'resnet51'"),
        (["mlp", "nothing.npz"], 1, "cannot read nothing.npz"),
        (["mlp", "x.npy", "--json", "/nowhere/c.json"], 1, "cannot write /nowhere/c.json"),
    ],
)
def test_errors_are_one_line(spinntensor, words, code, message):
    found, out, err = spinntensor("compare", *words)
    assert (found, out) == (code, "") and err.count("\n") == 1 and message in err
