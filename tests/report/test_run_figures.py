"""What reports of a run derive from its record, and records that are none."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report.made_run import BETWEEN, made_json, made_record

from spinntensor.errors import InputError
from spinntensor.plan.coding import CodingError
from spinntensor.report.run_figures import QUICKER, SLOWER, load, longest, rows, run, spent

RECORD = made_record()
DATA = made_json()
RUN = run(DATA["runs"][0])


def test_a_record_is_read_back():
    assert RUN.layers == RECORD.layers and RUN.cores == RECORD.cores
    assert RUN.images == RECORD.images and RUN.model_cycles == RECORD.model_cycles
    assert [vars(one) for one in RUN.taken] == DATA["runs"][0]["taken"]
    assert RUN.name == "made, int8, throughput, 3 batches of 2, on chip"


def test_multiplies_that_nobody_counted():
    found = run(made_json(counted=False)["runs"][0])
    assert {layer.multiplies for layer in found.layers} == {None}


def test_layers_that_are_off_and_matter_are_marked():
    found = rows(RUN)
    assert sum(row.share for row in found) == pytest.approx(1)
    assert [row.ratio for row in found[1:3]] == pytest.approx([1.5, 0.7])
    assert found[1].share < 0.01 and found[1].off == ""
    assert {row.layer.name: row.off for row in found if row.off} == {
        "block0_reduce": QUICKER,
        "block0_expand": SLOWER,
    }


def test_a_layer_that_was_not_predicted():
    data = made_json()["runs"][0]
    data["layers"][0]["predicted_cycles"] = 0
    row = rows(run(data))[0]
    assert row.ratio is None and row.off == SLOWER


@settings(max_examples=8)
@given(st.integers(0, 99), st.integers(1, 5), st.integers(1, 3))
def test_the_time_of_a_worker_is_all_spent(seed, workers, batches):
    found = run(made_json(seed=seed, blocks=1, workers=workers, batches=batches)["runs"][0])
    end = max(one.end for one in found.taken)
    for worker, one in enumerate(spent(found)):
        assert sum(vars(one).values()) == end and min(vars(one).values()) >= 0
        assert one.between == BETWEEN * (sum(t.worker == worker for t in found.taken) - 1)


def test_without_times_of_shares_nothing_is_known_of_them():
    assert spent(run(DATA["runs"][0] | {"taken": []})) == ()


def test_the_run_with_the_most_batches_is_the_longest():
    runs = [run(made_json(batches=batches, blocks=1)["runs"][0]) for batches in (1, 3, 3)]
    assert longest(runs) == 1


def test_model_and_format_are_called_as_the_user_did(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(DATA | {"model": "mine", "format": ""}))
    (found,) = load(str(path))
    assert (found.model, found.format) == ("mine", "int8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "it is not JSON"),
        ('{"runs": [{"batch": NaN}]}', "NaN is no number"),
        ("[]", "it has no runs"),
        ('{"runs": []}', "it has no runs"),
        ('{"runs": 3}', "it has no runs"),
        (
            '{"machine": "host", "output_sha256": "0"}',
            "a run on 'host', where nothing is measured; run it with",
        ),
        ('{"runs": [3]}', r"runs\[0\] is 3, expected an object"),
        ('{"runs": [{}]}', r"runs\[0\] is without model"),
    ],
)
def test_what_is_no_record_of_a_run_on_a_machine(tmp_path, text, expected):
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(InputError, match=expected) as caught:
        load(str(path))
    assert str(path) in str(caught.value) and "--machine chip --json" in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="it is not text"):
        load(str(tmp_path / "bytes"))
    with pytest.raises(InputError, match="No such file"):
        load(str(tmp_path / "nowhere.json"))
    with pytest.raises(InputError, match="name a file that can be read"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda r: r["layers"][1].pop("dma"), r"the run.layers\[1\] is without dma"),
        (lambda r: r["layers"][1].update(multiplies="many"), r"layers\[1\].multiplies is 'many'"),
        (lambda r: r.pop("layers"), "the run.layers is nothing, expected a list"),
        (lambda r: r.update(layers=3), "the run.layers is 3, expected a list"),
        (lambda r: r["taken"][2].update(end="late"), r"taken\[2\].end is 'late', expected a whole number"),
        (lambda r: r.update(model_cycles=0), "model_cycles is 0, expected a number above 0"),
        (lambda r: r.update(joules_per_image=None), "joules_per_image is nothing, expected a number"),
    ],
)
def test_what_is_wrong_in_a_record_is_named(change, expected):
    data = made_json(blocks=1)["runs"][0]
    change(data)
    with pytest.raises(CodingError, match=expected):
        run(data)
