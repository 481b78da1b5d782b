"""Figures: one style for all, readable in grey and by colour-blind readers, and how they are written.

Each figure's own drawing lies in a ``figure_<name>`` module, so that a change to one redraws only that one.
"""

import io
import textwrap
from pathlib import Path

from maple.files import replaced

# Okabe & Ito's colours, in an order that also steps in lightness; markers carry the same distinction.
COLOURS = ["#000000", "#0072B2", "#E69F00", "#666666", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#F0E442"]
MARKERS = ["o", "s", "^", "o", "s", "^", "D", "v", "P"]
# Widths of a column and of a page of two columns, in inches.
COLUMN, PAGE = 3.3, 6.9
# What guides the eye but is no datum: zero, chance, separators.
GUIDE = "0.35"
METRICS = {"accuracy": "Accuracy", "f1": "F1"}
CLASSES = {
    0: "class 0 (least data)",
    1: "class 1",
    2: "class 2",
    3: "class 3",
    4: "class 4",
    5: "class 5 (most data)",
}
SAMPLE = "Sample data, machine-written: these scores show that the line works and measure nothing else."


def style():
    """Return matplotlib with the project's settings, drawing to files only."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update(
        {
            "font.size": 8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 9,
            "axes.titlelocation": "left",
            "legend.frameon": False,
            "pdf.fonttype": 42,
            "svg.hashsalt": "maple",
            "figure.dpi": 100,
            "savefig.dpi": 200,
            "savefig.pad_inches": 0.03,
        }
    )
    return plt


def save(figure, *paths) -> None:
    """Write a figure to each path, in the format of its suffix, with no date in it."""
    for path in map(Path, paths):
        kind = path.suffix[1:]
        metadata = {"pdf": {"CreationDate": None, "Producer": None}, "png": {"Software": None}}.get(kind)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, bbox_inches="tight", metadata=metadata)
        with replaced(path, "wb") as stream:
            stream.write(buffer.getvalue())


def small_print(figure, notes: list[str], gap: float = 0.06) -> None:
    """Write notes below a figure, wrapped to its width; :func:`save` widens the page downwards for them.

    Args:
        figure: The figure.
        notes: One paragraph each.
        gap: Inches between the figure and the first line.
    """
    width = int(figure.get_figwidth() * 18)
    lines = [line for note in notes for line in textwrap.wrap(note, width)]
    below = -gap / figure.get_figheight()
    figure.text(0.005, below, "\n".join(lines), fontsize=6.5, color="0.25", va="top", ha="left", linespacing=1.25)


def ramp(count: int) -> list:
    """Return colours from light to dark for values in an order, such as ranks; they keep their order in grey."""
    import matplotlib

    colours = matplotlib.colormaps["cividis"]
    return [colours(0.82 * (1 - number / max(count - 1, 1))) for number in range(count)]
