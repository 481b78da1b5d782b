"""A benchmark's scores by language: every system, with intervals and the chance line."""

from maple.plots import CLASSES, COLOURS, GUIDE, MARKERS, METRICS, style


def draw(table, title: str, notes: list[str]):
    """Return the figure of scores by language: every system, intervals, the chance line.

    Args:
        table: The long table of one benchmark.
        title: Title.
        notes: Caveats, written below.

    Returns:
        The figure. Languages run from the highest resource class down, within a class from the highest
        score of the untuned bases.
    """
    plt = style()
    facts = table.drop_duplicates("language").set_index("language")
    order = _language_order(table, facts)
    systems = list(dict.fromkeys(zip(table["system"], table["label"], strict=True)))
    shared = f"{table['label'].iloc[0].split(', ')[0]}, " if table["model"].nunique() == 1 else ""

    figure, axes = plt.subplots(figsize=(6.4, 1.3 + len(order) * max(0.3, 0.075 * len(systems))))
    _draw_systems(axes, table, order, systems, shared)
    if table["chance"].notna().any():
        _draw_chance(axes, table["chance"].iloc[0] * 100)
    _draw_classes(axes, [_class(facts, code) for code in order])
    counts = facts.loc[order, "items"]
    same = counts.nunique() == 1
    names = [facts.loc[code, "language_name"] + ("" if same else f" (n = {counts[code]})") for code in order]
    axes.set_yticks(range(len(order)), names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    items = f"n = {counts.iloc[0]} items per language" if same else "n per language in brackets"
    axes.set_xlabel(f"{METRICS[table['metric'].iloc[0]]} (%), 95 % interval, {items}")
    axes.set_title(title, pad=14)
    _write_below(figure, axes, len(systems), shared.rstrip(", "), notes)
    return figure


def _language_order(table, facts) -> list[str]:
    """Return languages by falling resource class, then by falling mean score of the untuned bases."""
    untuned = table[table["rank"].isna()].groupby("language")["score"].mean()
    return sorted(facts.index, key=lambda code: (-_class(facts, code), -untuned[code], code))


def _draw_systems(axes, table, order: list[str], systems: list[tuple[str, str]], shared: str) -> None:
    """Draw one marker with its interval per system and language, systems side by side within a language."""
    step = 0.76 / max(1, len(systems))
    for number, (path, label) in enumerate(systems):
        rows = table[table["system"] == path].set_index("language").loc[order]
        places = [row + (number - (len(systems) - 1) / 2) * step for row in range(len(order))]
        is_base = bool(rows["rank"].isna().all())
        colour = COLOURS[number % len(COLOURS)]
        axes.errorbar(
            rows["score"] * 100,
            places,
            xerr=[(rows["score"] - rows["low"]) * 100, (rows["high"] - rows["score"]) * 100],
            fmt=MARKERS[number % len(MARKERS)],
            color=colour,
            markerfacecolor="white" if is_base else colour,
            markersize=3.6,
            elinewidth=0.8,
            label=label.removeprefix(shared),
        )


def _draw_chance(axes, chance: float) -> None:
    """Draw the score of guessing, in per cent."""
    axes.axvline(chance, color=GUIDE, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    axes.annotate(
        f"chance {chance:.0f} %",
        (chance, 1),
        xycoords=("data", "axes fraction"),
        xytext=(2, 2),
        textcoords="offset points",
        fontsize=7,
        color=GUIDE,
    )


def _draw_classes(axes, classes: list[int]) -> None:
    """Separate the languages, more strongly between resource classes, and name each class at the right."""
    for row, own in enumerate(classes):
        begins = row == 0 or own != classes[row - 1]
        if row:
            axes.axhline(row - 0.5, color="0.6" if begins else "0.92", linewidth=0.9 if begins else 0.6, zorder=0)
        if begins:
            axes.annotate(
                CLASSES.get(own, "not classified"),
                (1, row - 0.45),
                xycoords=("axes fraction", "data"),
                fontsize=6.5,
                color=GUIDE,
                ha="left",
                va="top",
                xytext=(4, 0),
                textcoords="offset points",
            )


def _write_below(figure, axes, systems: int, heading: str, notes: list[str]) -> None:
    """Put the legend and the caveats below the axes."""
    below = -0.42 / figure.get_figheight()
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.42, below - 0.03),
        ncol=2 if systems < 7 else 3,
        title=heading or None,
        fontsize=7.5,
        handletextpad=0.4,
    )
    bottom = below - 0.05 - 0.2 * (systems // 2 + 2) / figure.get_figheight()
    axes.text(0, bottom, "\n".join(notes), transform=axes.transAxes, fontsize=6.5, color="0.25", va="top", wrap=False)


def _class(facts, code: str) -> int:
    value = facts.loc[code, "joshi_class"]
    return -1 if value != value else int(value)
