"""Plans are saved and read back equal; their sums tell them apart; other files are refused with the reason."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan.made import made

from spinntensor.errors import InputError, OutputError
from spinntensor.plan.cut import Cut
from spinntensor.plan.plan import Plan, Totals
from spinntensor.plan.saving import digest, dumps, load, loads, to_json
from spinntensor.report.plan_json import write

PLAN = made(seed=5, blocks=1)

PROMISED = (
    "model", "machine", "format", "objective", "batch", "images_per_s", "images_per_s_host_fed", "latency_ms",
    "mac_per_worker_cycle", "joules_per_image", "plan_s", "plan_sha256", "layers",
)  # fmt: skip
PROMISED_OF_A_LAYER = ("name", "macs", "cycles", "bound_by", "kernel", "cores", "tile", "dtcm_bytes")


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 3), st.integers(1, 6), st.integers(1, 3))
def test_a_plan_is_read_back_equal(seed, blocks, workers, batch):
    plan = made(seed, blocks, workers, batch)
    text = dumps(plan, 0.5)
    again = loads(text)
    assert again == plan
    assert dumps(again, 0.5) == text
    assert digest(again) == digest(made(seed, blocks, workers, batch))


def test_the_file_has_what_it_promises():
    record = json.loads(dumps(PLAN, 1.25))
    assert [key for key in PROMISED if key not in record] == []
    assert record["plan_s"] == 1.25 and record["images_per_s"] == PLAN.totals.images_per_s
    assert len(record["layers"]) == len(PLAN.layers)
    for found, layer in zip(record["layers"], PLAN.layers, strict=True):
        assert [key for key in PROMISED_OF_A_LAYER if key not in found] == []
        assert found["kernel"] == layer.recipe.kernel and found["cores"] == len(set(layer.cut.owners))
        assert found["dtcm_bytes"] == sum(r.nbytes * r.places for r in layer.recipe.regions)
        assert found["tile"] == dict(layer.tile)
        assert sum(tiles for _, tiles in found["cut"]["owners"]) == layer.cut.tiles


def test_partial_sums_and_joiners_are_kept():
    cut = Cut((((0, 2), (2, 4)),), ((0, 8), (8, 9)), (1, 0), (0, 0, 1, 1), (1, 0))
    plan = replace(PLAN, layers=(replace(PLAN.layers[0], cut=cut), *PLAN.layers[1:]))
    assert loads(dumps(plan)).layers[0].cut == cut


def test_the_sum_does_not_depend_on_the_time_of_planning():
    sums = {to_json(PLAN, seconds)["plan_sha256"] for seconds in (None, 1.0, 2.5)}
    assert sums == {digest(PLAN)}


@pytest.mark.parametrize("name", [f.name for f in fields(Plan)])
def test_every_part_of_a_plan_counts_for_its_sum(name):
    value = getattr(PLAN, name)
    if isinstance(value, Totals):
        changed = replace(value, drain_cycles=value.drain_cycles + 1)
    elif isinstance(value, tuple):
        changed = value[:-1] if value else ((1, 2),) if name == "recomputed" else (("other", PLAN.totals),)
    else:
        changed = value + ("x" if isinstance(value, str) else 1)
    assert digest(replace(PLAN, **{name: changed})) != digest(PLAN)


def test_files(tmp_path):
    path = str(tmp_path / "plan.json")
    write(PLAN, path, 2.0)
    assert load(path) == PLAN
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]
    with pytest.raises(OutputError, match="no folder"):
        write(PLAN, str(tmp_path / "none" / "plan.json"))
    with pytest.raises(InputError, match=r"cannot read .*lost\.json"):
        load(str(tmp_path / "lost.json"))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not text"):
        load(str(tmp_path / "bytes"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "it is not JSON"),
        ("[1]", "no plan: it has no key spinntensor_plan"),
        ('{"model": "a"}', "no plan: it has no key spinntensor_plan"),
        ('{"spinntensor_plan": 99}', "version 99, this package reads version 2"),
        ('{"spinntensor_plan": 2}', "plan_sha256 is None, but what the file holds gives"),
    ],
)
def test_what_is_no_plan_is_refused(text, words):
    with pytest.raises(InputError, match=r"cannot read a\.json: .*; ") as caught:
        loads(text, "a.json")
    assert words in str(caught.value)


def test_a_changed_file_is_refused():
    record = to_json(PLAN)
    record["layers"][0]["kernel"] = "another"
    with pytest.raises(InputError, match="changed or damaged"):
        loads(json.dumps(record))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda r: r.pop("model"), "the file is without model"),
        (lambda r: r.pop("spans"), "spans is nothing, expected a table with the fields lane, share"),
        (lambda r: r["shares"]["fields"].reverse(), "shares is "),
        (lambda r: r["layers"][1].update(cut=3), r"layers[1] is "),
        (lambda r: r["layers"][1].update(tile=[]), r"layers[1].tile is []"),
        (
            lambda r: r["layers"][2]["cut"].update(owners=[3]),
            r"layers[2].cut.owners[0] is 3, expected a list",
        ),
        (lambda r: r.update(layers=None), "layers is nothing, expected a list"),
        (lambda r: r.update(latency_ms="slow"), "totals.latency_ms is 'slow', expected a number"),
    ],
)
def test_a_record_of_another_form_is_named(spoil, words):
    """Files whose sum is right, but which do not hold a plan."""
    from spinntensor.plan.saving import _sum

    record = to_json(PLAN)
    spoil(record)
    record["plan_sha256"] = _sum(record)
    with pytest.raises(InputError) as caught:
        loads(json.dumps(record))
    assert words in str(caught.value)
