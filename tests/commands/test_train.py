"""`spinntensor train`: lines, files, accuracy; interrupted and resumed it gives the same bits."""

from __future__ import annotations

import csv
import json
import signal

import numpy as np
import pytest
from smalldata import WIDTH, small_data

from spinntensor.commands import train
from spinntensor.nn import Model, mlp
from spinntensor.nn.saving import digest
from spinntensor.nn.weights import named_weights


def test_a_line_for_each_epoch_and_the_record(spinntensor, small, tmp_path):
    files = {name: tmp_path / f"a.{name}" for name in ("safetensors", "npz", "csv", "json")}
    options = ["--save", files["safetensors"], "--checkpoint", files["npz"], "--log", files["csv"]]
    code, out, err = spinntensor(
        "train", "mlp", "--data", small, "--epochs", 3, *options, "--json", files["json"]
    )
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("mlp: ") and "45 samples" in lines[0] and "15 held out" in lines[0]
    assert [line.split(":")[0] for line in lines[1:4]] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert (
        "val_accuracy" in lines[3]
        and lines[4].startswith("accuracy ")
        and str(files["safetensors"]) in lines[5]
    )
    found = json.loads(files["json"].read_text())
    assert found["model"] == "mlp" and found["accuracy"] == found["history"][-1]["val_accuracy"]
    assert found["classes"] == ["class 0", "class 1", "class 2"] and found["samples"] == {
        "train": 45,
        "held_out": 15,
    }
    rows = list(csv.DictReader(files["csv"].open()))
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in found["history"]]
    saved = Model.load(files["safetensors"])
    assert digest(named_weights(saved)) == found["weights_sha256"] and not saved.synthetic


def weights(spinntensor, tmp_path, *words):
    """Train, and give the checksum of the weights."""
    code, _, err = spinntensor("train", *words, "--json", tmp_path / "r.json")
    assert code == 0, err
    return json.loads((tmp_path / "r.json").read_text())["weights_sha256"]


def test_equal_commands_give_equal_bits(spinntensor, small, tmp_path):
    words = ["mlp", "--data", small, "--epochs", 2]
    one = weights(spinntensor, tmp_path, *words)
    assert weights(spinntensor, tmp_path, *words) == one
    for other in (["--warm-up", 1], ["--label-smoothing", ".1"], ["--weight-decay", ".1"]):
        assert weights(spinntensor, tmp_path, *words, *other) != one
    for other in (["--seed", 1], ["--format", "bfp16"], ["--optimizer", "adam"], ["--schedule", "constant"]):
        assert weights(spinntensor, tmp_path, *words, *other) != one


@pytest.mark.parametrize("format", ["float32", "bfp16"])
def test_a_chip_trains_to_the_same_bits(spinntensor, small, tmp_path, format):
    pytest.importorskip("unicorn")
    network = tmp_path / "net.safetensors"
    mlp((8,), (WIDTH,), 3).save(network)
    words = ["train", network, "--data", small, "--epochs", 1, "--batch", 15, "--format", format, "--json"]
    records = []
    for machine in ("host", "chip"):
        path = tmp_path / f"{machine}.json"
        code, out, err = spinntensor(*words, path, "--machine", machine)
        assert (code, err) == (0, "")
        assert ("3 steps on chip: " in out) == (machine == "chip")
        records.append(json.loads(path.read_text()))
    host, chip = records
    assert host["machine"] == "host" and "runs" not in host
    assert chip["weights_sha256"] == host["weights_sha256"] and chip["history"] == host["history"]
    (step,) = chip["runs"]
    assert (step["batch"], step["batches"], chip["steps"]) == (15, 1, 3)
    assert chip["model_ms"] > 2 * step["model_ms"]
    assert {"matmul", "reduce", "map"} <= {layer["kind"] for layer in step["layers"]}
    code, out, err = spinntensor("report", path)
    assert (code, err) == (0, "") and "1 batch of 15, on chip" in out


