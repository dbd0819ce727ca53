"""Ctrl-C: a checkpoint between two steps, the old handler back, and the line that goes on."""

from __future__ import annotations

import signal
import threading

import numpy as np
import pytest
from smalldata import small_data

from spinntensor.commands.interrupt import Interrupted, Interruptible, resuming
from spinntensor.nn import checkpoint
from spinntensor.nn.callbacks import Callback
from spinntensor.nn.models import mlp


class Press(Callback):
    """Presses Ctrl-C in an epoch, at a step; or after the epoch."""

    def __init__(self, epoch, step):
        self.at = epoch, step

    def on_train_batch_end(self, step, logs):
        if (self.run.epoch, step) == self.at:
            signal.raise_signal(signal.SIGINT)

    def on_epoch_end(self, epoch, logs):
        if (epoch, None) == self.at:
            signal.raise_signal(signal.SIGINT)


def model():
    made = mlp((8,), (6,), 3)
    made.compile("sgd", "sparse_categorical_crossentropy", seed=3)
    return made


X, Y = small_data(40)
OPTIONS = {"epochs": 3, "batch_size": 10, "verbose": 0}


@pytest.fixture(scope="module")
def whole():
    """The weights of training in one go."""
    made = model()
    made.fit(X, Y, **OPTIONS)
    return made.get_weights()


@pytest.mark.parametrize(
    ("press", "stops"), [((1, 1), (1, 2)), ((1, 3), (2, 0)), ((0, None), (1, 0)), ((0, 0), (0, 1))]
)
def test_what_goes_on_gives_the_same_bits(tmp_path, whole, press, stops):
    before = signal.getsignal(signal.SIGINT)
    stopped, path = model(), tmp_path / "c.npz"
    with pytest.raises(Interrupted) as caught:
        stopped.fit(X, Y, callbacks=[Interruptible(str(path)), Press(*press)], **OPTIONS)
    assert (caught.value.epoch, caught.value.step) == stops
    assert signal.getsignal(signal.SIGINT) is before
    resumed = model()
    checkpoint.restore(resumed, path)
    resumed.fit(X, Y, callbacks=[Interruptible(str(path))], **OPTIONS)
    for a, b in zip(resumed.get_weights(), whole, strict=True):
        np.testing.assert_array_equal(a, b)


def test_at_the_very_end_training_is_just_finished(whole):
    made = model()
    made.fit(X, Y, callbacks=[Interruptible(None), Press(2, 3)], **OPTIONS)
    for a, b in zip(made.get_weights(), whole, strict=True):
        np.testing.assert_array_equal(a, b)


def test_twice_is_at_once():
    class PressTwice(Press):
        def on_train_batch_end(self, step, logs):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        model().fit(X, Y, callbacks=[PressTwice(0, 0), Interruptible(None)], **OPTIONS)


def test_other_threads_train_without_listening():
    callback, errors = Interruptible(None), []

    def listen():
        try:
            callback.on_train_begin()
            callback.close()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert not errors


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "mlp", "--lr", ".1"], "spinntensor train mlp --lr .1 --resume 'a b.npz'"),
        (["train", "--resume", "x.npz", "mlp"], "spinntensor train mlp --resume 'a b.npz'"),
        (["train", "mlp", "--resume=x.npz", "-v"], "spinntensor train mlp -v --resume 'a b.npz'"),
    ],
)
def test_the_line_that_goes_on(words, expected):
    assert resuming(words, "a b.npz") == expected
