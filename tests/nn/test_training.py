"""The training loop: what a step is, what data and labels are refused, and where it stops when numbers go wrong."""

import warnings

import numpy as np
import pytest

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import DivergenceError, NumericWarning, OperandError
from spinntensor.nn import callbacks, losses, optimizers
from spinntensor.nn.data import Loader

X = np.random.default_rng(5).normal(size=(50, 6)).astype(np.float32)
Y = (np.arange(50) * 7 % 3).astype(np.int64)


def small(first=0, **options):
    """A model with batch normalisation and dropout, compiled."""
    layers = [
        nn.Input((6,)),
        nn.Dense(8, use_bias=False),
        nn.BatchNorm(),
        nn.Activation("relu"),
        nn.Dropout(0.2),
        nn.Dense(3, activation="softmax"),
    ]
    model = nn.Sequential(layers, seed=first)
    options = {"optimizer": optimizers.SGD(0.1, 0.9), "loss": "sparse_categorical_crossentropy"} | options
    model.compile(**options)
    return model


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


def test_a_line_is_found():
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    model = nn.Sequential([nn.Input((1,)), nn.Dense(1)])
    model.compile(optimizers.SGD(0.2), "mse", ["mae"])
    history = model.fit(x, 3 * x - 2, batch_size=16, epochs=40, verbose=0)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose([kernel[0, 0], bias[0]], [3, -2], atol=1e-3)
    assert list(history.history) == ["loss", "mae"] and len(history.epochs) == 40
    assert history.history["loss"][-1] < 1e-5 < history.history["loss"][0]
    assert model.evaluate(x, 3 * x - 2)["mae"] < 1e-3


def test_logs_are_exact_means_over_samples():
    model = small(metrics=["accuracy", "top_2"], optimizer=optimizers.SGD(0.0))
    model.layers[4].rate = 0.0
    found = model.evaluate(X, Y, batch_size=7)
    p = model.predict(X)
    assert found["accuracy"] == np.mean(np.argmax(p, -1) == Y)
    assert found["loss"] == pytest.approx(-np.mean(np.log(p[np.arange(50), Y])), rel=1e-6)
    again = model.evaluate(X, Y, batch_size=50)
    assert again["accuracy"] == found["accuracy"] and again["top_2"] == found["top_2"]


@pytest.mark.parametrize("format", ["float32", "bfp16"])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_lazy_and_compiled_training_give_the_same_bits(format, accumulate):
    compiled, lazy = (small(format=format, accumulate=accumulate, metrics=["accuracy"]) for _ in range(2))
    history = compiled.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    lazy.trainer.build()
    lazy.trainer._step = lazy.trainer.lazy_step()
    assert lazy.fit(X, Y, batch_size=8, epochs=2, verbose=0).epochs == history.epochs
    assert equal(compiled, lazy)


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not():
    models = [small(s) for s in (0, 0, 1)]
    for m in models:
        m.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    assert equal(models[0], models[1]) and not equal(models[0], models[2])
    other = small(seed=5)
    other.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    assert not equal(models[0], other)


def test_epochs_go_on_where_the_last_fit_ended():
    once, twice = small(), small()
    once.fit(X, Y, batch_size=8, epochs=3, verbose=0)
    twice.fit(X, Y, batch_size=8, epochs=1, verbose=0)
    twice.fit(X, Y, batch_size=8, epochs=3, initial_epoch=1, verbose=0)
    assert equal(once, twice)


def test_a_step_by_hand():
    x, y = X[:4], X[:4, :2]
    model = nn.Sequential([nn.Input((6,)), nn.Dense(2)])
    model.compile(optimizers.SGD(0.5), "mse")
    (kernel, bias) = (w.astype(float) for w in model.get_weights())
    logs = model.train_on_batch(x, y)
    error = x @ kernel + bias - y
    assert logs["loss"] == pytest.approx(np.mean(error**2), rel=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], kernel - 0.5 * x.T @ error * 2 / 8, atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], bias - 0.5 * error.sum(0) * 2 / 8, atol=1e-6)