def test_a_folder_of_images_from_training_to_names(spinntensor, tmp_path, rng):
    Image = pytest.importorskip("PIL.Image")
    for name, level in (("dark", 40), ("light", 200)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(6):
            pixels = rng.integers(level - 30, level + 30, (40, 50, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    path = tmp_path / "m.safetensors"
    words = ["resnet8", "--data", tmp_path / "photos", "--epochs", 3, "--batch", 3, "--save", path]
    code, out, err = spinntensor("train", *words, "--json", tmp_path / "t.json")
    assert code == 0, err
    assert json.loads((tmp_path / "t.json").read_text())["classes"] == ["dark", "light"]
    assert "try: spinntensor run" in out
    code, out, err = spinntensor(
        "run", path, tmp_path / "photos", "--machine", "host", "--json", tmp_path / "r.json"
    )
    assert code == 0, err
    found = json.loads((tmp_path / "r.json").read_text())
    assert {e["label"] for e in found["top"]} == {"dark", "light"} and "accuracy" in found
    assert found["inputs"][0] == str(tmp_path / "photos" / "dark" / "0.png")


def test_rates_rise_and_fall():
    rates = train.scheduled(0.2, "cosine", 10, 4, 1)
    assert rates(0) == pytest.approx(0.01) and rates(10) == 0.2 and rates(40) == 0
    assert train.scheduled(0.2, "constant", 10, 4, 0)(35) == 0.2
    assert train.scheduled(0.2, "cosine", 10, 1, 3)(30) == 0.2


def test_ctrl_c_keeps_what_goes_on_to_the_same_bits(spinntensor, small, tmp_path, monkeypatch):
    words = ["mlp", "--data", small, "--epochs", 3, "--batch", 10]
    expected = weights(spinntensor, tmp_path, *words)

    class Press(train.EpochLines):
        def on_train_batch_end(self, step, logs):
            if (self.run.epoch, step) == (1, 2):
                signal.raise_signal(signal.SIGINT)

    path = tmp_path / "state.npz"
    with monkeypatch.context() as patch:
        patch.setattr(train, "EpochLines", Press)
        code, out, err = spinntensor("train", *words, "--checkpoint", path)
        assert code == 1 and "epoch 1/3" in out and "epoch 2/3" not in out
        line = err.splitlines()[-1]
        assert line.startswith("interrupted in epoch 2, after step 3; to go on: spinntensor train mlp")
        again = line.split("to go on: spinntensor ")[1].split()
        assert again[-2:] == ["--resume", str(path)]
        code, _, err = spinntensor("train", *words)
        assert code == 1 and "nothing is kept: give --checkpoint FILE" in err
    assert weights(spinntensor, tmp_path, *again[1:]) == expected


def test_a_saved_model_goes_on(spinntensor, trained, small, tmp_path):
    code, out, _ = spinntensor("train", trained, "--data", small, "--epochs", 1, "--lr", ".001")
    assert code == 0 and "accuracy 100.00%" in out


def test_labels_beyond_the_network_are_refused(spinntensor, trained, tmp_path):
    x, y = small_data(20)
    np.savez(tmp_path / "four.npz", x=x, y=np.where(y == 2, 3, y))
    code, out, err = spinntensor("train", trained, "--data", tmp_path / "four.npz")
    assert (code, out) == (1, "") and "received 3 at index" in err and "expected 0 to 2" in err


def test_a_loss_that_is_no_number_stops(spinntensor, small):
    code, _, err = spinntensor("train", "mlp", "--data", small, "--lr", "1e30", "--epochs", 3)
    assert code == 1 and "training stopped in epoch" in err and err.count("spinntensor: error: ") == 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["resnet9", "--data", "digits"], 2, "unknown model 'resnet9'; did you mean"),
        (["mlp", "--data", "nothing"], 1, "cannot read nothing: there is no such folder or file"),
        (["mlp", "--data", "digits", "--save", "/nowhere/a.safetensors"], 1, "cannot write /nowhere"),
        (["mlp", "--data", "digits", "--save", "a.h5"], 1, "the ending .h5 is not known; use .safetensors"),
        (["mlp", "--data", "digits", "--log", "a.txt"], 1, "the ending .txt is not known; use .csv, .json"),
        (["mlp", "--data", "digits", "--checkpoint", "/nowhere/c.npz"], 1, "cannot write /nowhere/c.npz"),
        (["mlp", "--data", "digits", "--resume", "nothing.npz"], 1, "cannot read nothing.npz"),
    ],
)
def test_errors_are_one_line_and_come_first(spinntensor, words, code, message):
    pytest.importorskip("sklearn")
    found, out, err = spinntensor("train", *words)
    assert (found, out) == (code, "") and err.count("\n") == 1 and message in err


def test_resuming_with_other_settings_is_refused(spinntensor, small, tmp_path):
    words = ["train", "mlp", "--data", small, "--epochs", 1]
    assert spinntensor(*words, "--checkpoint", tmp_path / "c.npz")[0] == 0
    code, _, err = spinntensor(*words, "--resume", tmp_path / "c.npz", "--format", "bfp16")
    assert code == 1 and "format" in err and "as in the checkpoint" in err


@pytest.mark.slow
def test_digits_with_a_small_resnet(spinntensor, tmp_path):
    """The way of the quick start, from training to int8, at the accuracy that is promised."""
    pytest.importorskip("sklearn")
    path = tmp_path / "digits.safetensors"
    options = ["--lr", ".1", "--warm-up", 1, "--weight-decay", "5e-3", "--label-smoothing", ".1"]
    words = ["resnet8", "--data", "digits", "--epochs", 12, *options]
    assert spinntensor("train", *words, "--save", path)[0] == 0
    accuracies = []
    for format in ("float32", "bfp16", "int8"):
        words = [path, "digits", "--format", format, "--json", tmp_path / "r.json"]
        assert spinntensor("run", *words)[0] == 0
        accuracies.append(json.loads((tmp_path / "r.json").read_text())["accuracy"])
    assert accuracies[0] >= 0.98 and min(accuracies[1:]) >= accuracies[0] - 0.005
