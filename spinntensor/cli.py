"""The command line: ``spinntensor run``, ``train``, ``plan``, ``report``, ``compare``, ``doctor``, ``bench``; exits.

Exit codes: 0 all well; 1 a check failed, an error was reported, or the user interrupted it; 2 the command was not
understood, names of models, machines and formats that do not exist included.
Verbosity: results and errors; with ``-v`` also what is being done; with ``-vv`` also details and tracebacks.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from spinntensor import __version__
from spinntensor.commands import arguments
from spinntensor.errors import (
    GraphError,
    NumericWarning,
    ShapeError,
    SpinnTensorError,
    TraceError,
    UnknownNameError,
    UnsupportedError,
)

OK, FAILED, USAGE = 0, 1, 2

log = logging.getLogger("spinntensor")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; those of the process when omitted.
    """
    try:
        args = _parser().parse_args(argv)
        args.words = list(sys.argv[1:] if argv is None else argv)
    except SystemExit as stop:  # argparse has printed the help, the version, or what is wrong
        return int(stop.code or 0)
    level = args.verbose + args.verbose_command
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    log.setLevel([logging.WARNING, logging.INFO, logging.DEBUG][min(level, 2)])
    return _guarded(args.run, args, traceback=level >= 2)


def _guarded(run: Callable[[argparse.Namespace], int], args: argparse.Namespace, traceback: bool) -> int:
    """Call a command; an error of ours becomes a message and an exit code, any other is a bug and passes."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warned
            code = run(args)
        sys.stdout.flush()
        return code
    except SpinnTensorError as error:
        _without_line(error)
        print(f"spinntensor: error: {error}", file=sys.stderr)
        log.debug("where it happened:", exc_info=traceback)
        return USAGE if isinstance(error, UnknownNameError) else FAILED
    except KeyboardInterrupt:
        print("spinntensor: interrupted", file=sys.stderr)
        return FAILED
    except BrokenPipeError:  # the reader went away (| head); keep the interpreter's last flush quiet
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning as one line; where it comes from says -vv."""
    _without_line(message)
    print(f"spinntensor: warning: {message}", file=sys.stderr)
    log.debug("%s:%d: %s", filename, lineno, category.__name__)


def _without_line(what: object) -> None:
    """Take away the line of the user's program: here it is the start of the command line."""
    if isinstance(what, ShapeError | GraphError | TraceError | NumericWarning):
        what.source = ""
    elif isinstance(what, UnsupportedError):
        what.operations = tuple(dict.fromkeys((op, "") for op, _ in what.operations))


def _doctor(args: argparse.Namespace) -> int:
    from spinntensor import doctor

    return doctor.main(json=args.json)


def _bench_kernels(args: argparse.Namespace) -> int:
    from spinntensor.report import bench

    return bench.main_kernels(only=args.only, json=args.json, plot=args.plot, markdown=args.markdown)


def _run(args: argparse.Namespace) -> int:
    from spinntensor.commands import run

    return run.main(args.model, args.inputs, **_options(args, "model", "inputs"))


def _train(args: argparse.Namespace) -> int:
    from spinntensor.commands import train

    return train.main(args.model, words=args.words, **_options(args, "model"))


def _compare(args: argparse.Namespace) -> int:
    from spinntensor.commands import compare

    return compare.main(args.model, args.inputs, **_options(args, "model", "inputs"))


def _plan(args: argparse.Namespace) -> int:
    from spinntensor.commands import plan

    return plan.main(args.model, **{**_options(args, "model"), "figures": dict(args.figures)})


def _report(args: argparse.Namespace) -> int:
    from spinntensor.commands import report

    return report.main(args.record, **_options(args, "record"))


def _bench_plans(args: argparse.Namespace) -> int:
    from spinntensor.report import plans

    return plans.main(only=args.only, json=args.json, markdown=args.markdown)


def _options(args: argparse.Namespace, *taken: str) -> dict[str, Any]:
    """The arguments of a command by name, without those of the command line itself."""
    own = ("run", "words", "verbose", "verbose_command", *taken)
    return {name: value for name, value in vars(args).items() if name not in own}


