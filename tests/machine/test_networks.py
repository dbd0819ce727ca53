"""Networks of the zoo, the thesis's listings and training steps on an emulated chip: the bits of the host."""

import keras_listings
import numpy as np
import pytest
from chips import where
from keras_listings import LISTINGS, keras_dense, keras_sgd

import spinntensor as st
from spinntensor import nn
from spinntensor.machine.record import recording
from spinntensor.machine.session import Session
from spinntensor.nn.workload import training
from spinntensor.plan.keep import lowered_with
from spinntensor.plan.planner import plan

pytest.importorskip("unicorn")

LIMIT = 1e-4
"""The criterion of the listings: the largest difference to Keras."""
SAMPLES = 16


def same(model, x, machine="chip", **options):
    """A model predicts the same on a chip and on the host; the records of its runs."""
    with st.counting(), recording() as runs:
        got = model.predict(x, machine=machine, **options)
    with st.counting():
        np.testing.assert_array_equal(got, model.predict(x, machine="host", **options))
    return runs


SLOW = pytest.mark.slow
MACHINES = {"16 workers": (), "9 workers": range(11, 18), "4 workers": (3, 4, 7, *range(9, 18))}
"""Cores that a chip lacks, for three plans of each network."""


@pytest.mark.parametrize("machine", [pytest.param(where(dead), id=name) for name, dead in MACHINES.items()])
@pytest.mark.parametrize(
    ("name", "shape", "count", "format"),
    [
        ("mlp", (8, 8, 1), 5, "float32"),
        ("mlp", (8, 8, 1), 5, "int8"),
        ("lenet5", (28, 28, 1), 2, "float32"),
        ("lenet5", (28, 28, 1), 2, "int8"),
        ("resnet8", (8, 8, 1), 2, "int8"),
        pytest.param("resnet8", (8, 8, 1), 2, "float32", marks=SLOW),
        pytest.param("resnet20", (8, 8, 3), 1, "int8", marks=SLOW),
        pytest.param("resnet20", (8, 8, 3), 1, "float32", marks=SLOW),
        pytest.param("mobilenetv1", (32, 32, 3), 1, "int8", marks=SLOW),
    ],
)
def test_networks_of_the_zoo(name, shape, count, format, machine):
    model = nn.models.build(name, input_shape=shape, classes=10)
    x = np.random.default_rng(0).random((count, *shape), np.float32)
    if format == "int8":
        model = model.quantize("int8", calibration=x)
    assert same(model, x, machine)


@pytest.mark.slow
@pytest.mark.parametrize("machine", [pytest.param(where(dead), id=name) for name, dead in MACHINES.items()])
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mobilenetv1", (96, 96, 3)),
        ("resnet18", (64, 64, 3)),
        ("resnet34", (64, 64, 3)),
        ("resnet50", (64, 64, 3)),
        ("resnet101", (64, 64, 3)),
        ("resnet32", (32, 32, 3)),
        ("resnet56", (32, 32, 3)),
    ],
)
def test_large_networks_of_the_zoo(name, shape, machine):
    model = nn.models.build(name, input_shape=shape, classes=10)
    x = np.random.default_rng(0).random((1, *shape), np.float32)
    assert same(model.quantize("int8", calibration=x), x, machine)


@pytest.mark.slow
def test_resnet50_on_strict_cores():
    images = nn.data.photographs()
    some = np.concatenate([nn.data.crops(image, 4) for image in images.values()])
    model = nn.resnet50(statistics=some).quantize("int8", calibration=some)
    (run,) = same(model, nn.data.preprocess(images["china"])[None])
    assert run.model_cycles == pytest.approx(run.predicted_cycles, rel=0.05)


def test_a_perceptron_by_its_sizes():
    model = nn.mlp((1024,), (10,), 20)
    x = np.random.default_rng(0).random((32, 10), np.float32)
    same(model.quantize("int8", calibration=x), x)


