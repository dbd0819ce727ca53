"""Records what Keras makes of the listings in examples/, in data/keras_listings.npz: `python tests/keras_listings.py`

The file holds Keras's outputs, its weights after one epoch, and checksums of the weights and samples that both came
from, so that a record of other ones is noticed.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "tests" / "data" / "keras_listings.npz"
sys.path.insert(0, str(ROOT / "examples"))

import keras_dense  # noqa: E402
import keras_sgd  # noqa: E402

LISTINGS: dict[str, ModuleType] = keras_sgd.LISTINGS


def checksum(name: str) -> str:
    """SHA-256 of first weights, samples and labels of a listing."""
    model = LISTINGS[name].network()
    x = keras_dense.samples(model.inputs[0].shape)
    total = hashlib.sha256()
    for array in (*model.get_weights(), x, keras_sgd.labels()):
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def of_keras(keras: Any, name: str) -> dict[str, np.ndarray]:
    """Outputs of Keras, and its weights after an epoch."""
    listing = LISTINGS[name]
    weights = listing.network().get_weights()
    theirs = listing.network_in_keras(keras)
    x = keras_dense.samples(theirs.input_shape[1:])
    found = {name: keras_dense.outputs_of_keras(theirs, weights, x)}
    after = keras_sgd.trained_by_keras(keras, theirs, weights)
    return found | {f"{name}_weight_{i}": w for i, w in enumerate(after)}


def record() -> None:
    """Write the file."""
    keras = keras_dense.import_keras()
    assert keras is not None, "Keras and one of its backends are needed: pip install keras torch"
    arrays: dict[str, Any] = {"keras": f"{keras.__version__} on {keras.backend.backend()}"}
    for name in LISTINGS:
        arrays |= of_keras(keras, name) | {f"{name}_checksum": checksum(name)}
    np.savez_compressed(RECORD, **arrays)
    print(f"{RECORD}: {RECORD.stat().st_size:,} bytes")


if __name__ == "__main__":
    record()
