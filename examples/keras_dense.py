"""Three Dense layers with the same weights in Keras and here: `python examples/keras_dense.py [--recorded]`

One of the two listings of Fassbender's thesis on spiDNN (2020), with its criterion: over 500 random samples the
largest difference of a result stays below 1e-4. Where Keras is not installed, or with --recorded, its results come
from a file.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import spinntensor as st
from spinntensor import nn

RECORDED = Path(__file__).parents[1] / "tests/data/keras_listings.npz"
LIMIT = 1e-4


def network():
    """The listing here."""
    return nn.Sequential(
        [
            nn.Input((64,)),
            nn.Dense(128),
            nn.Dense(128, activation="relu"),
            nn.Dense(10, activation="softmax"),
        ],
        seed=1,
    )


def network_in_keras(keras):
    """The listing in Keras."""
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(128),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def samples(shape):
    """500 random samples, the same everywhere."""
    return st.random.Generator(seed=2).normal(size=(500, *shape)).numpy()


def import_keras():
    """Keras on a backend that is installed, the one that KERAS_BACKEND names if it does; None where there is none."""
    backends = [name for name in ("torch", "jax", "tensorflow") if find_spec(name)]
    if find_spec("keras") is None or not backends or "--recorded" in sys.argv:
        return None
    os.environ.setdefault("KERAS_BACKEND", backends[0])
    import keras

    return keras


def outputs_of_keras(network_in_keras, weights, x):
    """What Keras makes of samples with these weights."""
    model = network_in_keras
    model.set_weights(weights)
    return np.asarray(model.predict(x, verbose=0))


def compare(name, model, network_in_keras):
    """Print how far each format is from Keras; an error when float32 is too far."""
    x, keras = samples(model.inputs[0].shape), import_keras()
    if keras is None:
        expected, source = np.load(RECORDED)[name], "recorded from Keras"
    else:
        expected = outputs_of_keras(network_in_keras(keras), model.get_weights(), x)
        source = f"Keras {keras.__version__} on {keras.backend.backend()}"
    int8 = model.quantize("int8", calibration=x[:100])
    with st.counting() as counts:
        results = {
            "float32": model.predict(x),
            "bfp16": model.predict(x, format="bfp16"),
            "int8": int8.predict(x),
        }
    print(f"{name}: {len(x)} samples, {source}")
    for form, y in results.items():
        same = np.mean(y.argmax(1) == expected.argmax(1))
        print(f"{form:8} largest difference {np.abs(y - expected).max():.1e}, same class {same:6.1%}")
    print(f"elements beyond the range that 100 samples gave int8: {counts['saturated']}")
    if np.abs(results["float32"] - expected).max() >= LIMIT:
        sys.exit(f"DIFFERENT: float32 is expected to be within {LIMIT}")


if __name__ == "__main__":
    compare("dense", network(), network_in_keras)
