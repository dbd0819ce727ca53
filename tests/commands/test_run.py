"""`spinntensor run`: results and records, equal from the command line and from Python, in every format."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from smalldata import small_data

import spinntensor as st
from spinntensor.commands import run
from spinntensor.errors import OperandError
from spinntensor.nn import Activation, Dense, Model, Sequential
from spinntensor.nn.layers import Input
from spinntensor.tensors.report import WORDS


def record(spinntensor, tmp_path, *words):
    """Run, on the host unless the words name a machine, and read the record."""
    where = () if "--machine" in words else ("--machine", "host")
    code, out, err = spinntensor("run", *words, *where, "--json", tmp_path / "run.json")
    assert code == 0, err
    return json.loads((tmp_path / "run.json").read_text()), out, err


def sha256(result):
    return hashlib.sha256(result.astype("<f4").tobytes()).hexdigest()


def test_the_record_is_what_python_gives(spinntensor, trained, small, tmp_path):
    found, out, err = record(spinntensor, tmp_path, trained, small, "--top", "2")
    x, y = small_data()
    result = Model.load(trained).predict(x)
    scores = st.softmax(st.tensor(result)).numpy()
    assert found["output_sha256"] == sha256(result) and found["output"]["shape"] == [60, 3]
    assert (found["model"], found["machine"], found["format"]) == (str(trained), "host", "float32")
    assert found["inputs"] == [f"{small}[{i}]" for i in range(60)] and len(found["top"]) == 120
    first = found["top"][0]
    assert first == {
        "input": f"{small}[0]",
        "class": int(result[0].argmax()),
        "label": f"class {result[0].argmax()}",
        "score": float(scores[0].max()),
    }
    assert found["accuracy"] == np.mean(result.argmax(-1) == y) and found["accuracy"] > 0.9
    assert found["wall_s"] > 0 and found["random_weights"] is False
    assert set(found["counts"]) == set(WORDS)
    assert err == "" and "... and 52 more" in out and "accuracy" in out
    assert "no meaning" not in out


@pytest.mark.parametrize("format", ["int8", "bfp16"])
def test_formats_are_those_of_quantize(spinntensor, trained, small, tmp_path, format):
    found, out, _ = record(spinntensor, tmp_path, trained, small, "--format", format, "--batch", "60")
    x, _ = small_data()
    model = Model.load(trained)
    expected = model.quantize(format, calibration=x).predict(x, batch_size=60)
    assert found["output_sha256"] == sha256(expected) and found["format"] == format
    assert found["calibration"] == ("the inputs" if format == "int8" else None)
    assert f"in {format} on host: 60 inputs" in out


@pytest.mark.parametrize("format", ["int8", "bfp16"])
def test_a_converted_model_keeps_its_format(spinntensor, trained, small, tmp_path, format):
    x, _ = small_data()
    model = Model.load(trained).quantize(format, calibration=x)
    model.save(tmp_path / "c.safetensors")
    found, _, _ = record(spinntensor, tmp_path, tmp_path / "c.safetensors", small, "--batch", "60")
    assert found["format"] == format and found["output_sha256"] == sha256(model.predict(x, batch_size=60))
    assert found["calibration"] == (model.calibration if format == "int8" else None)
    code, _, err = spinntensor("run", tmp_path / "c.safetensors", small, "--format", "float32")
    assert code == 1 and f"received float32, expected {format}, in which it was saved" in err
    for words in (
        ["compare", tmp_path / "c.safetensors", small],
        ["train", tmp_path / "c.safetensors", "--data", small],
    ):
        code, _, err = spinntensor(*words)
        assert code == 1 and f"received a model in {format}, expected a float32 model" in err


@pytest.mark.parametrize("format", ["float32", "int8"])
def test_a_chip_gives_the_hosts_bits_and_says_what_they_took(spinntensor, trained, small, tmp_path, format):
    pytest.importorskip("unicorn")
    words = [trained, small, "--format", format]
    host, _, _ = record(spinntensor, tmp_path, *words)
    found, out, _ = record(spinntensor, tmp_path, *words, "--machine", "chip")
    assert found["output_sha256"] == host["output_sha256"] and found["machine"] == "chip"
    assert found["predicted_ms"] > 0 and found["model_ms"] > 0 and found["instructions"] > 10_000
    for layer in found["layers"]:
        assert layer["predicted_cycles"] > 0 and layer["cycles"] > 0
    assert sum(run["batch"] * run["batches"] for run in found["runs"]) == 60
    assert "MAC per worker cycle" in out


def test_what_is_clamped_is_counted(spinntensor, trained, tmp_path):
    x, _ = small_data()
    np.save(tmp_path / "narrow.npy", x / 10)
    np.save(tmp_path / "wide.npy", x)
    words = [trained, tmp_path / "wide.npy", "--format", "int8", "--calibration", tmp_path / "narrow.npy"]
    found, out, err = record(spinntensor, tmp_path, *words)
    assert found["counts"]["saturated"] > 0 and err == ""
    assert f"{found['counts']['saturated']:,} elements were clamped" in out
    assert found["calibration"] == str(tmp_path / "narrow.npy")


def test_random_weights_say_that_labels_mean_nothing(spinntensor, small, tmp_path):
    found, out, _ = record(spinntensor, tmp_path, "mlp", small, "--classes", "3", "--seed", "4")
    assert found["random_weights"] is True
    assert "weights are random: labels and scores carry no meaning" in out
    again, _, _ = record(spinntensor, tmp_path, "mlp", small, "--classes", "3", "--seed", "4")
    assert found["output_sha256"] == again["output_sha256"]


def test_digits_have_names(spinntensor, tmp_path):
    pytest.importorskip("sklearn")
    found, out, _ = record(spinntensor, tmp_path, "mlp", "digits", "--top", "1")
    assert {entry["label"] for entry in found["top"]} <= set("0123456789") and len(found["top"]) == 450
    assert out.count("\n  1. ") == 8


def test_a_photograph(spinntensor, tmp_path):
    pytest.importorskip("sklearn")
    found, out, _ = record(spinntensor, tmp_path, "resnet8", "china", "--format", "int8")
    assert found["inputs"] == ["china"] and len(found["top"]) == 5
    assert found["calibration"] == "8 crops of the bundled photographs"
    assert out.splitlines()[2:4] == [
        "china",
        f"  1. {found['top'][0]['label']}  {found['top'][0]['score']:.4f}",
    ]


def test_names_of_a_file(spinntensor, trained, small, tmp_path):
    (tmp_path / "names.txt").write_text("ant\nbee\ncow\n")
    found, out, _ = record(spinntensor, tmp_path, trained, small, "--labels", tmp_path / "names.txt")
    assert {entry["label"] for entry in found["top"]} == {"ant", "bee", "cow"} and "bee" in out


@pytest.mark.parametrize("format", ["float32", "int8", "bfp16"])
def test_probabilities_stay_as_they_are(spinntensor, tmp_path, rng, format):
    model = Sequential([Input((6,)), Dense(3), Activation("softmax")])
    model.set_weights(model.get_weights())
    model.save(tmp_path / "m.safetensors")
    x = rng.standard_normal((2, 6)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    words = [tmp_path / "m.safetensors", tmp_path / "x.npy", "--top", "1", "--format", format]
    found, _, _ = record(spinntensor, tmp_path, *words)
    made = model if format == "float32" else model.quantize(format, calibration=x)
    with st.counting():
        assert [e["score"] for e in found["top"]] == [float(v) for v in made.predict(x).max(-1)]


def test_labels_out_of_range_are_refused(spinntensor, trained, tmp_path):
    x, y = small_data(5)
    np.savez(tmp_path / "a.npz", x=x, y=y + 7)
    code, out, err = spinntensor("run", trained, tmp_path / "a.npz")
    assert (code, out) == (
        1,
        "",
    ) and "received 8 at index 0 (5 of 5 are out of range), expected 0 to 2" in err


def test_labels_of_other_classes_are_left_out(spinntensor, tmp_path):
    pytest.importorskip("sklearn")
    found, out, _ = record(spinntensor, tmp_path, "mlp", "digits", "--classes", "12")
    assert "accuracy" not in found and "accuracy" not in out
    assert found["top"][0]["label"].startswith("class ")


def test_v_says_what_is_done(spinntensor, trained, small, caplog):
    code, _, _ = spinntensor("run", trained, small, "-v")
    assert code == 0 and f"loading {trained}" in caplog.text and "running" in caplog.text


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["resnet5", "china"], 2, "unknown model 'resnet5'; did you mean"),
        (["mlp", "nothing.npy"], 1, "cannot read nothing.npy: there is no such file"),
        (["mlp", "digits", "--json", "/nowhere/run.json"], 1, "cannot write /nowhere/run.json"),
        (["mlp", "digits", "--weights", "nothing.npz"], 1, "cannot read nothing.npz: there is no such file"),
        (["mlp", "china"], 1, "china: received an image"),
        (["nothing.safetensors", "china"], 1, "cannot read nothing.safetensors: there is no such file"),
    ],
)
def test_errors_are_one_line(spinntensor, words, code, message):
    pytest.importorskip("sklearn")
    found, out, err = spinntensor("run", *words)
    assert (found, out) == (code, "") and err.count("\n") == 1
    assert err.startswith("spinntensor: error: ") and message in err


def test_other_machines_are_refused_from_python_too():
    with pytest.raises(OperandError, match="received spinn5, 48 chips, expected one chip"):
        run.main("mlp", ["digits"], machine="spinn5")


def test_a_damaged_model_is_named(spinntensor, trained, small, tmp_path):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(trained.read_bytes()[:-50])
    code, _, err = spinntensor("run", path, small)
    assert code == 1 and f"cannot read {path}" in err and err.count("\n") == 1
