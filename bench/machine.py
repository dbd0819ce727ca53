"""ResNet-50 in int8, 224x224, a photograph, on one emulated chip: bits, wall time, memory, predicted next to measured.

Fails where a bit differs from the host, where the total is off by more than 5 %, or where a layer above 1 % of the time
is off by more than 10 %: `python bench/machine.py`.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

import spinntensor as st
from spinntensor import nn
from spinntensor.machine.record import Record, recording

TOTAL, LAYER, LEAST = 0.05, 0.10, 0.01


def run(name: str, image: str) -> tuple[Record, bool, float]:
    """One image through a network: the record of the run, whether its bits are the host's, and the wall time."""
    images = nn.data.photographs()
    some = np.concatenate([nn.data.crops(one, 4) for one in images.values()])
    small = nn.models.build(name, statistics=some).quantize("int8", calibration=some)
    x = nn.data.preprocess(images[image])[None]
    with st.counting():
        host = small.predict(x, machine="host")
        start = time.perf_counter()
        with recording() as runs:
            chip = small.predict(x, machine="chip")
        wall = time.perf_counter() - start
    (record,) = runs
    return record, bool(np.array_equal(host, chip)), wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="resnet50", help="network by its name (default: resnet50)")
    parser.add_argument("--image", default="china", choices=("china", "flower"))
    arguments = parser.parse_args()
    record, same, wall = run(arguments.model, arguments.image)
    ratio = record.model_cycles / record.predicted_cycles
    total = sum(layer.predicted_cycles for layer in record.layers)
    off = [
        layer
        for layer in record.layers
        if layer.predicted_cycles > LEAST * total and abs(layer.cycles / layer.predicted_cycles - 1) > LAYER
    ]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"bits {'equal' if same else 'DIFFERENT'}; {wall:.1f} s plan, image and run, {record.wall_s:.1f} s run"
    )
    print(f"{peak:.2f} GB at most; {record.instructions:,} instructions")
    print(f"{record.model_cycles:,} model cycles, {ratio:.4f} of the prediction")
    print(f"{record.mac_per_worker_cycle:.3f} MAC per worker cycle, {record.joules:.2f} J/image")
    for layer in off:
        print(f"{layer.name}: {layer.cycles:,.0f} model cycles, {layer.predicted_cycles:,.0f} predicted")
    if not same or abs(ratio - 1) > TOTAL or off:
        raise SystemExit("missed")


if __name__ == "__main__":
    main()
