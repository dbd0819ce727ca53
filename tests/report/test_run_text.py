"""The text of a run says what its record holds, and fits its width."""

import pytest
from report.made_run import made_json

from spinntensor.report.run_figures import executing, rows, run
from spinntensor.report.run_text import text

RUN = run(made_json()["runs"][0])
SHORT = run(made_json(batches=1)["runs"][0])


def test_a_line_for_each_layer_with_its_figures():
    lines = text([RUN]).splitlines()
    for row in rows(RUN):
        layer = row.layer
        (line,) = [one for one in lines if one.split(" ", 1)[0] == layer.name]
        numbers = (layer.predicted_cycles, layer.cycles, layer.dma, layer.doorbells)
        assert {f"{value:,.0f}" for value in numbers} <= set(line.split())
        assert f"{row.ratio:.3f}" in line and f"{layer.multiplies:,}" in line
        assert line.split()[-1] == (row.off or f"{layer.multiplies:,}")


def test_totals():
    words = " ".join(text([RUN]).split())
    busiest = max(RUN.cores, key=executing)
    for one in (
        f"{RUN.images_per_s:,.4g}, 6 images",
        f"{RUN.mac_per_worker_cycle:.3f}, over all 17 application cores; 4 work",
        "0.0123 J/image",
        f"{RUN.instructions:,}",
        f"busiest core {busiest.core}: executes {executing(busiest):.1%} of the time",
        "waited for its interrupt 93 cycles at most, on core 4",
        f"({RUN.model_cycles / RUN.predicted_cycles:.3f} of it)",
        "2 of 13 off by more than 10%, among those with more than 1% of the time: block0_expand (slower), ",
    ):
        assert one in words


@pytest.mark.parametrize("width", [80, 100, 160])
def test_it_fits_its_width(width):
    assert max(map(len, text([RUN], width=width).splitlines())) <= width


def test_several_runs():
    words = text([SHORT, RUN], width=140)
    assert "3 batches of 2" in words.splitlines()[0]
    assert "Run 2 of 2; the others:\nmade, int8, throughput, 1 batch of 2, on chip: " in words


def test_a_run_of_which_little_is_known():
    data = made_json(counted=False)["runs"][0] | {"cores": [], "taken": [], "predicted_cycles": 0}
    words = text([run(data)])
    assert "0 predicted\n" in words and "busiest" not in words
