"""`spinntensor plan`: how a network would run on a machine - its tiles, their cores, times, memory and energy."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from spinntensor.commands.networks import float_only, open_network
from spinntensor.commands.progress import waiting
from spinntensor.errors import OperandError, SDRAMError
from spinntensor.machine.facts import facts
from spinntensor.machine.geometry import ROOT, Machine
from spinntensor.machine.grammar import parse
from spinntensor.nn.converted import ConvertedModel
from spinntensor.nn.models import MODELS, mlp
from spinntensor.nn.workload import Workload, inference, training
from spinntensor.report.files import writable

if TYPE_CHECKING:
    from spinntensor.nn.model import Model

log = logging.getLogger(__name__)

TRAINING_BATCH = 32
"""Samples of a training step where none are named."""
LEAST_MACS = 4_000_000
"""Multiply-accumulates of a worker's part of a batch at least, so that small networks are computed by large tiles."""
SIZES = re.compile(r"[1-9][0-9]*(-[1-9][0-9]*){1,15}")
"""A perceptron by its sizes: inputs, hidden units, classes."""


def main(
    model: str,
    *,
    machine: str = "chip",
    format: str | None = None,
    objective: str | None = None,
    batch: int | None = None,
    train: bool = False,
    weights: str | None = None,
    classes: int | None = None,
    dead: Sequence[int] = (),
    figures: Mapping[str, float] | None = None,
    why: str | None = None,
    json: str | None = None,
    html: str | None = None,
    trace: str | None = None,
    seed: int = 0,
) -> int:
    """Plan a network, print the plan, and write the files that were asked for; 0.

    Parameters as the command line has them. Errors of options, of the machine, and of files that cannot be written come
    before anything is planned.
    """
    from spinntensor.plan.planner import plan
    from spinntensor.report import plan_html, plan_json, plan_text, plan_trace

    for path, suffixes in ((json, (".json",)), (html, (".html", ".htm")), (trace, (".json",))):
        if path:
            writable(path, suffixes)
    where = _machine(machine, dead, figures or {})
    objective, batch_given = _objective(objective, batch, train), batch is not None
    network = named(model, weights, classes, seed)
    while True:
        with waiting(f"reading {model}"):
            work = workload(network, model, where, format, objective, batch, train)
        log.info("planning %s in %s for %s, batch %d", work.model, work.format, where.name, work.batch)
        start = time.perf_counter()
        try:
            with waiting(f"planning {work.model}"):
                made = plan(
                    work.graph,
                    where,
                    model=work.model,
                    format=work.format,
                    objective=objective,
                    batch=work.batch,
                    roles=work.roles,
                )
            break
        except SDRAMError as error:
            if train or batch_given or work.batch == 1:
                raise
            batch = work.batch // 2
            print(f"a batch of {work.batch} does not fit ({error.needed:,} bytes of SDRAM): {batch} instead")
    seconds = time.perf_counter() - start
    print(plan_text.why(made, why, where.facts) if why else plan_text.text(made, where.facts))
    if json:
        plan_json.write(made, json, seconds)
    if html:
        plan_html.write(made, html, facts=where.facts, plan_s=seconds)
    if trace:
        plan_trace.write(made, trace, where.facts)
    log.info("planned in %.1f s", seconds)
    return 0


def workload(
    network: Model | ConvertedModel,
    name: str,
    machine: Machine,
    format: str | None,
    objective: str,
    batch: int | None,
    train: bool = False,
) -> Workload:
    """The graph to plan of a network that the user called `name`.

    format : None takes that of a converted model, int8 for others, and bfp16 for training.
    batch : None takes for a stream one sample for each worker, or more of a small network; one for latency; 32 for
        training.
    """
    if train:
        format = "bfp16" if format is None else format
        return training(float_only(network, name), format, TRAINING_BATCH if batch is None else batch)
    if format is None:
        format = network.format if isinstance(network, ConvertedModel) else "int8"
    if batch is None:
        each = -(-LEAST_MACS // max(1, network.macs))
        batch = 1 if objective == "latency" else machine.workers * each
    return inference(network, format, batch)


def named(
    model: str, weights: str | None = None, classes: int | None = None, seed: int = 0
) -> Model | ConvertedModel:
    """A network by its name, by its sizes, or from a file."""
    if SIZES.fullmatch(model):
        if classes is not None:
            mend = "its last size is the number of classes"
            raise OperandError(model, "classes", classes, "none for a network named by its sizes", mend)
        inputs, *hidden, last = map(int, model.split("-"))
        network: Model | ConvertedModel = mlp(hidden, (inputs,), last, seed=seed)
        network.name = model
    else:
        network = open_network(model, None, classes, seed)
    if weights is not None:
        from spinntensor.nn.weights import load_weights

        load_weights(float_only(network, model), weights)
    return network


def _machine(word: str, dead: Sequence[int], figures: Mapping[str, float]) -> Machine:
    """The machine that is meant; OperandError for one that nothing is planned for."""
    found = parse(word, facts().with_(**figures) if figures else None)
    if not isinstance(found, Machine):
        received = f"{word!r}, whose cores are not known before it answers" if word != "host" else "'host'"
        mend = "the host needs no plan; name chip" if word == "host" else "name chip"
        raise OperandError("plan", "machine", received, "an emulated machine", mend)
    if len(found.chips) > 1:
        received = f"{word!r}, {len(found.chips)} chips"
        raise OperandError(
            "plan", "machine", received, "one chip", "plans are for one chip so far: name chip"
        )
    return found.without(cores={ROOT: dead}) if dead else found


def _objective(objective: str | None, batch: int | None, train: bool) -> str:
    """What is wanted; OperandError for options that contradict each other."""
    if train and objective == "latency":
        expected = "throughput for training"
        raise OperandError("plan", "objective", "'latency' with --train", expected, "leave one of them out")
    if objective == "latency" and batch is not None and batch > 1:
        received = f"'latency' with a batch of {batch}"
        mend = "leave --batch out, or take throughput"
        raise OperandError("plan", "objective", received, "a batch of 1: latency is that of one image", mend)
    return objective or "throughput"


__all__ = ["MODELS", "main", "named", "workload"]
