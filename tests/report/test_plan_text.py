"""The text of a plan says what the plan holds, and fits its width."""

import io
from dataclasses import replace

import pytest
from plan.made import made
from rich.console import Console

from spinntensor.errors import UnknownNameError
from spinntensor.report.plan_text import count, milliseconds, table, text, totals, why

PLAN = made(seed=4, blocks=2, workers=3)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_all_layers_and_totals_at_any_width(width):
    lines = text(PLAN, width=width).splitlines()
    assert max(map(len, lines)) <= width
    joined = "".join("".join(line.split()) for line in lines)
    for words in (f"{PLAN.totals.images_per_s:,.4g}", "SDRAM400MB/s", "overall17"):
        assert words in joined


def test_a_line_for_each_layer_with_its_figures():
    lines = text(PLAN).splitlines()
    for layer in PLAN.layers:
        (line,) = [one for one in lines if one.split(" ", 1)[0] == layer.name]
        cells = line.split()
        assert "x".join(map(str, layer.shape)) in cells
        assert f"{layer.cut.tiles:,}" in cells and layer.bound_by in cells
        assert (count(layer.macs) in cells) == bool(layer.macs)


def test_a_narrow_terminal_loses_no_character():
    long = replace(PLAN.layers[0], name="stage1_unit1_bottleneck_convolution_with_a_long_name")
    plan = replace(PLAN, layers=(long, *PLAN.layers[1:]))
    out = Console(file=io.StringIO(), width=90)
    out.print(table(plan))
    column = "".join(line[:20].split(" ")[0] for line in out.file.getvalue().splitlines()[2:12])
    assert "…" not in out.file.getvalue()
    assert long.name in column


def test_colours_only_on_a_terminal():
    assert "\x1b" not in text(PLAN)
    out = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="truecolor")
    out.print(totals(PLAN))
    assert "\x1b[1m" in out.file.getvalue()


def test_why():
    layer = max(PLAN.layers, key=lambda one: one.macs)
    words = why(PLAN, layer.name)
    assert layer.runner_up in words and layer.recipe.kernel in words
    assert f"{layer.idle:.1%}" in words and f"{layer.recipe.dtcm_bytes:,} of 62,144 bytes" in words
    for region in layer.recipe.regions:
        assert f"{region.name} " in words and f"{region.nbytes:,} bytes" in words
    assert max(map(len, words.splitlines())) <= 120
    with pytest.raises(UnknownNameError):
        why(PLAN, "nothing")


def test_the_bar_of_the_dtcm_has_the_size_of_the_regions():
    for layer in PLAN.layers:
        (bar,) = [line for line in why(PLAN, layer.name).splitlines() if line.startswith("    [")]
        assert len(bar) == 66
        used = 60 - bar.count("·")
        assert used == round(60 * layer.recipe.dtcm_bytes / 62144)


def test_numbers():
    assert [count(n) for n in (0, 999, 1000, 12_345, 4_100_000_000)] == ["0", "999", "1.0K", "12.3K", "4.1G"]
    assert [milliseconds(ms) for ms in (0, 0.01234, 2.6, 28, 411.2, 999.9, 8171.2)] == [
        "0", "0.0123", "2.60", "28.0", "411", "1,000", "8,171",
    ]  # fmt: skip
