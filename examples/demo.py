"""The way through spinntensor in two minutes: `python examples/demo.py [--host] [--report FOLDER]`

Trains a small residual network on handwritten digits on the host; then an emulated SpiNNaker chip reads held-out digits
with it and classifies a photograph with ResNet-50, both in int8, as compiled ARM code on 16 cores. No weights are
downloaded: those of ResNet-50 are random, made from a seed, so its classes carry no meaning, while its work, its sizes
and its bits are those of the real network. Figures are model cycles of the emulated chip. What the runs took, layer by
layer beside the plan's prediction, is written as two pages.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import spinntensor as st
from spinntensor import nn
from spinntensor.machine.facts import facts
from spinntensor.machine.record import recording, to_json
from spinntensor.report import run_figures, run_html

EPOCHS = 4
PHOTOGRAPH = "china"


def computed(model, x, machine):
    """What a model makes of samples, and a line and a record of the run for each plan."""
    with st.counting(), recording() as runs:
        start = time.perf_counter()
        y = model.predict(x, machine=machine)
        wall = time.perf_counter() - start
    found = [to_json(run, facts().clock_hz) for run in runs]
    if not found:
        print(f"  on the host in {wall:.1f} s")
    for run in found:
        print(
            f"  {run['model_ms']:,.1f} model ms on {run['workers']} cores, {run['predicted_ms']:,.1f} predicted"
        )
        print(
            f"  {run['images_per_s']:.3g} images/s, {run['mac_per_worker_cycle']:.2f} MAC/cycle of each core"
        )
        print(f"  {run['joules_per_image']:.2g} J/image; emulated in {run['wall_s']:.0f} s")
    return y, found


def written(folder, name, runs):
    """The report of a run, as a page."""
    if runs:
        path = Path(folder) / f"{name}.html"
        run_html.write([run_figures.run(run) for run in runs], str(path))
        print(f"  layer by layer, measured next to predicted: {path}")


def digits(machine, folder):
    """Train ResNet-8 on the host, and read the digits that were held out on a chip."""
    (x, y), (x_test, y_test) = nn.data.digits()
    model = nn.resnet8(x.shape[1:], classes=10)
    steps = -(-len(x) // 32) * EPOCHS
    rate = nn.CosineDecay(0.05, steps)
    loss = nn.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(nn.SGD(rate, momentum=0.9, nesterov=True), loss, ["accuracy"])
    print(f"Training {model.name}, {model.parameters:,} parameters, on {len(x):,} digits of 8x8 pixels")
    model.fit(x, y, epochs=EPOCHS, verbose=2)
    small = model.quantize("int8", calibration=x[:64])
    print(f"Reading {len(x_test)} held-out digits in int8")
    found, runs = computed(small, x_test, machine)
    print(f"  accuracy {np.mean(found.argmax(-1) == y_test):.2%}")
    written(folder, "digits", runs)


def photograph(machine, folder):
    """Classify a photograph with ResNet-50 in int8."""
    images = nn.data.photographs()
    some = np.concatenate([nn.data.crops(image, 4) for image in images.values()])
    small = nn.resnet50(statistics=some).quantize("int8", calibration=some)
    x = nn.data.preprocess(images[PHOTOGRAPH])[None]
    print(f"The photograph {PHOTOGRAPH!r} through {small.name} in int8, {small.macs:,} multiply-accumulates")
    found, runs = computed(small, x, machine)
    scores = st.softmax(st.tensor(found[0])).numpy()
    print("  the five most likely of 1,000 classes; the weights are random, so they carry no meaning:")
    for rank, number in enumerate(np.argsort(-scores, kind="stable")[:5], 1):
        print(f"  {rank}. class {number:<4} {scores[number]:.4f}")
    if runs:
        with st.counting():
            same = np.array_equal(found, small.predict(x, machine="host"))
        print(f"  bits {'equal to' if same else 'DIFFERENT from'} the host's")
    written(folder, "photograph", runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", action="store_true", help="compute on this computer, without a chip")
    parser.add_argument("--report", default=".", metavar="FOLDER", help="where the pages go (default: here)")
    arguments = parser.parse_args()
    where = "host" if arguments.host else "chip"
    start = time.perf_counter()
    digits(where, arguments.report)
    print()
    photograph(where, arguments.report)
    print(f"\n{time.perf_counter() - start:.0f} s in all")
