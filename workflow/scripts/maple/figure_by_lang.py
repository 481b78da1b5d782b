"""A benchmark's scores by language: every system or, where they are many, every base and its adapters together."""

from maple import plots
from maple.plots import BITS, CLASSES, COLOURS, GUIDE, MARKERS, METRICS, PAGE, small_print, style

# More systems than colours cannot be told apart side by side.
MOST = len(COLOURS)


def draw(table, title: str, notes: list[str], models: dict[str, str]):
    """Return the figure of scores by language: systems, intervals, the chance line.

    Args:
        table: The long table of one benchmark.
        title: Title.
        notes: Caveats, written below.
        models: Name of each model in words.

    Returns:
        The figure. Languages run from the highest resource class down, within a class from the highest
        score of the untuned bases.
    """
    plt = style()
    facts = table.drop_duplicates("language").set_index("language")
    order = _language_order(table, facts)
    systems = list(dict.fromkeys(zip(table["system"], table["label"], strict=True)))
    counts = facts.loc[order, "items"]
    same = counts.nunique() == 1
    names = [facts.loc[code, "language_name"] + ("" if same else f" (n = {counts[code]:,})") for code in order]
    items = f"n = {counts.iloc[0]:,} items per language" if same else "n per language in brackets"
    bars = "95 % interval"
    if len(systems) <= MOST:
        height = max(0.3, 0.075 * len(systems))
        figure, panels = plt.subplots(figsize=(PAGE, 0.9 + len(order) * height), squeeze=False, layout="constrained")
        _draw_systems(panels[0, 0], table, order, systems)
    else:
        bits, columns = table["bits"].nunique(), table["model"].nunique()
        figure, panels = plt.subplots(
            1,
            columns,
            # A hundred languages need a long page even at the closer spacing.
            figsize=(PAGE, 1.0 + len(order) * (0.05 + (0.11 if len(order) <= 40 else 0.08) * bits)),
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        for panel, (model, part) in zip(panels.flat, table.groupby("model", sort=False), strict=True):
            panel.set_title(models[model], pad=12)
            _draw_bases(panel, part, order)
        adapters = table.loc[table["rank"].notna(), "system"].nunique()
        bars = "95 % interval of the untuned bases"
        words = f"Finetuned: mean of the adapters of a precision ({adapters} in all); its band runs from the lowest of "
        notes = [f"{words}them to the highest and is no interval.", *notes]
    low, high = _reach(table)
    for panel in panels.flat:
        if table["chance"].notna().any():
            _draw_chance(panel, table["chance"].iloc[0] * 100)
        panel.tick_params(axis="y", length=0)
        panel.set_xlim(low, high)
    _draw_classes(panels, [_class(facts, code) for code in order])
    panels[0, 0].set_yticks(range(len(order)), names)
    panels[0, 0].set_ylim(len(order) - 0.5, -0.5)
    figure.supxlabel(f"{METRICS[table['metric'].iloc[0]]} (%), {bars}, {items}", fontsize=8)
    plots.title(figure, title)
    small_print(figure, notes, panels[0, 0].get_legend_handles_labels()[0])
    return figure


def _reach(table) -> tuple[float, float]:
    """Return where the axis begins and ends, in per cent: around all intervals and chance, so that differences show."""
    ends = [table["low"].min(), table["high"].max(), *table["chance"].dropna().unique()]
    low, high = min(ends) * 100, max(ends) * 100
    room = max(2.0, 0.04 * (high - low))
    return max(0.0, low - room), min(100.0, high + room)


def _language_order(table, facts) -> list[str]:
    """Return languages by falling resource class, then by falling mean score of the untuned bases."""
    untuned = table[table["rank"].isna()].groupby("language")["score"].mean()
    return sorted(facts.index, key=lambda code: (-_class(facts, code), -untuned[code], code))


def _draw_systems(axes, table, order: list[str], systems: list[tuple[str, str]]) -> None:
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
            label=label,
        )


def _draw_bases(axes, table, order: list[str]) -> None:
    """Draw each precision of a model: its base with its interval, the range of its adapters and their mean."""
    groups = list(table.groupby("bits"))
    for number, (bits, part) in enumerate(groups):
        colour, marker = BITS[bits]
        # The base above its adapters, so that neither hides the other.
        step = 0.8 / len(groups)
        places = [row + (number - len(groups) / 2 + 0.27) * step for row in range(len(order))]
        base = part[part["rank"].isna()].set_index("language").loc[order]
        bars = [(base["score"] - base["low"]) * 100, (base["high"] - base["score"]) * 100]
        look = {"color": colour, "fmt": marker, "markersize": 3.4, "elinewidth": 0.8}
        axes.errorbar(
            base["score"] * 100, places, xerr=bars, markerfacecolor="white", label=f"{bits}-bit, untuned", **look
        )
        tuned = part[part["rank"].notna()].groupby("language")["score"].agg(["min", "mean", "max"])
        if len(tuned):
            tuned = tuned.loc[order] * 100
            places = [place + 0.46 * step for place in places]
            axes.hlines(places, tuned["min"], tuned["max"], color=colour, linewidth=2.4, alpha=0.35, zorder=1)
            axes.errorbar(tuned["mean"], places, label=f"{bits}-bit, finetuned", **look)


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


def _draw_classes(panels, classes: list[int]) -> None:
    """Separate the languages, more strongly between resource classes, and name each class at the right."""
    for row, own in enumerate(classes):
        begins = row == 0 or own != classes[row - 1]
        for panel in panels.flat if row else ():
            panel.axhline(row - 0.5, color="0.6" if begins else "0.92", linewidth=0.9 if begins else 0.6, zorder=0)
        if begins:
            panels.flat[-1].annotate(
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


def _class(facts, code: str) -> int:
    value = facts.loc[code, "joshi_class"]
    return -1 if value != value else int(value)
