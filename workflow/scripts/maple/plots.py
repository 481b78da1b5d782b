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
# Shapes for values in an order, such as ranks: no two alike.
SHAPES = ["o", "s", "^", "v", "P", "<", ">", "X"]
# Colour and marker of each precision.
BITS = {4: (COLOURS[2], "^"), 8: (COLOURS[4], "s"), 16: (COLOURS[1], "o")}
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
            # A dollar sign in a name is no formula.
            "text.parse_math": False,
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


def title(figure, words: str) -> None:
    """Write the title of a figure at its left, wrapped to its width."""
    lines = textwrap.wrap(words, int(figure.get_figwidth() * 13))
    figure.suptitle("\n".join(lines), fontsize=9, x=0.005, ha="left")


def small_print(figure, notes: list[str], handles: tuple | list = (), gap: float = 0.06) -> None:
    """Write a legend, if there are handles, and notes below a figure; :func:`save` makes room for them.

    A legend of matplotlib's own below the figure would move into the notes when the page grows.

    Args:
        figure: The figure, drawn.
        notes: One paragraph each, wrapped to the width of the figure.
        handles: Legend entries.
        gap: Inches between the figure and the legend or, without one, the first note.
    """
    width, height = figure.get_size_inches()
    below = -gap
    if handles:
        figure.draw_without_rendering()
        columns = _legend_columns([handle.get_label() for handle in handles], width)
        if len(handles) % columns:
            # Matplotlib fills columns; uneven ones are read line by line.
            handles = [handle for column in range(columns) for handle in handles[column::columns]]
        legend = figure.legend(
            handles=list(handles),
            loc="upper left",
            bbox_to_anchor=(0.0, -0.02 / height),
            ncols=columns,
            fontsize=7,
            handletextpad=0.4,
            handlelength=1.6,
            columnspacing=1.3,
            borderpad=0.2,
        )
        below -= legend.get_window_extent().height / figure.dpi + 0.05
    text = figure.text(0.005, below / height, "", fontsize=6.5, color="0.25", va="top", linespacing=1.25)
    for characters in range(int(width * 24), 0, -2):
        text.set_text("\n".join(line for note in notes for line in textwrap.wrap(note, characters)))
        if text.get_window_extent().width <= 0.99 * width * figure.dpi:
            break


def _legend_columns(labels: list[str], width: float) -> int:
    """Return how many columns of a legend fit into a width in inches."""
    widest = 0.45 + 0.062 * max(map(len, labels))
    return max(1, min(len(labels), int(width / widest)))


def few_seeds(seeds: list[int]) -> list[str]:
    """Return what too few seeds leave open, given those of each setting; nothing if there are enough."""
    fewest = min(seeds, default=3)
    if fewest >= 3:
        return []
    words = f"{fewest} seed{'s' * (fewest > 1)} {'a setting' if len(set(seeds)) == 1 else 'in some settings'}"
    return [f"{words}: this tells of these adapters; on rank or bits 3 seeds are needed."]


def points(value: float) -> str:
    """Return a change, given as a share, in points with its sign."""
    text = f"{value * 100:+.1f}"
    return "0.0" if text in {"+0.0", "-0.0"} else text.replace("-", "\N{MINUS SIGN}")


def ramp(count: int) -> list:
    """Return colours from light to dark for values in an order, such as ranks; they keep their order in grey."""
    import matplotlib

    colours = matplotlib.colormaps["cividis"]
    return [colours(0.82 * (1 - number / max(count - 1, 1))) for number in range(count)]
