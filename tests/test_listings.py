"""The two listings of Fassbender's thesis: the same weights here and in Keras give the same results, trained or not."""

from __future__ import annotations

from pathlib import Path

import keras_listings
import numpy as np
import pytest
from keras_listings import LISTINGS, RECORD, checksum, keras_dense, keras_sgd, of_keras

LIMIT = 1e-4
"""The thesis's own criterion, over 500 random samples."""


@pytest.fixture(scope="module")
def recorded():
    return dict(np.load(RECORD))


@pytest.fixture(scope="module")
def keras():
    found = keras_dense.import_keras()  # chooses a backend that is there, which importorskip would not
    if found is None:
        pytest.skip("Keras, or a backend of it, is not installed")
    return found


def ours(name):
    """Outputs, and weights after an epoch, under the names of the record."""
    model = LISTINGS[name].network()
    found = {name: model.predict(keras_dense.samples(model.inputs[0].shape))}
    return found | {f"{name}_weight_{i}": w for i, w in enumerate(keras_sgd.trained(model))}


def apart(found, expected):
    """The largest difference in each array."""
    return {name: float(np.abs(value - expected[name]).max()) for name, value in found.items()}


@pytest.mark.parametrize("name", LISTINGS)
def test_the_record_is_of_these_weights_and_samples(name, recorded):
    assert recorded[f"{name}_checksum"] == checksum(name), "record anew: python tests/keras_listings.py"


@pytest.mark.parametrize("name", LISTINGS)
def test_results_and_trained_weights_are_those_that_keras_gave(name, recorded):
    found = ours(name)
    assert len(found) == 7 and len(found[name]) == 500
    assert max(apart(found, recorded).values()) < LIMIT


@pytest.mark.parametrize("name", LISTINGS)
def test_training_moved_the_weights_much_further_than_that(name, recorded):
    before = LISTINGS[name].network().get_weights()
    moved = [np.abs(recorded[f"{name}_weight_{i}"] - w).max() for i, w in enumerate(before)]
    assert min(moved) > 10 * LIMIT


@pytest.mark.parametrize(("format", "limit"), [("bfp16", 1e-3), ("int8", 0.3)])
@pytest.mark.parametrize("name", LISTINGS)
def test_other_formats_stay_near(name, format, limit, recorded):
    model = LISTINGS[name].network()
    x = keras_dense.samples(model.inputs[0].shape)
    if format == "int8":
        y = model.quantize("int8", calibration=x).predict(x)
    else:
        y = model.predict(x, format=format)
    assert np.abs(y - recorded[name]).max() < limit
    assert np.mean(y.argmax(1) == recorded[name].argmax(1)) > 0.95


def test_a_difference_ends_the_example(monkeypatch):
    monkeypatch.setattr(keras_dense, "LIMIT", 0.0)
    monkeypatch.setattr(keras_dense.sys, "argv", ["keras_dense.py", "--recorded"])
    with pytest.raises(SystemExit, match="DIFFERENT"):
        keras_dense.compare("dense", keras_dense.network(), keras_dense.network_in_keras)


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTINGS)
def test_keras_itself_gives_the_same(name, keras, recorded):
    theirs = of_keras(keras, name)
    assert max(apart(ours(name), theirs).values()) < LIMIT
    assert max(apart(theirs, recorded).values()) < LIMIT  # so the record is still Keras's


@pytest.mark.slow
def test_weights_of_keras_come_in_the_order_of_get_weights(keras, rng):
    for listing in LISTINGS.values():
        model, theirs = listing.network(), listing.network_in_keras(keras)
        weights = [rng.normal(0, 0.1, w.shape).astype(np.float32) for w in theirs.get_weights()]
        theirs.set_weights(weights)
        model.set_weights(theirs.get_weights())
        for a, b in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_recording_writes_what_is_there(keras, tmp_path: Path, monkeypatch, recorded):
    monkeypatch.setattr(keras_listings, "RECORD", tmp_path / "record.npz")
    keras_listings.record()
    assert set(np.load(tmp_path / "record.npz")) == set(recorded)