@pytest.mark.parametrize("name", LISTINGS)
def test_listings_are_within_the_limit_of_keras(name):
    recorded = np.load(keras_listings.RECORD)
    model = LISTINGS[name].network()
    x = keras_dense.samples(model.inputs[0].shape)[:SAMPLES]
    found = model.predict(x, machine="chip")
    assert np.abs(found - recorded[name][:SAMPLES]).max() < LIMIT
    np.testing.assert_array_equal(found, model.predict(x))


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTINGS)
def test_listings_train_on_a_chip_as_keras_does(name):
    recorded = np.load(keras_listings.RECORD)
    model = LISTINGS[name].network()
    x, y = keras_dense.samples(model.inputs[0].shape), keras_sgd.labels()
    model.compile(nn.optimizers.SGD(keras_sgd.RATE), "sparse_categorical_crossentropy")
    with st.use("chip"):
        model.fit(x, y, batch_size=keras_sgd.BATCH, shuffle=False, verbose=0)
    for i, weight in enumerate(model.get_weights()):
        assert np.abs(weight - recorded[f"{name}_weight_{i}"]).max() < LIMIT


def residual():
    """A network with batch norm and a projected shortcut."""
    x = nn.Input((8, 8, 1))
    y = nn.Activation("relu")(nn.BatchNorm()(nn.Conv2D(8, 3, padding="same", use_bias=False)(x)))
    other = nn.BatchNorm()(nn.Conv2D(16, 1, strides=2, use_bias=False)(y))
    y = nn.BatchNorm()(nn.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(y))
    y = nn.Activation("relu")(nn.Add()([y, other]))
    return nn.Model(x, nn.Dense(10)(nn.GlobalAveragePool()(y)), seed=1)


def trained(machine, format, steps, size=8):
    """Losses and weights after so many steps of SGD on digits."""
    (x, y), _ = nn.data.digits()
    model = residual()
    loss = nn.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(nn.SGD(0.05, momentum=0.9), loss, format=format)
    with st.use(machine), st.counting():
        losses = [
            model.train_on_batch(x[size * i : size * i + size], y[size * i : size * i + size])["loss"]
            for i in range(steps)
        ]
    return losses, model.get_weights()


def agree(format, steps):
    pytest.importorskip("sklearn")
    host, chip = (trained(machine, format, steps) for machine in ("host", "chip"))
    assert host[0] == chip[0]
    for a, b in zip(host[1], chip[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("format", ["bfp16", pytest.param("float32", marks=SLOW)])
def test_training_steps_have_the_hosts_bits(format):
    agree(format, 2)


@pytest.mark.slow
def test_twenty_steps_of_sgd():
    agree("bfp16", 20)


@pytest.mark.parametrize("format", ["bfp16", "float32"])
def test_each_gradient_is_computed_once_and_read_by_its_consumers(format):
    model = residual()
    model.compile(nn.SGD(0.05), nn.SparseCategoricalCrossentropy(from_logits=True), format=format)
    graph, machine = training(model, format, 4).graph, where()
    made = plan(graph, machine, batch=4)
    lowered = lowered_with(graph, made.recomputed)
    read = {"fill", "broadcast_to"}  # which kernels read as they work, and nobody computes
    computed = [i for stage in lowered.stages for i in stage.nodes if lowered.graph[i].op not in read]
    assert not made.recomputed and len(set(computed)) == len(computed)
    nodes = [lowered.graph[number] for number in computed]
    assert len({(node.op, node.inputs, node.attributes) for node in nodes}) == len(nodes)
    shares = {share.stage for share in made.shares}
    assert shares == {stage.number for stage in lowered.stages}


def test_parameters_stay_on_the_chip_between_steps(monkeypatch):
    pytest.importorskip("sklearn")
    written = []
    write = Session.write

    def noted(self, number, value, batch=0):
        written.append((batch, self.image.sites.lowered.graph[number].op))
        write(self, number, value, batch)

    monkeypatch.setattr(Session, "write", noted)
    trained("chip", "bfp16", 2, size=4)
    assert {op for batch, op in written if batch == 0} == {"input", "variable"}
    assert {op for batch, op in written if batch == 1} <= {"input"}
