"""Values of lazy tensors: their expressions become a graph, its program is kept by structure, and it runs.

Whatever a live tensor names is kept when it was computed on the way, so nothing that a user holds is computed twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any
from weakref import ref

from spinntensor.errors import SpinnTensorError, TraceError
from spinntensor.graph.builder import caller
from spinntensor.graph.graph import INPUT
from spinntensor.machine.current import chosen
from spinntensor.machine.grammar import Host
from spinntensor.machine.host import Program, execute, optimised, prepare
from spinntensor.machine.runner import Runners
from spinntensor.ops import OPERATIONS, Value
from spinntensor.tensors.expression import Expression
from spinntensor.tensors.lowering import lower, reachable
from spinntensor.tensors.report import report

KEPT = 512
"""Programs that are kept, those used longest ago go first."""
_programs: OrderedDict[object, tuple[Program, Runners]] = OrderedDict()
_lock = Lock()
FILL = "fill"
RUN_FILL: Any = OPERATIONS[FILL].run
pending: list[ref[Expression]] = []
"""What was assigned to variables and not computed yet; the next computation takes it along."""


def evaluate(wanted: Sequence[Expression]) -> None:
    """Compute expressions, and with them what is assigned to variables; TraceError at a placeholder."""
    late = [x for x in (r() for r in pending) if x is not None]
    pending.clear()
    try:
        _evaluate([*wanted, *late])
    except SpinnTensorError:
        if not late:
            raise
        _evaluate(wanted)  # alone: an assignment that cannot be computed says so when its variable is read


def _evaluate(wanted: Sequence[Expression]) -> None:
    wanted = [x for x in wanted if x.value is None]  # so that the outputs reach just what these reach
    order = reachable(wanted)
    number = {id(x): i for i, x in enumerate(order)}
    key: list[object] = []
    held = []
    values: dict[int, Value] = {}
    asked = {id(x) for x in wanted}
    for i, x in enumerate(order):
        if x.op == INPUT:
            if x.value is None:
                raise TraceError(str(x.type), caller())
            values[i] = x.value
        elif x.op == FILL and id(x) not in asked:  # a number that may be another one next time
            values[i] = RUN_FILL(**dict(x.attributes))
        else:
            operands = tuple([number[id(o)] for o in x.operands])
            attributes = repr(x.attributes) if x.attributes else ""
            key.append((x.op, operands, x.type.shape, x.type.format, attributes))
            if id(x) in asked or (x.handle is not None and x.handle() is not None):
                held.append(i)
            continue
        key.append((x.type.shape, x.type.format))
    outputs = [order[i] for i in held]
    if not outputs:
        return
    structure = (tuple(key), tuple(held))
    found = _programs.get(structure)
    if found is None:
        graph = optimised(lower(outputs, given=values).graph)
        found = prepare(graph), Runners(graph)
        with _lock:
            _programs[structure] = found
            while len(_programs) > KEPT:
                _programs.popitem(last=False)
    else:
        with _lock:
            _programs.move_to_end(structure, last=True)
    program, runners = found
    if isinstance(chosen(), Host):
        result = execute(program, values, lambda i: order[i].source)
    else:
        (result,) = runners.of().run([values])
    happened = [(order[i].op, order[i].source, found) for i, found in result.counts.items()]
    for x, value in zip(outputs, result.outputs, strict=True):
        x.settle(value)
    report(happened)
