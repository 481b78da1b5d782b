"""What the figures over a whole study share: caveats, lists in words, a page that says why it is empty."""

import textwrap

from maple import plots


def caveats(spec: dict) -> list[str]:
    """Return what must stand below every figure of a study: sample data, and notes on its models."""
    sample = [plots.SAMPLE] if "sample" in spec["sources"].values() else []
    return sample + [note for note in spec["notes"].values() if note]


def words_only(title: str, words: str, notes: list[str]):
    """Return a page that says in words why there is nothing to draw."""
    plt = plots.style()
    figure = plt.figure(figsize=(plots.PAGE, 0.9))
    figure.suptitle(title, fontsize=9, x=0.005, ha="left")
    figure.text(0.005, 0.35, "\n".join(textwrap.wrap(words, 110)), fontsize=8, va="center")
    plots.small_print(figure, notes)
    return figure


def listed(words: list[str]) -> str:
    """Return words as a list in a sentence."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def write_below(figure, columns: list[list], notes: list[str]) -> None:
    """Put a legend below a figure, and the small print below that.

    Both hang from the lower edge: a legend that constrained layout places is moved by the tight bounding box.

    Args:
        figure: The figure.
        columns: Entries of the legend, column by column.
        notes: One paragraph each.
    """
    from matplotlib.lines import Line2D

    columns = [column for column in columns if column]
    rows = max(map(len, columns))
    blank = Line2D([], [], linestyle="none", label=" ")
    figure.legend(
        handles=[entry for column in columns for entry in column + [blank] * (rows - len(column))],
        loc="upper left",
        bbox_to_anchor=(0, -0.02 / figure.get_figheight()),
        ncols=len(columns),
        fontsize=7,
        handletextpad=0.5,
        borderaxespad=0,
    )
    plots.small_print(figure, notes, gap=0.16 * rows + 0.16)
