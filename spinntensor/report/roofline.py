"""Draws the kernels under their roofs: MAC per cycle against MAC per byte of operands."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from spinntensor.errors import MissingDependencyError
from spinntensor.report.line import Line

SUFFIXES = (".svg", ".png", ".pdf")
CLOCK_HZ = 200e6
ROOFS = (
    (1.0, "issue: one MAC per cycle"),
    (0.75, "3x3 block: 18 MAC and 6 loads"),
)
TOP = 2.25
"""Logical MACs for each one that F(2x2,3x3) executes."""
BANDWIDTHS = (
    (600e6 / 16, "a sixteenth of 600 MB/s of SDRAM"),
    (267e6, "DMA of one core alone, 267 MB/s"),
)
"""Assumed and stated figures; neither is measured on silicon."""


def pyplot() -> Any:
    """Matplotlib's plotting module, drawing to files only; MissingDependencyError when it is not installed."""
    try:
        import matplotlib
    except ImportError as error:
        raise MissingDependencyError("matplotlib", "plot") from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def draw(lines: Iterable[Line], path: Path) -> None:
    """Write the plot of the lines that multiply and accumulate to `path` (.svg, .png or .pdf)."""
    plt = pyplot()
    plt.rcParams["svg.hashsalt"] = "spinntensor"  # equal figures give equal files
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    reach = np.geomspace(0.1, 100, 200)
    for height, label in ROOFS:
        axes.axhline(height, color="0.4", linewidth=1)
        axes.annotate(label, (0.11, height), va="bottom", fontsize=8, color="0.3")
    for rate, label in BANDWIDTHS:
        axes.plot(reach, np.minimum(reach * rate / CLOCK_HZ, TOP), "--", linewidth=1, label=label)
    best: dict[str, Line] = {}
    for line in (one for one in lines if one.macs):
        known = best.setdefault(line.kernel, line)
        if line.macs * known.cycles > known.macs * line.cycles:
            best[line.kernel] = line
    for i, (name, line) in enumerate(sorted(best.items())):
        x, y = line.macs / line.nbytes, line.macs / line.cycles
        axes.plot(
            x, y, "os^Dv"[i // 10 % 5], color=f"C{i % 10}", markersize=5, label=f"{name} ({line.shape})"
        )
    axes.set(
        xscale="log",
        xlabel="logical MAC per byte of operands",
        ylabel="logical MAC per model cycle",
        title="Kernels under their roofs, one emulated core",
    )
    axes.set_ylim(0)
    axes.set_xlim(0.1, 100)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, metadata=metadata)
    plt.close(figure)
