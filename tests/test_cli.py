"""The command line: what it accepts, its exit codes, its verbosity ladder, and the errors it reports."""

from __future__ import annotations

import importlib
import inspect
import logging
import subprocess
import sys
import types
import warnings

import pytest

import spinntensor
from spinntensor import cli
from spinntensor.errors import MissingImageError, NumericWarning, ShapeError, UnknownKernelError


@pytest.fixture
def bench(monkeypatch):
    """A stand-in for the benchmark that records its arguments and does what the test asks."""
    calls = []

    def main_kernels(**options):
        calls.append(options)
        return module.outcome() if callable(module.outcome) else module.outcome

    module = types.ModuleType("spinntensor.report.bench")
    module.main_kernels = main_kernels
    module.outcome = 0
    module.calls = calls
    report = types.ModuleType("spinntensor.report")
    report.bench = module
    monkeypatch.setitem(sys.modules, "spinntensor.report", report)
    monkeypatch.setitem(sys.modules, "spinntensor.report.bench", module)
    return module


@pytest.fixture(autouse=True)
def _quiet_again():
    yield
    logging.getLogger("spinntensor").setLevel(logging.NOTSET)


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"spinntensor {spinntensor.__version__}\n"


COMMANDS = [[], ["run"], ["train"], ["compare"], ["doctor"], ["report"], ["bench"], ["bench", "kernels"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_an_example(command, capsys):
    assert cli.main([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "example" in text
    assert f"\n  spinntensor {' '.join(command)}".rstrip() in text


@pytest.mark.parametrize(
    "wrong",
    [
        *([], ["bench"], ["dance"], ["doctor", "--jsno"], ["doctor", "--js"], ["bench", "kernels", "--only"]),
        *(
            ["run"],
            ["run", "mlp"],
            ["run", "mlp", "digits", "--form", "int8"],
            ["train", "mlp"],
            ["compare", "mlp"],
        ),
    ],
    ids=" ".join,
)
def test_bad_usage_is_2_and_says_why(wrong, capsys):
    assert cli.main(wrong) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: spinntensor" in captured.err and "error:" in captured.err


def test_bench_kernels_passes_its_options_on(bench):
    files = ["--json", "a.json", "--plot", "a.svg", "--markdown", "a.md"]
    assert cli.main(["bench", "kernels", "--only", "gemm_*", *files]) == 0
    assert cli.main(["bench", "kernels"]) == 0
    assert bench.calls == [
        {"only": "gemm_*", "json": "a.json", "plot": "a.svg", "markdown": "a.md"},
        {"only": None, "json": None, "plot": None, "markdown": None},
    ]


def test_a_failed_benchmark_is_1(bench):
    bench.outcome = 1
    assert cli.main(["bench", "kernels"]) == 1


@pytest.mark.parametrize(
    ("error", "code"), [(MissingImageError("kernels.bin"), 1), (UnknownKernelError("gem", ["gemm"]), 2)]
)
def test_an_error_is_one_message(bench, capsys, error, code):
    def fail():
        raise error

    bench.outcome = fail
    assert cli.main(["bench", "kernels"]) == code
    assert capsys.readouterr().err == f"spinntensor: error: {error}\n"


def test_an_interruption_is_one_message(bench, capsys):
    def stop():
        raise KeyboardInterrupt

    bench.outcome = stop
    assert cli.main(["bench", "kernels"]) == 1
    assert capsys.readouterr().err == "spinntensor: interrupted\n"


def test_a_warning_is_one_line(bench, capsys):
    def warn():
        warnings.warn(
            NumericWarning("saturated", 3, "quantize", "user.py:7", "elements were clamped"), stacklevel=1
        )
        return 0

    bench.outcome = warn
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert cli.main(["bench", "kernels"]) == 0
    assert capsys.readouterr().err == "spinntensor: warning: quantize: 3 elements were clamped\n"


def test_an_error_does_not_name_a_line_of_the_command_line(bench, capsys):
    def fail():
        raise ShapeError("add", "[2]", "[3]", "reshape it", "spinntensor:8")

    bench.outcome = fail
    assert cli.main(["bench", "kernels"]) == 1
    assert capsys.readouterr().err == "spinntensor: error: add: received [2], expected [3]; reshape it\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["run", "resnet8", "a.jpg", "b.npy", "--format", "int8", "--top", "3", "--machine", "host"],
            {
                "inputs": ["a.jpg", "b.npy"],
                "format": "int8",
                "top": 3,
                "machine": "host",
                "json": None,
                "seed": 0,
            },
        ),
        (
            ["compare", "resnet8", "a.jpg", "--formats", "int8", "--weights", "w.npz", "--seed", "2"],
            {"inputs": ["a.jpg"], "formats": ("int8",), "weights": "w.npz", "seed": 2, "calibration": None},
        ),
        (
            ["train", "resnet8", "--data", "digits", "--lr", ".1", "--save", "m.safetensors", "-v"],
            {"data": "digits", "lr": 0.1, "save": "m.safetensors", "epochs": 10, "optimizer": "sgd"},
        ),
    ],
    ids=["run", "compare", "train"],
)
def test_networks_pass_their_options_on(monkeypatch, words, expected):
    """Every option is one of the function's own; they come with the values of the command line."""
    module = importlib.import_module(f"spinntensor.commands.{words[0]}")
    wanted, calls = inspect.signature(module.main), []

    def main(*args, **options):
        calls.append(wanted.bind(*args, **options).arguments)
        return 0

    monkeypatch.setattr(module, "main", main)
    assert cli.main(words) == 0
    assert calls[0]["model"] == "resnet8" and {key: calls[0][key] for key in expected} == expected
    assert words[0] != "train" or calls[0]["words"] == words


def test_parsing_is_cheap():
    code = "import sys, spinntensor.cli; sys.exit(bool({'numpy', 'numba', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_bug_is_not_hidden(bench):
    def fail():
        raise ZeroDivisionError

    bench.outcome = fail
    with pytest.raises(ZeroDivisionError):
        cli.main(["bench", "kernels"])


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        (["bench", "kernels"], logging.WARNING),
        (["-v", "bench", "kernels"], logging.INFO),
        (["bench", "kernels", "-v"], logging.INFO),
        (["-v", "bench", "kernels", "-v"], logging.DEBUG),
        (["bench", "kernels", "-vvv"], logging.DEBUG),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_verbosity_counts_before_and_after_the_command(bench, flags, level):
    cli.main(flags)
    assert logging.getLogger("spinntensor").level == level


def test_module_and_reader_that_leaves():
    """``python -m spinntensor`` is the same program, and a closed pipe is no error."""
    command = f"{sys.executable} -m spinntensor --help | true; exit ${{PIPESTATUS[0]}}"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
