"""Callbacks: when they are called, early stopping, logs, progress."""

import csv
import io
import json
import sys

import numpy as np
import pytest

from spinntensor import nn
from spinntensor.errors import DivergenceError, OperandError, OutputError
from spinntensor.nn import callbacks, checkpoint, optimizers, progress

X = np.random.default_rng(5).normal(size=(20, 4)).astype(np.float32)
Y = np.arange(20) % 3


def small():
    model = nn.Sequential([nn.Input((4,)), nn.Dense(3, activation="softmax")])
    model.compile(optimizers.SGD(0.1, 0.9), "sparse_categorical_crossentropy", ["accuracy"])
    return model


def fit(model, epochs, *watchers, **options):
    return model.fit(X, Y, batch_size=8, epochs=epochs, callbacks=watchers, verbose=0, **options)


class Record(callbacks.Callback):
    def __init__(self, fail=False):
        self.calls = []
        self.fail = fail

    def on_train_begin(self):
        self.calls.append("begin")

    def on_epoch_begin(self, epoch):
        self.calls.append(f"epoch {epoch}")

    def on_train_batch_end(self, step, logs):
        assert list(logs) == ["loss", "accuracy"]
        self.calls.append(f"step {step}")
        if self.fail:
            raise DivergenceError(0, step, 0.0, "", "")

    def on_epoch_end(self, epoch, logs):
        assert self.run.history.epochs[-1] == {"epoch": epoch, **logs}
        self.calls.append(f"end {epoch}")

    def on_train_end(self):
        self.calls.append("end")

    def close(self):
        self.calls.append("close")


def test_when_they_are_called():
    seen = Record()
    fit(small(), 2, seen)
    epoch = ["step 0", "step 1", "step 2"]
    assert seen.calls == ["begin", "epoch 0", *epoch, "end 0", "epoch 1", *epoch, "end 1", "end", "close"]
    failing = Record(fail=True)
    with pytest.raises(DivergenceError):
        fit(small(), 2, failing)
    assert failing.calls == ["begin", "epoch 0", "step 0", "close"]


class Given(callbacks.Callback):
    """Puts numbers into the logs."""

    def __init__(self, key, values):
        self.key, self.values = key, values

    def on_epoch_end(self, epoch, logs):
        logs[self.key] = self.values[epoch]


@pytest.mark.parametrize(
    ("key", "values", "patience", "epochs"),
    [
        ("val_loss", [3, 2, 2, 1, 1, 1], 0, 3),
        ("val_loss", [3, 2, 2, 1, 1, 1], 1, 3),
        ("val_loss", [3, 2, 2, 1, 1, 1], 2, 6),
        ("val_loss", [3, 2, 1, 0, -1, -2], 1, 6),
        ("val_accuracy", [0.1, 0.3, 0.2, 0.3, 0.9, 0.9], 2, 4),
        ("top_5", [0.1, 0.2, 0.3, 0.3, 0.9, 0.9], 1, 4),
        ("loss2", [np.nan, 2, 3, 4, 4, 4], 2, 4),
    ],
)
def test_early_stopping_waits(key, values, patience, epochs):
    stop = callbacks.EarlyStopping(key, patience)
    assert len(fit(small(), 6, Given(key, values), stop).epochs) == epochs


def test_early_stopping_brings_the_best_back():
    model, kept = small(), {}

    class Keep(callbacks.Callback):
        def on_epoch_end(self, epoch, logs):
            kept[epoch] = self.run.model.get_weights()

    stop = callbacks.EarlyStopping("watched", patience=2, restore_best=True, mode="max")
    history = fit(model, 9, Given("watched", [1, 5, 3, 4, 9]), Keep(), stop)
    assert len(history.epochs) == 4 and stop.best_epoch == 1
    for a, b in zip(model.get_weights(), kept[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_small_changes_do_not_count():
    stop = callbacks.EarlyStopping("watched", patience=1, min_delta=0.5)
    assert len(fit(small(), 5, Given("watched", [3, 2, 1.6, 0, 0]), stop).epochs) == 3


def test_early_stopping_that_is_refused():
    with pytest.raises(OperandError, match="'val_loss', expected one of loss, accuracy"):
        fit(small(), 1, callbacks.EarlyStopping())
    for wrong in ({"mode": "best"}, {"patience": -1}):
        with pytest.raises(OperandError, match=next(iter(wrong))):
            callbacks.EarlyStopping("loss", **wrong)


def test_logs_are_written_whole(tmp_path):
    table, text = tmp_path / "log.csv", tmp_path / "log.json"
    model = small()
    watchers = [callbacks.CSVLogger(table), callbacks.JSONLogger(text)]
    history = fit(model, 3, *watchers, callbacks.Checkpoint(tmp_path / "a.npz"))
    assert json.loads(text.read_text()) == history.epochs
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [{k: float(v) for k, v in row.items()} for row in rows] == history.epochs
    again = small()
    checkpoint.restore(again, tmp_path / "a.npz")
    longer = fit(again, 4, *watchers)
    assert len(longer.epochs) == 4 and json.loads(text.read_text()) == longer.epochs
    assert table.read_text().startswith("epoch,loss,accuracy\n0,")


def test_a_log_that_cannot_be_written():
    with pytest.raises(OutputError, match="create the folder first"):
        fit(small(), 1, callbacks.JSONLogger("/nowhere/log.json"))


def test_lines_for_epochs(capsys):
    small().fit(X, Y, epochs=2, verbose=2)
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2 and out[1].startswith("epoch 2/2: loss ") and "accuracy " in out[1]


def test_nothing_is_shown_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    small().fit(X, Y, epochs=2)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("patience", "shown"), [(-1.0, True), (1e6, False)])
def test_a_bar_appears_at_a_terminal_if_it_takes_long(monkeypatch, patience, shown):
    monkeypatch.setattr(progress, "PATIENCE", patience)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    small().fit(X, Y, epochs=2)
    text = sys.stderr.getvalue()
    assert bool(text) == shown and ("epoch 2/2: loss" in text) == shown
