"""Plans as JSON: read back to an equal plan, with a sum that tells one from another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields
from itertools import groupby
from pathlib import Path
from typing import Any

from spinntensor.errors import InputError
from spinntensor.plan.coding import CodingError, decode, encode, hints
from spinntensor.plan.plan import Layer, Plan, Totals

VERSION = 2
"""Of the form of the file; the value of its first key, `spinntensor_plan`."""

TABLES = ("shares", "buffers", "spans")
"""Many records of one kind: the names of their fields once, then a row of values for each."""

UNSUMMED = ("plan_s", "plan_sha256")
"""Keys that do not count for the sum: how long planning took, and the sum itself."""

_LISTS = ("shape", "cut", "recipe", "terms", "recipes", "joins")
"""Keys of a layer that stand behind the short ones."""


def to_json(plan: Plan, plan_s: float | None = None) -> dict[str, Any]:
    """The plan as JSON has it: totals at the top level, then layers, then all else that was decided.

    Parameters
    ----------
    plan_s : seconds of wall time that planning took, when they were measured; they do not count for `plan_sha256`.

    Owners and joiners of tiles are run-length coded: [worker, tiles], [worker, tiles], ...
    """
    kinds = hints(Plan)
    record: dict[str, Any] = {"spinntensor_plan": VERSION}
    for name in ("model", "machine", "format", "objective", "batch", "applications"):
        record[name] = encode(getattr(plan, name), kinds[name])
    record |= encode(plan.totals, Totals)
    record |= {"plan_s": plan_s, "plan_sha256": ""}
    record["layers"] = [_layer(layer) for layer in plan.layers]
    for name in ("workers", "order", "variants", "recomputed"):
        record[name] = encode(getattr(plan, name), kinds[name])
    for name in TABLES:
        record[name] = _table(getattr(plan, name), kinds[name])
    record["plan_sha256"] = _sum(record)
    return record


def digest(plan: Plan) -> str:
    """SHA-256 over all that the plan holds, in hexadecimal; equal plans have equal ones."""
    return to_json(plan)["plan_sha256"]


def dumps(plan: Plan, plan_s: float | None = None) -> str:
    """The plan as JSON text: a line for each key, each layer and each row of a table."""
    lines = [f"{json.dumps(key)}: {_text(value)}" for key, value in to_json(plan, plan_s).items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def loads(text: str, path: str = "the text") -> Plan:
    """The plan that `dumps` wrote; InputError, which names `path`, for anything else."""
    mend = "give a file that spinntensor plan --json wrote"
    try:
        record = json.loads(text)
    except ValueError as error:
        raise InputError(path, f"it is not JSON: {error}", mend) from None
    if not isinstance(record, dict) or "spinntensor_plan" not in record:
        raise InputError(path, "it is JSON, but no plan: it has no key spinntensor_plan", mend)
    if record["spinntensor_plan"] != VERSION:
        reason = f"its form is version {record['spinntensor_plan']!r}, this package reads version {VERSION}"
        raise InputError(path, reason, "plan again with this version of the package")
    if record.get("plan_sha256") != _sum(record):
        reason = (
            f"plan_sha256 is {record.get('plan_sha256')!r}, but what the file holds gives {_sum(record)!r}"
        )
        raise InputError(path, reason, "the file was changed or damaged; plan again")
    try:
        return decode(_unfolded(record), Plan, "")
    except CodingError as error:
        raise InputError(path, str(error), mend) from None


def load(path: str) -> Plan:
    """The plan of a file; InputError when there is none in it."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(path, error.strerror or str(error), "name a file that can be read") from None
    except UnicodeDecodeError as error:
        raise InputError(path, f"it is not text: {error.reason}", "give a plan as JSON") from None
    return loads(text, path)


def _layer(layer: Layer) -> dict[str, Any]:
    """A layer, with what people look for first, and what follows from the rest, at the top."""
    made = encode(layer, Layer)
    cut = made["cut"]
    cut |= {name: _runs(cut[name]) for name in ("owners", "joiners")}
    made["tile"] = dict(made["tile"])
    made |= {
        "kernel": layer.recipe.kernel,
        "cores": layer.cores,
        "tiles": layer.cut.tiles,
        "dtcm_bytes": layer.recipe.dtcm_bytes,
    }
    return made | {name: made.pop(name) for name in _LISTS}


def _table(records: Sequence[Any], kind: Any) -> dict[str, Any]:
    of = kind.__args__[0]
    return {"fields": list(hints(of)), "rows": encode(tuple(records), kind, packed=True)}


def _unfolded(record: dict[str, Any]) -> dict[str, Any]:
    """The record as `decode` reads a Plan: nothing run-length coded, no tables."""
    made = dict(record, totals={f.name: record.get(f.name) for f in fields(Totals)})
    for name in TABLES:
        table, names = record.get(name), list(hints(hints(Plan)[name].__args__[0]))
        if not isinstance(table, dict) or table.get("fields") != names:
            raise CodingError(name, _short(table), f"a table with the fields {', '.join(names)}")
        made[name] = table.get("rows")
    layers = record.get("layers")
    if not isinstance(layers, list):
        raise CodingError("layers", _short(layers), "a list")
    made["layers"] = [_unfolded_layer(layer, f"layers[{i}]") for i, layer in enumerate(layers)]
    return made


def _unfolded_layer(layer: Any, place: str) -> dict[str, Any]:
    if not isinstance(layer, dict) or not isinstance(layer.get("cut"), dict):
        raise CodingError(place, _short(layer), "an object with a cut")
    if not isinstance(layer.get("tile"), dict):
        raise CodingError(f"{place}.tile", _short(layer.get("tile")), "an object")
    cut = layer["cut"]
    unfolded = {name: _unrun(cut.get(name), f"{place}.cut.{name}") for name in ("owners", "joiners")}
    return {**layer, "tile": [list(pair) for pair in layer["tile"].items()], "cut": {**cut, **unfolded}}


def _runs(values: Sequence[int]) -> list[list[int]]:
    return [[value, len(list(run))] for value, run in groupby(values)]


def _unrun(runs: Any, place: str) -> list[int]:
    pairs = decode(runs, tuple[tuple[int, int], ...], place)
    return [value for value, count in pairs for _ in range(count)]


def _sum(record: dict[str, Any]) -> str:
    """SHA-256 of the canonical text: sorted keys, no spaces."""
    counted = {key: value for key, value in record.items() if key not in UNSUMMED}
    text = json.dumps(counted, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _text(value: Any) -> str:
    """JSON text: lists of lists or objects a line for each, everything else on one line."""
    if isinstance(value, dict) and "rows" in value:
        return f'{{"fields": {_text(value["fields"])}, "rows": {_text(value["rows"])}}}'
    if isinstance(value, list) and value and isinstance(value[0], list | dict):
        return "[\n" + ",\n".join(json.dumps(one, allow_nan=False) for one in value) + "\n]"
    return json.dumps(value, allow_nan=False)


def _short(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) < 60 else f"{text[:56]}..."