def test_accumulated_gradients_are_those_of_the_whole_batch():
    def trained(size, accumulate):
        model = nn.Sequential([nn.Input((6,)), nn.Dense(4, activation="tanh"), nn.Dense(3)])
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizers.SGD(0.3, 0.9), loss, accumulate=accumulate)
        model.fit(X[:48], Y[:48], batch_size=size, epochs=2, verbose=0)
        assert model.trainer.optimizer.iterations == 2 * 4
        return model.get_weights()

    for a, b in zip(trained(12, 1), trained(4, 3), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_what_is_left_of_an_epoch_is_an_update_of_its_own():
    model = small(accumulate=4)
    model.fit(X, Y, batch_size=8, epochs=1, verbose=0)  # 7 batches, the last one of 2 samples
    assert model.trainer.optimizer.iterations == 2


def test_one_graph_for_each_shape_of_a_batch(monkeypatch):
    traced = []
    model = small()
    forward = type(model).forward
    monkeypatch.setattr(type(model), "forward", lambda *a, **k: traced.append(1) or forward(*a, **k))
    model.fit(X, Y, batch_size=16, epochs=3, verbose=0)
    assert len(traced) == 2


def test_several_inputs_and_outputs():
    a, b = nn.Input((6,), name="a"), nn.Input((2,), name="b")
    joined = nn.Dense(5, activation="relu")(nn.Concatenate()([a, b]))
    one, two = nn.Dense(3, activation="softmax", name="kind")(joined), nn.Dense(1, name="size")(joined)
    model = nn.Model([a, b], [one, two])
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"], [nn.metrics.TopK(1, "hit")])
    with pytest.raises(OperandError, match=r"1 arrays, expected 2"):
        model.fit(X, [Y, X[:, 0]])
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    history = model.fit([X, X[:, :2]], [Y, X[:, 0]], epochs=2, verbose=0)
    assert list(history.history) == ["loss", "kind_loss", "size_loss"]
    logs = model.evaluate([X, X[:, :2]], [Y, X[:, 0]])
    assert logs["loss"] == pytest.approx(logs["kind_loss"] + logs["size_loss"], rel=1e-6)
    with pytest.raises(OperandError, match="1 losses, expected 2"):
        model.compile("sgd", ["mse"])


def test_validation():
    model = small(metrics=["accuracy"])
    history = model.fit(X, Y, validation_split=0.2, epochs=1, shuffle=False, verbose=0)
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert history.history["val_loss"][0] == model.evaluate(X[40:], Y[40:])["loss"]
    other = small(metrics=["accuracy"])
    given = other.fit(X[:40], Y[:40], validation_data=(X[40:], Y[40:]), epochs=1, shuffle=False, verbose=0)
    assert given.epochs == history.epochs and equal(model, other)
    for wrong in ({"validation_split": 1.0}, {"validation_split": 0.5, "validation_data": (X, Y)}):
        with pytest.raises(OperandError, match="validation_split"):
            model.fit(X, Y, verbose=0, **wrong)


def test_a_loader_gives_the_bits_of_its_arrays():
    arrays, loader = small(), small()
    arrays.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    loader.fit(Loader((X, Y), 8, shuffle=True), epochs=2, validation_data=Loader((X, Y), 8), verbose=0)
    assert equal(arrays, loader)
    assert loader.evaluate(Loader((X, Y), 8)) == loader.evaluate(X, Y, batch_size=8)


def test_a_loader_that_ends_too_soon_is_an_error():
    class Spent:
        def __init__(self):
            self.pairs = iter([(X, Y), (X, Y)])

        def __len__(self):
            return 2

        def __iter__(self):
            return self.pairs

    with pytest.raises(OperandError, match="0 steps in epoch 1, expected 2"):
        small().fit(Spent(), epochs=2, verbose=0)
    data, model = Spent(), small()
    model.evaluate(data)
    with pytest.raises(OperandError, match="0 batches, expected 2"):
        model.evaluate(data)
    with pytest.raises(OperandError, match="validation_data"):
        model.fit(X, Y, validation_data=(X, Y, X), verbose=0)


def test_a_loader_is_closed_after_an_error():
    closed = []

    class Own:
        def __len__(self):
            return 2

        def batches(self, epoch, first):
            try:
                yield X, Y
                yield X * np.nan, Y
            finally:
                closed.append(epoch)

    with pytest.raises(DivergenceError) as error:
        small().fit(Own(), verbose=0)
    assert closed == [0] and error.value.step == 1


def test_weights_that_are_frozen_stay():
    model = small()
    model.layers[1].trainable = False
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[-1], after[-1])
    model.layers[1].trainable = True
    with pytest.raises(OperandError, match="call compile again"):
        model.fit(X, Y, verbose=0)
    for layer in model.layers:
        layer.trainable = False
    with pytest.raises(OperandError, match="no trainable weights"):
        model.fit(X, Y, verbose=0)


