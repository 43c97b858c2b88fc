"""The drawing of the document: what a turn costs, and how long its phases take."""

# pyright: basic
# matplotlib's own types are not complete.

from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.figures import Figures, phases_in

_FLOOR: Final = "#9aa5b1"
_PRODUCT: Final = "#1f6feb"
_WIDTH: Final = 0.36
_MODES: Final = (("coalesced", "coalesced"), ("per_token", "one message a token"))


def draw(figures: Figures, file: Path) -> None:
    """Write the drawing; the same figures give the same bytes."""
    mpl.rcParams["svg.hashsalt"] = "somagent"
    picture = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = picture.subplots(1, 2)
    _costs(left, figures)
    _phases(right, figures)
    picture.savefig(file, metadata={"Date": None})


def _costs(axes: Axes, figures: Figures) -> None:
    for offset, side, colour in ((-0.5, "floor", _FLOOR), (0.5, "product", _PRODUCT)):
        values = [figures[f"{side}_cpu_ms_per_turn_{mode}_64"] for mode, _ in _MODES]
        places = [place + offset * _WIDTH for place in range(len(_MODES))]
        bars = axes.bar(places, values, _WIDTH, color=colour, label=side)
        axes.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
    names = [f"{name}\n{figures[f'ratio_{mode}']:.2f} times the floor" for mode, name in _MODES]
    axes.set_xticks(range(len(_MODES)), names)
    axes.set_ylabel("ms of CPU a turn, 64 in flight")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def _phases(axes: Axes, figures: Figures) -> None:
    phases = phases_in(figures)
    names = list(phases)[::-1]
    axes.barh(names, [phases[name][1] for name in names], color=_FLOOR, label="p95")
    axes.barh(names, [phases[name][2] for name in names], color=_PRODUCT, label="mean")
    axes.set_xlabel("ms, 1 in flight")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
