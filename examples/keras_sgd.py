"""One epoch of plain SGD on both listings in Keras and here, then their weights: `python examples/keras_sgd.py`

Same first weights, samples, labels and order of batches; see keras_dense.py and keras_conv1d.py.
"""

import sys

import keras_conv1d
import keras_dense
import numpy as np

import spinntensor as st
from spinntensor import nn

LISTINGS = {"dense": keras_dense, "conv1d": keras_conv1d}
RATE, BATCH = 0.05, 32


def labels():
    """500 random classes out of ten, the same everywhere."""
    return st.random.Generator(seed=3).integers(10, size=500).numpy()


def trained(model):
    """The weights after an epoch here."""
    x = keras_dense.samples(model.inputs[0].shape)
    model.compile(nn.optimizers.SGD(RATE), "sparse_categorical_crossentropy")
    model.fit(x, labels(), batch_size=BATCH, shuffle=False, verbose=0)
    return model.get_weights()


def trained_by_keras(keras, model, weights):
    """The weights after an epoch in Keras."""
    model.set_weights(weights)
    model.compile(keras.optimizers.SGD(RATE), "sparse_categorical_crossentropy")
    x = keras_dense.samples(model.input_shape[1:])
    model.fit(x, labels(), batch_size=BATCH, epochs=1, shuffle=False, verbose=0)
    return [np.asarray(w) for w in model.get_weights()]


def compare(name, listing):
    """Print how far the weights are from Keras's, and how far they went."""
    model, keras = listing.network(), keras_dense.import_keras()
    before = model.get_weights()
    if keras is None:
        recorded = np.load(keras_dense.RECORDED)
        expected = [recorded[f"{name}_weight_{i}"] for i in range(len(before))]
    else:
        expected = trained_by_keras(keras, listing.network_in_keras(keras), before)
    after = trained(model)
    apart = max(np.abs(a - b).max() for a, b in zip(after, expected, strict=True))
    moved = max(np.abs(a - b).max() for a, b in zip(after, before, strict=True))
    print(f"{name}: weights moved by up to {moved:.1e}, and are within {apart:.1e} of Keras's")
    if apart >= keras_dense.LIMIT:
        sys.exit(f"DIFFERENT: the weights are expected to be within {keras_dense.LIMIT}")


if __name__ == "__main__":
    for name, listing in LISTINGS.items():
        compare(name, listing)
