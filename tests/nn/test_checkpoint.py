"""Checkpoints: interrupted training has the bits of training in one go, and nothing destroys the file before."""

import errno
import subprocess
import sys

import numpy as np
import pytest

from spinntensor import nn
from spinntensor.errors import InputError, OperandError, OutputError
from spinntensor.nn import callbacks, checkpoint, optimizers, schedules

RNG = np.random.default_rng(5)
X = RNG.normal(size=(50, 8, 8, 2)).astype(np.float32)
Y = (np.arange(50) * 7 % 3).astype(np.int64)
OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(schedules.CosineDecay(0.1, 28), 0.9, nesterov=True),
    "adam": lambda: optimizers.Adam(schedules.WarmUp(0.01, 9)),
    "plain": lambda: optimizers.SGD(0.1),
}


def small(optimizer="sgd", format="float32", accumulate=1, seed=2, units=3, **options):
    """A model with everything that has a state: batch normalisation, dropout, momentum, a schedule."""
    layers = [
        nn.Input((8, 8, 2)),
        nn.Conv2D(4, 3, strides=2, use_bias=False),
        nn.BatchNorm(),
        nn.Activation("relu"),
        nn.Dropout(0.3),
        nn.Dense(units, activation="softmax"),
    ]
    model = nn.Sequential(layers, seed=1)
    chosen = OPTIMIZERS[optimizer]()
    loss = options.pop("loss", "sparse_categorical_crossentropy")
    model.compile(chosen, loss, ["accuracy"], format=format, accumulate=accumulate, seed=seed, **options)
    return model


def fit(model, epochs, *watchers, y=Y, **options):
    return model.fit(X, y, batch_size=8, epochs=epochs, callbacks=watchers, verbose=0, **options)


def state(model):
    slots = [v for s in model.trainer.optimizer.slots for v in s.values()]
    return [*model.get_weights(), *(v.numpy() for v in slots), model.trainer.mode.generator.counter.numpy()]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(state(a), state(b), strict=True))


CHILD = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np
import test_checkpoint as t
model = t.small({optimizer!r}, {format!r})
t.checkpoint.restore(model, {path!r})
history = t.fit(model, 4)
np.savez({out!r}, *t.state(model), history=np.array(repr(history.epochs)))
"""


@pytest.mark.parametrize(("optimizer", "format"), [("sgd", "bfp16"), ("adam", "float32")])
def test_training_goes_on_in_another_process_to_the_same_bits(tmp_path, request, optimizer, format):
    once, first = small(optimizer, format), small(optimizer, format)
    expected = fit(once, 4)
    path, out = tmp_path / "a.npz", tmp_path / "b.npz"
    fit(first, 2, callbacks.Checkpoint(path))
    assert not same(once, first)
    names = {"optimizer": optimizer, "format": format, "path": str(path), "out": str(out)}
    code = CHILD.format(folder=str(request.path.parent), **names)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    with np.load(out) as found:
        assert str(found["history"]) == repr(expected.epochs)
        for i, value in enumerate(state(once)):
            np.testing.assert_array_equal(found[f"arr_{i}"], value)


class Stop(callbacks.Callback):
    """Ends with an error after some step, as a power cut would."""

    LAST = True

    def __init__(self, epoch, step):
        self.at = (epoch, step)

    def on_train_batch_end(self, step, logs):
        if (self.run.epoch, step) == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("accumulate", "every_steps", "stop"), [(1, 2, (1, 4)), (1, 1, (0, 0)), (2, 3, (1, 3))]
)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_goes_on_in_the_middle_of_an_epoch(tmp_path, optimizer, accumulate, every_steps, stop):
    once, first, second = (small(optimizer, accumulate=accumulate) for _ in range(3))
    held_out = {"validation_data": (X[:20], Y[:20])}
    expected = fit(once, 3, **held_out)
    keep = callbacks.Checkpoint(tmp_path / "a.npz", every_steps=every_steps)
    with pytest.raises(KeyboardInterrupt):
        fit(first, 3, keep, Stop(*stop), **held_out)
    checkpoint.restore(second, keep.path)
    assert second.trainer.resumed.step > 0
    assert fit(second, 3, **held_out).epochs == expected.epochs
    assert same(once, second)


def test_early_stopping_goes_on_as_well(tmp_path):
    def watcher():
        return callbacks.EarlyStopping("loss", patience=3, restore_best=True, min_delta=0.2)

    once, first, second = small(), small(), small()
    stops = [watcher() for _ in range(3)]
    expected = fit(once, 20, stops[0])
    assert 4 < len(expected.epochs) < 20
    path = tmp_path / "a.npz"
    fit(first, len(expected.epochs) - 2, callbacks.Checkpoint(path), stops[1])
    checkpoint.restore(second, path)
    assert fit(second, 20, stops[2]).epochs == expected.epochs
    assert same(once, second) and stops[0].best_epoch == stops[2].best_epoch
    assert stops[0].waited == stops[2].waited == 3


def test_a_checkpoint_of_the_end_has_nothing_left_to_do(tmp_path):
    model, other = small(), small()
    expected = fit(model, 2, callbacks.Checkpoint(tmp_path / "a.npz"))
    checkpoint.restore(other, tmp_path / "a.npz")
    assert fit(other, 2).epochs == expected.epochs and same(model, other)
    assert len(fit(other, 3, initial_epoch=2).epochs) == 1  # a checkpoint counts for one fit


def test_one_by_hand(tmp_path):
    model, other = small("adam"), small("adam")
    model.train_on_batch(X, Y)
    checkpoint.save(model, tmp_path / "a.npz")
    checkpoint.restore(other, tmp_path / "a.npz")
    assert same(model, other) and other.trainer.optimizer.iterations == 1
    model.train_on_batch(X, Y)
    other.train_on_batch(X, Y)
    assert same(model, other)


def test_how_often(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(checkpoint, "save", lambda model, path: written.append((run().epoch, run().step)))
    model = small()

    def run():
        return model.trainer.run

    fit(model, 5, callbacks.Checkpoint(tmp_path / "a", every=2))
    assert written == [(2, 0), (4, 0), (5, 0)]
    written.clear()
    fit(model, 1, callbacks.Checkpoint(tmp_path / "a", every_steps=3))
    assert written == [(0, 3), (0, 6), (1, 0)]
    for wrong in ({"every": 0}, {"every_steps": 0.5}):
        with pytest.raises(OperandError, match=next(iter(wrong))):
            callbacks.Checkpoint("a", **wrong)


class Full:
    """A file on a disk that is full after some bytes."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        self.file.__enter__()
        return self

    def __exit__(self, *error):
        return self.file.__exit__(*error)


