"""Variables: what was read stays, shape and format are kept, pending assignments are computed together."""

import numpy as np
import pytest

import spinntensor as st
from spinntensor.errors import ShapeError
from spinntensor.tensors import evaluate


def test_a_read_before_an_assignment_keeps_the_old_value():
    w = st.Variable([1.0, 2.0])
    before = w * 10
    w.assign(w + 1)
    after = w * 10
    w.assign([0.0, 0.0])
    assert before.numpy().tolist() == [10, 20] and after.numpy().tolist() == [20, 30]
    assert w.numpy().tolist() == [0, 0]


def test_add_and_subtract_in_place():
    w = st.Variable(st.zeros(3), name="w")
    assert w.assign_add([1.0, 2.0, 3.0]) is w
    w.assign_sub(1.0)
    assert w.numpy().tolist() == [0, 1, 2] and w.name == "w"


@pytest.mark.parametrize("value", [[1.0], [[1.0, 2.0]], st.tensor([1, 2])])
def test_shape_and_format_stay(value):
    w = st.Variable([1.0, 2.0], name="w")
    with pytest.raises(
        ShapeError, match=r"assign at test_variable.py:\d+: .*the variable's own shape and format"
    ):
        w.assign(value)
    assert w.numpy().tolist() == [1, 2]


def test_a_long_loop_stays_short():
    """The expression of a variable never holds more than one step that is not computed."""
    w = st.Variable(np.float32(0))
    for _ in range(3000):
        w.assign(w + 1)
    assert float(w) == 3000


def test_assignments_are_computed_together(monkeypatch):
    runs = []
    original = evaluate.execute
    monkeypatch.setattr(evaluate, "execute", lambda *a: runs.append(1) or original(*a))
    v, w = st.Variable([1.0]), st.Variable([2.0])
    shared = v * w
    v.assign(shared + 1)
    w.assign(shared + 2)
    assert shared.numpy() == 2 and len(runs) == 1
    assert (v.numpy(), w.numpy()) == (3, 4) and len(runs) == 1


def test_a_tensor_computed_on_the_way_is_kept():
    x = st.tensor([1.0, 2.0])
    y = st.exp(x)
    z = (y + 1).numpy()
    assert y.node.value is not None and z.shape == (2,)
