"""`spinntensor compare`: layer by layer, how far a network in other number formats is from float32."""

from __future__ import annotations

import json as json_module
import logging
from collections.abc import Sequence

from spinntensor.commands.networks import float_only, prepare
from spinntensor.commands.record import write_record
from spinntensor.nn import data
from spinntensor.nn.compare import compare as compare_formats
from spinntensor.report.files import writable

log = logging.getLogger(__name__)

BATCH = 8
"""Inputs that are read at a time."""


def main(
    model: str,
    inputs: Sequence[str],
    *,
    formats: Sequence[str] = ("bfp16", "int8"),
    weights: str | None = None,
    calibration: str | None = None,
    classes: int | None = None,
    seed: int = 0,
    json: str | None = None,
) -> int:
    """Print the table of layers and the first that departs, and write the figures that were asked for; 0.

    Parameters as the command line has them. Errors of the model, of inputs, and of files that cannot be written come
    before anything is compared.
    """
    json_file = json and writable(json)
    found = prepare(model, inputs, weights=weights, calibrate_on=calibration, classes=classes, seed=seed)
    network = float_only(found.model, model)
    log.info("comparing %s, %d inputs, in %s", model, len(found.inputs.names), ", ".join(formats))
    samples = data.Loader(data.Scaled(found.inputs.source), BATCH)
    ranges = found.calibration if "int8" in formats else None
    made = compare_formats(network, samples, formats, ranges and ranges.x)
    print(made)
    if ranges:
        print(f"calibrated on {ranges.words}")
    if json_file:
        record = {
            "asked_for": model,
            "inputs": list(found.inputs.names),
            "calibrated_on": ranges and ranges.words,
            **json_module.loads(made.json()),
        }
        write_record(json_file, record)
    return 0