def _parser() -> argparse.ArgumentParser:
    parser = _command(
        argparse.ArgumentParser,
        prog="spinntensor",
        description="Linear algebra and neural networks on SpiNNaker, real or emulated.",
        epilog="examples:\n"
        "  spinntensor doctor\n"
        "  spinntensor train resnet8 --data digits --epochs 5 --save digits.safetensors\n"
        "  spinntensor run digits.safetensors digits --format int8\n"
        "  spinntensor plan resnet50 --html resnet50.html\n"
        "  spinntensor compare resnet50 china flower",
    )
    parser.add_argument("--version", action="version", version=f"spinntensor {__version__}")
    _add_verbose(parser, "verbose")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = _command(
        commands.add_parser,
        "run",
        help="run a network on images or arrays",
        description="Run a network on images or arrays, and show the most likely classes of each.\n\n"
        + arguments.NETWORKS
        + arguments.INPUTS,
        epilog="examples:\n"
        "  spinntensor run resnet50 photo.jpg --weights resnet50.safetensors --format int8\n"
        "  spinntensor run digits.safetensors digits --json run.json",
    )
    arguments.run(run)
    run.set_defaults(run=_run)

    train = _command(
        commands.add_parser,
        "train",
        help="train a network on labelled data",
        description="Train a network on labelled data; a part is held out for accuracy. Ctrl-C ends it cleanly.\n\n"
        + arguments.NETWORKS,
        epilog="examples:\n"
        "  spinntensor train resnet8 --data digits --epochs 5 --save digits.safetensors\n"
        "  spinntensor train resnet20 --data photos --format bfp16 --checkpoint photos.npz --log photos.csv",
    )
    arguments.train(train)
    train.set_defaults(run=_train)

    plan = _command(
        commands.add_parser,
        "plan",
        help="how a network would run on a machine",
        description="Cut a network into tiles, deal them to the cores of a machine, and predict time, memory and\n"
        "energy in model cycles.\n\n" + arguments.NETWORKS,
        epilog="examples:\n"
        "  spinntensor plan resnet50 --html resnet50.html --json resnet50.json\n"
        "  spinntensor plan resnet50 --objective latency --why conv2d_3\n"
        "  spinntensor plan resnet20 --train --batch 32 --set sdram_mb_per_s=400",
    )
    arguments.plan(plan)
    plan.set_defaults(run=_plan)

    report = _command(
        commands.add_parser,
        "report",
        help="what a run on a machine took, measured beside predicted",
        description="Show what a run on an emulated chip took, layer by layer and core by core, beside what its plan\n"
        "predicted. Without options a page is written beside the record, RUN.html beside RUN.json.",
        epilog="examples:\n"
        "  spinntensor run resnet8 digits --format int8 --machine chip --json run.json\n"
        "  spinntensor report run.json --html run.html --trace trace.json",
    )
    arguments.report(report)
    report.set_defaults(run=_report)

    compare = _command(
        commands.add_parser,
        "compare",
        help="how far number formats are from float32, layer by layer",
        description="Run a network in float32 and in other formats, and show for each layer how far they are apart:\n"
        "ratio of signal to noise (SQNR), largest error, clamped elements; and the first layer that departs.\n\n"
        + arguments.NETWORKS
        + arguments.INPUTS,
        epilog="example:\n  spinntensor compare resnet50 china flower --formats int8 --json layers.json",
    )
    arguments.compare(compare)
    compare.set_defaults(run=_compare)

    doctor = _command(
        commands.add_parser,
        "doctor",
        help="check the installation, one line per part",
        description="Check the installation: one PASS, FAIL or SKIP per part, and what mends it.",
        epilog="example:\n  spinntensor doctor --json",
    )
    doctor.add_argument("--json", action="store_true", help="print the checks as JSON")
    doctor.set_defaults(run=_doctor)

    bench = _command(
        commands.add_parser,
        "bench",
        help="measure on the emulated machine",
        description="Measure on the emulated machine, in model cycles.",
        epilog="example:\n  spinntensor bench kernels",
    )
    what = bench.add_subparsers(title="what to measure", metavar="WHAT", required=True)
    kernels = _command(
        what.add_parser,
        "kernels",
        help="every kernel on an emulated core, one line per shape",
        description="Run kernels on an emulated core: model cycles, share of the bound, equal bits.",
        epilog="example:\n  spinntensor bench kernels --only 'gemm_*' --json kernels.json --plot kernels.svg",
    )
    kernels.add_argument(
        "--only", metavar="PATTERN", help="kernels whose name holds this text or matches this shell pattern"
    )
    kernels.add_argument("--json", metavar="FILE", help="also write every figure to FILE")
    kernels.add_argument("--plot", metavar="FILE", help="also draw a chart to FILE (.svg, .png, .pdf)")
    kernels.add_argument(
        "--markdown", metavar="FILE", help="also write the table, and how it was made, to FILE"
    )
    kernels.set_defaults(run=_bench_kernels)

    plans = _command(
        what.add_parser,
        "plans",
        help="what plans of known networks reach, beside what they should",
        description="Plan known networks for one chip, and compare the predictions with what is aimed at.",
        epilog="example:\n  spinntensor bench plans --markdown plans.md",
    )
    plans.add_argument("--only", metavar="PATTERN", help="cases whose name holds this text")
    plans.add_argument("--json", metavar="FILE", help="also write every figure to FILE")
    plans.add_argument("--markdown", metavar="FILE", help="also write the table to FILE, in its place there")
    plans.set_defaults(run=_bench_plans)

    for command in (run, train, plan, report, compare, doctor, bench, kernels, plans):
        _add_verbose(command, "verbose_command")
    return parser


def _command(
    make: Callable[..., argparse.ArgumentParser], *args: object, **options: object
) -> argparse.ArgumentParser:
    """A parser that keeps the line breaks of its examples and takes no abbreviated options."""
    return make(*args, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)


def _add_verbose(parser: argparse.ArgumentParser, dest: str) -> None:
    """Add the ladder; commands count apart, because a subparser overwrites what was counted before it."""
    parser.add_argument(
        "-v",
        dest=dest,
        action="count",
        default=0,
        help="say what is being done; -vv: details and tracebacks too",
    )
