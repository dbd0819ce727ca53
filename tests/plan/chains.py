"""Small lowered graphs and cuts, made by hand, for the tests of shares, memory and schedules.

Stages are convolutions of images that read rows around theirs and all channels, residual additions, a dense layer on
flattened images, and a state that is updated.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from spinntensor.graph.graph import Graph, Node, TensorType
from spinntensor.lower.box import cut, whole
from spinntensor.lower.stage import Axis, Lowered, Stage
from spinntensor.plan.cut import Cut
from spinntensor.plan.layout import Layout
from spinntensor.plan.share import JOIN
from spinntensor.plan.work import Work

HALO = 1


@dataclass(frozen=True)
class Chain:
    """A lowered graph, its cuts, and what `scheduled` wants to know of them."""

    lowered: Lowered
    cuts: tuple[Cut, ...]
    works: dict

    def work(self, stage, step, worker):
        return self.works[stage, step, worker]

    def layout(self, number):
        kind = self.lowered.graph[number].type
        return Layout(kind.shape, 4 if kind.format == "float32" else 1)

    def reads(self, stage, task, step):
        """Rows with a halo and all channels; boxes of the same place for additions; whole rows of matrices.

        The third input of a convolution is read when its partial sums are joined, or by its tiles.
        """
        if step == JOIN:
            return {n: task.box for n in stage.inputs[2:]}
        found = {}
        graph = self.lowered.graph
        for number in stage.inputs if task.sums is None else stage.inputs[:2]:
            shape = graph[number].type.shape
            if stage.kind == "conv2d" and number == stage.inputs[0]:
                n, (top, end), w, _ = task.box
                channels = task.sums or (0, shape[3])
                found[number] = (n, (max(0, top - HALO), min(shape[1], end + HALO)), w, channels)
            elif stage.kind == "matmul" and graph[number].op != "constant":
                found[number] = (task.box[0], task.sums or (0, shape[1]))
            elif graph[number].op == "constant":
                found[number] = whole(shape)
            else:
                found[number] = task.box
        return found


def random_cut(random: Random, stage: Stage, workers: int, images: bool = False) -> Cut:
    """Any spans, any order, owners in runs or at random; by images alone when asked."""
    sizes = [axis.size for axis in stage.axes]
    if images:
        spans = (cut(sizes[0], sizes[0]), *(cut(s, random.randint(1, 2)) for s in sizes[1:]))
        owners = [i % workers for i in range(sizes[0]) for _ in range(_count(spans[1:]))]
        return Cut(spans, (), (), tuple(owners))
    spans = tuple(cut(size, random.randint(1, 4)) for size in sizes)
    sums = cut(stage.sums.size, random.randint(1, 3)) if stage.sums and random.random() < 0.5 else ()
    axes = list(range(len(spans) + bool(sums)))
    random.shuffle(axes)
    tiles = _count(spans) * max(1, len(sums))
    owners = [random.randrange(workers) for _ in range(tiles)]
    if random.random() < 0.7:
        owners.sort()
    joiners = [random.randrange(workers) for _ in range(_count(spans))] if len(sums) > 1 else ()
    return Cut(spans, sums, tuple(axes), tuple(owners), tuple(joiners))


def _count(spans):
    total = 1
    for found in spans:
        total *= len(found)
    return total


def chain(seed: int, stages: int = 5, workers: int = 4, state: bool = False, images: bool = False) -> Chain:
    """A random chain of stages, the last but one a dense layer, the last the update of a state where one is wanted."""
    random = Random(seed)
    shape = (random.randint(1, 4) if not images else 4, random.randint(4, 12), 4, 8)
    nodes = [Node(0, "input", (), TensorType(shape, "uint8"))]
    made: list[Stage] = []
    constants = {}

    def node(op, inputs, shape, form="uint8"):
        nodes.append(Node(len(nodes), op, inputs, TensorType(shape, form)))
        return nodes[-1].id

    def stage(kind, inputs, result, sums=None):
        shape = nodes[result].type.shape
        axes = tuple(Axis(name, size) for name, size in zip("nhwc", shape, strict=False))
        made.append(
            Stage(len(made), f"{kind}_{len(made)}", kind, (result,), inputs, (result,), axes, sums, macs=1)
        )

    values = [0]
    for _ in range(stages - 1):
        weights = node("constant", (), (3, 3, 8, 8), "int8")
        residual = random.choice(values) if random.random() < 0.4 else None
        if residual is not None and residual != values[-1]:
            result = node("add", (values[-1], residual), shape)
            stage("map", (values[-1], residual), result)
        else:
            result = node("conv2d", (values[-1], weights), shape)
            joined = (random.choice(values),) if random.random() < 0.5 else ()
            joined = tuple(v for v in joined if v != values[-1])
            stage("conv2d", (values[-1], weights, *joined), result, Axis("k", 8))
        values.append(result)
    flat = node("reshape", (values[-1],), (shape[0], shape[1] * shape[2] * shape[3]))
    result = node("matmul", (flat,), (shape[0], 10), "int32")
    stage("matmul", (flat,), result, Axis("k", shape[1] * 32))
    updates = ()
    if state:
        variable = node("variable", (), (shape[0], 10), "float32")
        new = node("add", (variable, result), (shape[0], 10), "float32")
        stage("map", (variable, result), new)
        updates = ((variable, new),)
    graph = Graph(tuple(nodes), (result,), updates, constants)
    lowered = Lowered(graph, tuple(made), {flat: values[-1]})
    cuts = tuple(random_cut(random, s, workers, images) for s in made)
    works = {
        (s, step, w): Work(
            float(random.randint(1, 60)),
            float(random.randint(1, 400)),
            float(random.randint(1, 60)),
            1.0,
            64,
            64,
        )
        for s in range(len(made))
        for step in ("tiles", "join")
        for w in range(workers)
    }
    return Chain(lowered, cuts, works)