def test_evaluation_changes_nothing_and_may_have_another_format():
    model = small()
    before = [v.node for v in model.trainer.state]
    exact, short = model.evaluate(X, Y), model.evaluate(X, Y, format="bfp16")
    assert [v.node for v in model.trainer.state] == before
    assert exact != short and exact["loss"] == pytest.approx(short["loss"], rel=1e-3)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (
            X,
            np.where(np.arange(50) == 9, 3, Y),
            "label 3 in 1 of 50 places, first in sample 9, expected 0 to 2",
        ),
        (X, Y[:49], "received 49 for 50 samples"),
        (X[:0], Y[:0], "no samples"),
        (X[:, :5], Y, r"expected numbers [samples, 6] for input"),
        (X.astype(str), Y, "numbers"),
        (X, None, "give y"),
        (X, np.eye(3)[Y], "use categorical_crossentropy for one-hot targets"),
    ],
)
def test_data_that_is_refused_before_training(x, y, words):
    model = small()
    before = model.get_weights()
    with pytest.raises(OperandError) as error:
        model.fit(x, y, verbose=0)
    assert words in str(error.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.trainer.optimizer.iterations == 0


@pytest.mark.parametrize(
    "options",
    [
        {"loss": None},
        {"loss": "hinge"},
        {"optimizer": "best"},
        {"metrics": ["precision"]},
        {"metrics": ["accuracy", "acc"]},
        {"format": "int8"},
        {"seed": -1},
        {"seed": 1 << 64},
        {"accumulate": 0},
        {"group": 0.5},
    ],
)
def test_settings_that_are_refused(options):
    with pytest.raises(OperandError):
        small(**options)


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"epochs": -1}, {"initial_epoch": 1.5}])
def test_arguments_that_are_refused(options):
    with pytest.raises(OperandError, match=next(iter(options))):
        small().fit(X, Y, verbose=0, **options)


def test_a_model_has_to_be_compiled():
    with pytest.raises(OperandError, match=r"call model\.compile"):
        nn.Sequential([nn.Input((6,)), nn.Dense(3)]).fit(X, Y)


class Poison(nn.Layer):
    """Divides by the first feature in training."""

    def output_shape(self, *input_shapes):
        return input_shapes[0]

    def call(self, *inputs, mode):
        (x,) = inputs
        return x / x[:, :1] if mode.training else x


def test_where_numbers_went_wrong_is_named_and_the_weights_are_those_of_before():
    x = X.copy()
    x[33, 0] = 0
    model = nn.Sequential([nn.Input((6,)), Poison(name="poison"), nn.Dropout(0.1), nn.Dense(3)])
    model.compile("adam", losses.SparseCategoricalCrossentropy(True), seed=3)
    seen = []

    class Keep(callbacks.Callback):
        def on_train_batch_end(self, step, logs):
            seen[:] = [v.numpy() for v in model.trainer.state]

    with pytest.raises(DivergenceError) as error:
        model.fit(x, Y, batch_size=8, shuffle=False, callbacks=[Keep()], verbose=0)
    assert (error.value.epoch, error.value.step) == (0, 4) and not np.isfinite(error.value.value)
    assert "the output of layer 'poison' (Poison)" in str(error.value)
    for v, expected in zip(model.trainer.state, seen, strict=True):
        np.testing.assert_array_equal(v.numpy(), expected)
    assert model.trainer.optimizer.iterations == 4


def test_bad_inputs_are_named():
    x = X.copy()
    x[13, 2] = np.nan
    with pytest.raises(DivergenceError, match="in sample 5 of the batch"):
        small().fit(x, Y, batch_size=8, shuffle=False, verbose=0)


