"""Optimisers: bits of the stated formulas, lazy and compiled, rates as data, and PyTorch and Keras."""

import numpy as np
import pytest

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.nn import optimizers, schedules

F = np.float32
SHAPES = [(4, 3), (3,), (2, 2, 3)]


def start(rng):
    """Weights, and the gradients of five steps."""
    weights = [rng.normal(size=s).astype(F) for s in SHAPES]
    return weights, [[rng.normal(size=s).astype(F) for s in SHAPES] for _ in range(5)]


def trained(optimizer, weights, gradients, compiled=False):
    """What the weights are after all steps."""
    variables = [st.Variable(w) for w in weights]
    optimizer.build(variables)
    step = st.compile(lambda rates, gs: optimizer.apply(gs, variables, rates))
    for gs in gradients:
        if compiled:
            step(optimizer.rates(), gs)
            optimizer.iterations += 1
        else:
            optimizer.apply([st.tensor(g) for g in gs], variables)
    return [v.numpy() for v in variables]


MAKERS = {
    "sgd": lambda: optimizers.SGD(0.1),
    "momentum": lambda: optimizers.SGD(schedules.StepDecay(0.1, 2, 0.3), 0.9, weight_decay=0.01),
    "nesterov": lambda: optimizers.SGD(0.1, 0.9, nesterov=True, weight_decay=0.01),
    "lars": lambda: optimizers.LARS(schedules.CosineDecay(1.0, 5), weight_decay=0.01, trust_coefficient=0.1),
    "adam": lambda: optimizers.Adam(schedules.PolynomialDecay(0.1, 5), weight_decay=0.1),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_lazy_and_compiled_give_the_same_bits(rng, make):
    weights, gradients = start(rng)
    lazy, compiled = trained(make(), weights, gradients), trained(make(), weights, gradients, True)
    for a, b, w in zip(lazy, compiled, weights, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.abs(a - w).max() > 1e-3


def norm(x):
    return F(np.sqrt(np.sum(x.astype(float) ** 2)))


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov"])
def test_sgd_is_its_formula(rng, name):
    weights, gradients = start(rng)
    settings = MAKERS[name]()
    mu, decay, v = F(settings.momentum), F(settings.weight_decay), [F(0)] * 3
    expected = list(weights)
    for t, gs in enumerate(gradients):
        rate = F(settings.learning_rate(t))
        for i, g in enumerate(gs):
            if decay:
                g = g + decay * expected[i]
            if mu:
                v[i] = mu * v[i] + g
                g = g + mu * v[i] if settings.nesterov else v[i]
            expected[i] = expected[i] - rate * g
    for a, b in zip(trained(settings, weights, gradients), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_adam_is_its_formula(rng):
    weights, gradients = start(rng)
    expected, m, v = list(weights), [F(0)] * 3, [F(0)] * 3
    settings = optimizers.Adam(0.05, beta_1=0.8, beta_2=0.99, weight_decay=0.1)
    for t, gs in enumerate(gradients, 1):
        alpha = F(0.05 * np.sqrt(1 - 0.99**t) / (1 - 0.8**t))
        for i, g in enumerate(gs):
            w = expected[i] - F(0.05 * 0.1) * expected[i]
            m[i] = m[i] + (g - m[i]) * F(1 - 0.8)
            v[i] = v[i] + (g * g - v[i]) * F(1 - 0.99)
            expected[i] = w - alpha * m[i] / (np.sqrt(v[i]) + F(1e-7))
    for a, b in zip(trained(settings, weights, gradients), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_lars_scales_matrices_and_leaves_vectors_to_sgd(rng):
    weights, gradients = start(rng)
    settings = optimizers.LARS(0.5, 0.9, weight_decay=0.01, trust_coefficient=0.02)
    found = trained(settings, weights, gradients)
    v, w = 0.0, weights[0].astype(float)
    for gs in gradients:
        g = gs[0].astype(float)
        factor = 0.02 * norm(w) / (norm(g) + 0.01 * norm(w) + 1e-8)
        v = 0.9 * v + (g + 0.01 * w) * factor
        w = w - 0.5 * v
    np.testing.assert_allclose(found[0], w, rtol=1e-5, atol=1e-6)
    plain = trained(optimizers.SGD(0.5, 0.9), weights, gradients)
    np.testing.assert_array_equal(found[1], plain[1])


def test_lars_of_nothing_is_not_nan():
    zero, one = np.zeros((2, 2), F), np.ones((2, 2), F)
    for w, g in ((zero, one), (one, zero), (zero, zero)):
        (found,) = trained(optimizers.LARS(0.5, 0.0, weight_decay=0.1), [w], [[g]])
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, w - 0.5 * (g + 0.1 * w), rtol=1e-6)


def test_a_rate_is_data_and_not_part_of_the_graph(rng):
    weights, gradients = start(rng)
    variables = [st.Variable(w) for w in weights]
    optimizer = optimizers.Adam(schedules.CosineDecay(0.1, 5))
    optimizer.build(variables)
    traces = []

    def function(rates, gs):
        traces.append(rates)
        optimizer.apply(gs, variables, rates)

    step = st.compile(function)
    for gs in gradients:
        step(optimizer.rates(), gs)
        optimizer.iterations += 1
    assert len(traces) == 1


def test_a_compiled_function_needs_the_rates(rng):
    weights, gradients = start(rng)
    variables = [st.Variable(w) for w in weights]
    optimizer = optimizers.SGD(0.1)
    optimizer.build(variables)
    with pytest.raises(OperandError, match=r"optimizer\.rates\(\) to the compiled function"):
        st.compile(lambda gs: optimizer.apply(gs, variables))(gradients[0])


def test_state_belongs_to_one_model(rng):
    optimizer = optimizers.SGD(0.1, 0.9)
    variables = [st.Variable(np.zeros(s, F)) for s in SHAPES]
    optimizer.build(variables)
    optimizer.build(variables)
    with pytest.raises(OperandError, match="an optimiser for each model"):
        optimizer.build([st.Variable(np.zeros(s, F)) for s in SHAPES])
    with pytest.raises(OperandError, match="an optimiser for each model"):
        optimizer.build(variables[:2])


def test_names_and_settings():
    assert optimizers.optimizer("adam").config() == {
        "name": "Adam",
        "learning_rate": "Constant(learning_rate=0.001)",
        "weight_decay": 0.0,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-7,
    }
    assert optimizers.optimizer("SGD").config()["momentum"] == 0.0
    own = optimizers.LARS()
    assert optimizers.optimizer(own) is own and own.slots == []

    def falling(step):
        return 1.0

    assert optimizers.SGD(falling).config()["learning_rate"].endswith("falling")


@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.optimizer("rmsprop"),
        lambda: optimizers.SGD(0.1, momentum=1.0),
        lambda: optimizers.SGD(0.1, nesterov=True),
        lambda: optimizers.SGD(-1.0),
        lambda: optimizers.Adam(0.1, beta_2=-0.5),
        lambda: optimizers.LARS(weight_decay=float("nan")),
        lambda: optimizers.SGD(lambda step: float("nan")).rates(),
    ],
)
def test_settings_that_are_refused(make):
    with pytest.raises(OperandError):
        make()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: optimizers.SGD(0.1), lambda o, p: o.SGD(p, 0.1)),
        (
            lambda: optimizers.SGD(0.1, 0.9, weight_decay=0.01),
            lambda o, p: o.SGD(p, 0.1, 0.9, weight_decay=0.01),
        ),
        (
            lambda: optimizers.SGD(0.1, 0.9, True, 0.01),
            lambda o, p: o.SGD(p, 0.1, 0.9, weight_decay=0.01, nesterov=True),
        ),
        (lambda: optimizers.Adam(0.05), lambda o, p: o.Adam(p, 0.05)),
        (
            lambda: optimizers.Adam(0.05, weight_decay=0.1),
            lambda o, p: o.AdamW(p, 0.05, weight_decay=0.1),
        ),
    ],
    ids=["sgd", "momentum", "nesterov", "adam", "adamw"],
)
def test_against_pytorch(rng, ours, theirs):
    torch = pytest.importorskip("torch")
    weights, gradients = start(rng)
    parameters = [torch.nn.Parameter(torch.tensor(w)) for w in weights]
    there = theirs(torch.optim, parameters)
    for gs in gradients:
        for p, g in zip(parameters, gs, strict=True):
            p.grad = torch.tensor(g)
        there.step()
    for a, b in zip(trained(ours(), weights, gradients), parameters, strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-5, atol=2e-6)


@pytest.mark.slow
def test_against_keras(rng, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    weights, gradients = start(rng)
    for ours, theirs in (
        (optimizers.Adam(0.05), keras.optimizers.Adam(0.05)),
        (optimizers.Adam(0.05, weight_decay=0.1), keras.optimizers.AdamW(0.05, weight_decay=0.1)),
        (optimizers.SGD(0.1, 0.9), keras.optimizers.SGD(0.1, 0.9)),
        (optimizers.SGD(0.1, 0.9, True), keras.optimizers.SGD(0.1, 0.9, nesterov=True)),
    ):
        variables = [keras.Variable(w) for w in weights]
        for gs in gradients:
            values = [keras.ops.convert_to_tensor(g) for g in gs]
            theirs.apply(values, variables) if not theirs.built else theirs.apply(values)
        for a, b in zip(trained(ours, weights, gradients), variables, strict=True):
            np.testing.assert_allclose(a, keras.ops.convert_to_numpy(b), rtol=1e-5, atol=1e-6)
