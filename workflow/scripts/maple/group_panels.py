"""Panels of scores: a row per model, data set and method, a column per group of languages; shared by two figures."""

from maple import plots
from maple.group_scores import Group

_WIDTHS = {1: plots.COLUMN, 2: 4.9, 3: plots.PAGE}


def grid(rows: list[str], groups: list[Group], metric: str, title: str):
    """Return a figure and its axes, rows x columns, with names at the left and on top.

    Args:
        rows: Name of each row.
        groups: The columns.
        metric: Name of the benchmark's metric.
        title: Title of the figure.
    """
    plt = plots.style()
    figure, axes = plt.subplots(
        len(rows),
        len(groups),
        figsize=(_WIDTHS[len(groups)], 0.95 + 1.5 * len(rows)),
        sharex=True,
        sharey="col",
        squeeze=False,
        layout="constrained",
    )
    plots.title(figure, title)
    for place, row in enumerate(rows):
        axes[place, 0].set_ylabel(f"{row}\n{plots.METRICS[metric]} (%)")
    for column, group in enumerate(groups):
        axes[0, column].set_title(group.words, fontsize=8)
    return figure, axes


def chance_line(axes, chance: float) -> None:
    """Draw the score of guessing in panels that share their scale, if it is not too far below the scores to show.

    Args:
        axes: The panels, drawn.
        chance: In per cent; nothing is drawn if it is not a number.
    """
    if chance != chance:
        return
    low, high = axes[0].get_ylim()
    if chance > low - 0.5 * (high - low):
        for panel in axes:
            label = f"chance ({chance:.0f} %)"
            panel.axhline(chance, color=plots.GUIDE, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0, label=label)
        return
    # Room for the words below the lowest interval.
    low -= 0.1 * (high - low)
    axes[0].set_ylim(low, high)
    axes[0].annotate(
        f"chance {chance:.0f} % lies below", (0.99, low), xycoords=("axes fraction", "data"), xytext=(0, 2.5),
        textcoords="offset points", fontsize=6, color=plots.GUIDE, ha="right",
    )  # fmt: skip


def marks(panel, x, part, *, colour, marker: str, filled, label: str | None = None, line: str = "-") -> None:
    """Draw scores with their intervals, joined by a line; each marker is filled or hollow.

    Args:
        panel: The axes.
        x: Where each row of ``part`` stands.
        part: Rows with ``score``, ``low`` and ``high`` as shares.
        colour: Of everything.
        marker: Shape.
        filled: Whether each marker is filled.
        label: For the legend.
        line: Style of the line, empty for none.
    """
    score, low, high = (part[name].to_numpy() * 100 for name in ("score", "low", "high"))
    panel.plot(x, score, color=colour, linewidth=0.8, linestyle=line or "none", zorder=2)
    panel.errorbar(x, score, yerr=[score - low, high - score], fmt="none", ecolor=colour, elinewidth=0.8, zorder=2)
    faces = [colour if full else "white" for full in filled]
    panel.scatter(x, score, s=14, marker=marker, c=faces, edgecolors=colour, linewidths=0.9, zorder=3)
    panel.scatter([], [], s=14, marker=marker, c=[colour], edgecolors=colour, linewidths=0.9, label=label)


def handles(axes) -> list:
    """Return one legend entry for each label of the panels."""
    found = {}
    for panel in axes.flat:
        found |= dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True))
    return list(found.values())


def intervals(table, groups: list[Group], counts: list[int]) -> list[str]:
    """Return what the small print says of points, bars and items.

    Args:
        table: Rows of :func:`maple.group_scores.frame`.
        groups: The columns.
        counts: Items of each language that is drawn.
    """
    few, many = min(counts), max(counts)
    items = f"n = {few:,} items a language" if few == many else f"n = {few:,} to {many:,} items a language"
    sources = "items (bootstrap, the translations of an item drawn together)"
    seeds = sorted(set(table.loc[table["seeds"] > 0, "seeds"]))
    several = [f"{number}" for number in seeds if number > 1]
    if several:
        sources += f" and over {' or '.join(several)} seeds (t); small dots are single seeds"
    words = f"Bars: 95 % interval of the mean over {sources}; {items}."
    if any(len(group.places) == 1 for group in groups):
        words += f" Single languages{' of systems without several seeds' if several else ''}: Wilson's interval."
    return [words, *plots.few_seeds(seeds)]
