"""Losses and metrics of all outputs together, and their means over batches of different sizes."""

import numpy as np
import pytest

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import OperandError
from spinntensor.nn.objective import Totals, objective

ONE, TWO = nn.Dense(3, name="one")(nn.Input((2,))), nn.Dense(1, name="two")(nn.Input((2,)))


def test_the_loss_is_the_sum_of_the_outputs():
    found = objective([ONE, TWO], ["sparse_categorical_crossentropy", "mse"], ["accuracy", "mae"][:1])
    results = [st.softmax(st.tensor(np.eye(4, 3, dtype=np.float32))), st.tensor(np.ones((4, 1), np.float32))]
    ys = (np.array([0, 1, 2, 0], np.int32), np.zeros((4, 1), np.float32))
    loss, watched = found(results, ys)
    assert sorted(watched) == ["loss", "one_accuracy", "one_loss", "two_accuracy", "two_loss"]
    assert float(loss) == pytest.approx(float(watched["one_loss"]) + 1.0)
    assert int(watched["one_accuracy"]) == 4
    assert found.places(ys)["one_accuracy"] == (4, False) and found.places(ys)["loss"] == (4, True)


def test_one_loss_for_all_outputs():
    found = objective([TWO, TWO], "mae", [])
    assert [out.loss for out in found.outputs] == [nn.MeanAbsoluteError()] * 2
    assert objective([TWO], nn.MeanSquaredError(), "mae").outputs[0].metrics[0].name == "mae"


@pytest.mark.parametrize(
    ("losses", "metrics"), [(["mse"], []), ("mse", ["mae", "mae"]), ("mse", [nn.TopK(1, "loss")])]
)
def test_what_is_refused(losses, metrics):
    outputs = [ONE, TWO] if isinstance(losses, list) else [ONE]
    with pytest.raises(OperandError):
        objective(outputs, losses, metrics)


def test_totals_weigh_by_samples():
    totals = Totals()
    totals.add({"loss": np.float32(1.0), "hits": 3}, {"loss": (4, True), "hits": (4, False)})
    totals.add({"loss": np.float32(4.0), "hits": 2}, {"loss": (2, True), "hits": (2, False)})
    assert totals.means() == {"loss": 2.0, "hits": 5 / 6}
