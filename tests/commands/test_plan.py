"""`spinntensor plan`: tables, files and explanations of plans; options that contradict each other."""

from __future__ import annotations

import json

import pytest

from spinntensor.machine.geometry import chip
from spinntensor.plan.plan import Plan
from spinntensor.plan.saving import digest, load

KEYS = (
    "model machine format objective batch images_per_s images_per_s_host_fed latency_ms mac_per_worker_cycle"
)
KEYS += " joules_per_image plan_s plan_sha256 layers"


def test_a_plan_is_printed_and_written(spinntensor, tmp_path):
    files = [tmp_path / name for name in ("plan.json", "plan.html", "trace.json")]
    options = zip(("--json", "--html", "--trace"), files, strict=True)
    code, out, err = spinntensor("plan", "resnet8", *[word for pair in options for word in pair])
    assert code == 0, err
    assert err == ""
    assert "resnet8, int8, throughput, batch 16, on chip" in out
    assert "winograd" in out and "MAC per worker cycle" in out
    record = json.loads(files[0].read_text())
    assert set(KEYS.split()) <= record.keys()
    assert record["plan_s"] > 0
    assert sum(layer["macs"] for layer in record["layers"]) == 16 * 12_501_632
    rate = record["images_per_s"] * 12_501_632 / (200e6 * chip().applications)
    assert record["mac_per_worker_cycle"] == pytest.approx(rate)
    made = load(files[0])
    assert isinstance(made, Plan)
    assert digest(made) == record["plan_sha256"]
    assert "<svg" in files[1].read_text() or "<canvas" in files[1].read_text()
    assert json.loads(files[2].read_text())["traceEvents"]


def test_the_same_words_give_the_same_plan(spinntensor, tmp_path):
    sums = []
    for name in ("one.json", "two.json"):
        assert spinntensor("plan", "10-64-5", "--json", tmp_path / name)[0] == 0
        sums.append(json.loads((tmp_path / name).read_text())["plan_sha256"])
    assert sums[0] == sums[1]


def test_a_layer_is_explained(spinntensor):
    code, out, err = spinntensor("plan", "resnet8", "--why", "conv2d_5")
    assert code == 0, err
    for word in ("bound by", "choice", "runner-up", "DTCM", "idle"):
        assert word in out


def test_another_machine_gives_another_plan(spinntensor, tmp_path):
    def images_per_s(*words):
        assert spinntensor("plan", "resnet8", *words, "--json", tmp_path / "p.json")[0] == 0
        return json.loads((tmp_path / "p.json").read_text())["images_per_s"]

    usual = images_per_s()
    assert images_per_s("--set", "sdram_mb_per_s=400") < usual
    assert images_per_s("--dead", "2,3,4,5,6,7,8,9", "--batch", "9") < 0.7 * usual


def test_a_smaller_batch_is_taken_where_the_usual_one_does_not_fit(spinntensor):
    code, out, err = spinntensor("plan", "resnet8", "--set", "sdram_usable_bytes=2200000")
    assert code == 0, err
    assert "a batch of 16 does not fit" in out and "8 instead" in out
    assert "batch 8, on chip" in out or "batch 4, on chip" in out
    code, out, err = spinntensor("plan", "resnet8", "--batch", "16", "--set", "sdram_usable_bytes=2200000")
    assert code == 1 and "the plan needs" in err


def test_latency_takes_one_image(spinntensor, tmp_path):
    code, out, err = spinntensor("plan", "resnet8", "--objective", "latency")
    assert code == 0, err
    assert "latency, batch 1" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["resnet8", "--machine", "host"], "the host needs no plan"),
        (["resnet8", "--machine", "spinn5"], "plans are for one chip so far"),
        (["resnet8", "--machine", "board:1.2.3.4"], "whose cores are not known before it answers"),
        (["resnet8", "--objective", "latency", "--batch", "3"], "expected a batch of 1"),
        (["resnet8", "--train", "--format", "int8"], "expected float32 or bfp16"),
        (["resnet8", "--train", "--objective", "latency"], "expected throughput for training"),
        (["resnet8", "--dead", "99"], "expected numbers from 0 to 17"),
        (["resnet8", "--dead", ",".join(map(str, range(1, 18)))], "no core that works"),
        (["resnet8", "--set", "sdram=1"], "unknown figure 'sdram'"),
        (["resnet8", "--why", "conv2d_99"], "unknown layer 'conv2d_99'"),
        (["resnet8", "--html", "/nowhere/plan.html"], "there is no folder /nowhere"),
        (["resnet8", "--json", "plan.txt"], "the ending .txt is not known"),
        (["10-20-5", "--classes", "3"], "its last size is the number of classes"),
        (["resnet9"], "did you mean 'resnet8'"),
        (["resnet50", "--batch", "64"], "the largest: activations"),
        (["lenet5", "--format", "float32", "--train"], "no tiles compute: conv2d_weight"),
    ],
)
def test_bad_input_is_refused_with_its_reason(spinntensor, words, expected):
    code, out, err = spinntensor("plan", *words)
    assert code in (1, 2)
    assert out == ""
    assert expected in err


@pytest.mark.parametrize("words", [["--set", "x"], ["--set", "=3"], ["--dead", "a"], ["--batch", "0"]])
def test_words_that_are_no_options(spinntensor, words):
    assert spinntensor("plan", "resnet8", *words)[0] == 2