def test_bad_updates_are_named():
    model = nn.Sequential([nn.Input((6,)), nn.Dense(3, name="last")])
    model.compile(optimizers.SGD(3e38), losses.SparseCategoricalCrossentropy(True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DivergenceError, match=r"of layer 'last'"):
            model.fit(X * 100, Y, batch_size=8, epochs=1, verbose=0)


def test_a_bad_loss_is_named():
    model = nn.Sequential([nn.Input((6,)), nn.Dense(3)])
    model.compile("sgd", lambda y, p: st.log(st.mean(p) * 0.0 - 1.0))
    with st.counting(), pytest.raises(DivergenceError, match="the loss; every layer's output is finite"):
        model.train_on_batch(X, Y)


def test_one_warning_for_each_kind_and_epoch_and_the_logs_have_the_count():
    model = nn.Sequential([nn.Input((6,)), nn.Dense(3)])
    model.compile(optimizers.SGD(0.0), lambda y, p: st.mean(p) + 0.0 * st.mean(st.minimum(st.exp(y), 1.0)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(X, 1e3 * X, batch_size=8, epochs=2, verbose=0)
    assert len(caught) == 2 and all(c.category is NumericWarning for c in caught)
    first = caught[0].message
    assert first.name == "overflowed" and "epoch 0" in first.op and "exp" in first.op
    assert first.count == history.epochs[0]["overflowed"] > 10
    with warnings.catch_warnings(), st.counting() as counts:
        warnings.simplefilter("error")
        model.fit(X, 1e3 * X, batch_size=8, epochs=1, verbose=0)
    assert counts["overflowed"] == first.count


@pytest.mark.slow
@pytest.mark.parametrize("nesterov", [False, True])
def test_an_epoch_against_pytorch(rng, nesterov):
    torch = pytest.importorskip("torch")
    x, y = rng.normal(size=(96, 8, 8, 2)).astype(np.float32), rng.integers(0, 4, 96)
    layers = [
        nn.Input((8, 8, 2)),
        nn.Conv2D(6, 3, padding="same", activation="relu"),
        nn.MaxPool2D(2),
        nn.Conv2D(5, 3, activation="tanh"),
        nn.Dense(4),
    ]
    model = nn.Sequential(layers)
    optimizer = optimizers.SGD(0.05, 0.9, nesterov, 1e-3)
    model.compile(optimizer, losses.SparseCategoricalCrossentropy(True, 0.1))
    there = torch.nn.Sequential(
        torch.nn.Conv2d(2, 6, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(6, 5, 3),
        torch.nn.Tanh(),
        torch.nn.Flatten(),
        torch.nn.Linear(20, 4),
    )
    k1, b1, k2, b2, k3, b3 = map(torch.tensor, model.get_weights())
    turned = k3.reshape(2, 2, 5, 4).permute(3, 2, 0, 1).reshape(4, 20)
    values = [k1.permute(3, 2, 0, 1), b1, k2.permute(3, 2, 0, 1), b2, turned, b3]
    with torch.no_grad():
        for p, v in zip(there.parameters(), values, strict=True):
            p.copy_(v)
    step = torch.optim.SGD(there.parameters(), 0.05, 0.9, weight_decay=1e-3, nesterov=nesterov)
    for i in range(0, 96, 16):
        step.zero_grad()
        z = there(torch.tensor(x[i : i + 16]).permute(0, 3, 1, 2))
        torch.nn.functional.cross_entropy(z, torch.tensor(y[i : i + 16]), label_smoothing=0.1).backward()
        step.step()
    model.fit(x, y, batch_size=16, shuffle=False, verbose=0)
    p = [v.detach().numpy() for v in there.parameters()]
    ours = model.get_weights()
    np.testing.assert_allclose(ours[0], p[0].transpose(2, 3, 1, 0), atol=2e-6)
    np.testing.assert_allclose(ours[2], p[2].transpose(2, 3, 1, 0), atol=2e-6)
    np.testing.assert_allclose(ours[5], p[5], atol=2e-6)


@pytest.mark.slow
def test_digits_in_both_formats():
    """A small residual network; the settings are those of examples/digits.py, for fewer epochs."""
    (x, y), (x_test, y_test) = nn.data.digits()
    for format in ("float32", "bfp16"):
        model = nn.resnet8((8, 8, 1), 10, seed=0)
        loss = losses.SparseCategoricalCrossentropy(True, 0.1)
        rate = nn.CosineDecay(0.05, 43 * 4)
        model.compile(optimizers.SGD(rate, 0.9, True, 5e-3), loss, ["accuracy"], format=format)
        model.fit(x, y, epochs=4, verbose=0)
        assert model.evaluate(x_test, y_test)["accuracy"] > 0.975
