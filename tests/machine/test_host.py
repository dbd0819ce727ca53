"""The host executor: values, updates, what is freed, missing values."""

import weakref

import numpy as np
import pytest

from spinntensor.errors import GraphError
from spinntensor.graph import TensorType
from spinntensor.graph.builder import Builder, caller
from spinntensor.machine.host import evaluate
from spinntensor.ops import OPERATIONS, RULES, Operation

MATRIX = TensorType((2, 3), "float32")


def test_a_read_before_an_update_sees_the_old_value():
    b = Builder(RULES)
    state = b.variable("state", MATRIX)
    new = b.input("new", MATRIX)
    flat = b.add("reshape", state, shape=(6,))
    old, now = np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)
    outputs, updates = evaluate(b.graph((flat,), ((state, new),)), {state: old, new: now})
    assert (outputs[0] == 0).all() and updates[state] is now


def test_what_is_dead_is_freed():
    made, alive = [], []

    def watch(x, *, shape):
        alive.append(sum(ref() is not None for ref in made))
        out = x.reshape(shape).copy()
        made.append(weakref.ref(out))
        return out

    b = Builder(RULES)
    x = b.input("x", MATRIX)
    for shape in ((6,), (3, 2), (1, 6), (6, 1)):
        x = b.add("reshape", x, shape=shape)
    operations = OPERATIONS | {"reshape": Operation("reshape", RULES["reshape"], watch)}
    outputs, _ = evaluate(b.graph((x,)), {0: np.zeros((2, 3), np.float32)}, operations)
    assert outputs[0].shape == (6, 1) and alive == [0, 1, 1, 1]  # the operand, and nothing before it


@pytest.mark.parametrize("values,complaint", [({}, "no value"), ({0: np.zeros(3)}, "shape .3,.")])
def test_missing_and_wrong_values(values, complaint):
    b = Builder(RULES)
    x = b.input("x", MATRIX, caller())
    with pytest.raises(GraphError, match=rf"test_host.py:\d+: received {complaint}"):
        evaluate(b.graph((x,)), values)


def test_constants_are_copied_and_closed():
    b = Builder(RULES)
    mine = np.zeros((2, 3), np.float32)
    c = b.constant(mine, "float32")
    mine[:] = 1
    (kept,), _ = evaluate(b.graph((c,)), {})
    assert (kept == 0).all()
    with pytest.raises(ValueError, match="read-only"):
        kept[:] = 2


def test_a_program_beside_the_package_is_the_users():
    """Only files inside the package are passed over, not those of a folder whose name begins alike."""
    import spinntensor

    script = "from spinntensor.graph.builder import caller\n\nplace = caller()\n"
    names: dict[str, str] = {}
    exec(compile(script, f"{spinntensor.__path__[0]}_mine/model.py", "exec"), names)
    assert names["place"] == "model.py:3"