@pytest.mark.parametrize("room", [0, 700, 3000])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, room):
    from spinntensor.nn import files

    path = tmp_path / "a.npz"
    model = small()
    fit(model, 1, callbacks.Checkpoint(path))
    before = path.read_bytes()
    assert len(before) > 3000
    monkeypatch.setattr(files, "open", lambda *a: Full(open(*a), room), raising=False)  # noqa: SIM115
    with pytest.raises(OutputError, match="No space left on device"):
        fit(model, 2, callbacks.Checkpoint(path), initial_epoch=1)
    monkeypatch.undo()
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    checkpoint.restore(small(), path)


def damaged(data):
    """The file with one byte of an array changed, which its checksum tells."""
    at = data.index(b"\x93NUMPY", data.index(b"weight_0.npy")) + 200
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[:-10],
        lambda data: data[: len(data) // 2],
        lambda data: b"not an archive at all",
        damaged,
    ],
)
def test_a_file_that_is_not_whole_is_refused_and_changes_nothing(tmp_path, change):
    path = tmp_path / "a.npz"
    fit(small(), 1, callbacks.Checkpoint(path))
    path.write_bytes(change(path.read_bytes()))
    model, other = small(), small()
    with pytest.raises(InputError, match=r"a\.npz"):
        checkpoint.restore(model, path)
    other.trainer.build()
    assert same(model, other) and model.trainer.resumed is None


def test_files_that_are_something_else(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        checkpoint.restore(small(), tmp_path / "nothing")
    np.savez(tmp_path / "b.npz", x=np.zeros(3))
    with pytest.raises(InputError, match="no whole checkpoint"):
        checkpoint.restore(small(), tmp_path / "b.npz")
    np.save(tmp_path / "c.npy", np.zeros(3))
    with pytest.raises(InputError, match="no whole checkpoint"):
        checkpoint.restore(small(), tmp_path / "c.npy")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("weights", {"units": 4}),
        ("optimizer", {"optimizer": "adam"}),
        ("format", {"format": "bfp16"}),
        ("accumulate", {"accumulate": 2}),
        ("seed", {"seed": 3}),
        ("group", {"group": 16}),
        ("loss", {"loss": nn.losses.SparseCategoricalCrossentropy(label_smoothing=0.1)}),
    ],
)
def test_training_of_another_kind_is_refused(tmp_path, name, options):
    path = tmp_path / "a.npz"
    fit(small(), 1, callbacks.Checkpoint(path))
    model = small(**options)
    before = model.get_weights()
    with pytest.raises(OperandError) as error:
        checkpoint.restore(model, path)
    assert error.value.operand == name and "as in the checkpoint" in str(error.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_other_data_in_the_middle_of_an_epoch_is_refused(tmp_path):
    keep = callbacks.Checkpoint(tmp_path / "a.npz", every_steps=2)
    with pytest.raises(KeyboardInterrupt):
        fit(small(), 3, keep, Stop(0, 2))
    model = small()
    checkpoint.restore(model, keep.path)
    with pytest.raises(OperandError, match="after a checkpoint in an epoch of 7"):
        model.fit(X, Y, batch_size=25, verbose=0)
    with pytest.raises(OperandError, match="leave initial_epoch out"):
        fit(model, 3, initial_epoch=1)
    fit(model, 3)


def test_a_model_has_to_be_compiled(tmp_path):
    model = nn.Sequential([nn.Input((6,)), nn.Dense(3)])
    for function in (checkpoint.save, checkpoint.restore):
        with pytest.raises(OperandError, match=r"call model\.compile"):
            function(model, tmp_path / "a")
