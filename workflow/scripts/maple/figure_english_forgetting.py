"""What finetuning does to English: the change of each adapter against its base, on every benchmark with English."""

from maple import plots
from maple.errors import UserError
from maple.pairs import ADAPTERS, SETTINGS

COLUMNS = ["kind", "about", "model", "bits", "data", "method", "rank", "seed", "seeds", "language", "items"]
COLUMNS += ["difference", "low", "high", "verdict"]
_ROW = ["model", "data", "method", "bits"]
# Height of a heading and of one rank, in inches.
_HEADING, _STEP = 0.28, 0.068


def changes(comparisons):
    """Return settings and single adapters: the change in English against the base.

    Args:
        comparisons: Table of one benchmark, columns ``COLUMNS``.

    Returns:
        One row per setting (over seeds where it has several, else its one adapter), and one row per adapter of the
        settings that have several.
    """
    english = comparisons[(comparisons["kind"] == "base") & (comparisons["language"] == "en")]
    over, single = english[english["about"] == SETTINGS], english[english["about"] == ADAPTERS]
    keys = [*_ROW, "rank"]
    repeated = single.set_index(keys).index.isin(over.set_index(keys).index)
    import pandas as pd

    return pd.concat([over, single[~repeated]], ignore_index=True), single[repeated]


def layout(tables: list) -> list[tuple]:
    """Return the rows of the figure from the top: ``(model, data, method)`` as heading, then with each precision."""
    found = dict.fromkeys(row for table in tables for row in table[_ROW].itertuples(index=False, name=None))
    rows, heading = [], None
    for model, data, method, bits in sorted(found):
        if (model, data, method) != heading:
            heading = (model, data, method)
            rows.append(heading)
        rows.append((*heading, bits))
    return rows


def draw(comparisons: list, spec: dict):
    """Return the figure.

    Args:
        comparisons: Tables of the benchmarks with English, in the order of the spec.
        spec: Title, benchmarks, names in words, caveats.

    Raises:
        UserError: No adapter is compared in English.
    """
    parts = [changes(table) for table in comparisons]
    if all(settings.empty for settings, _ in parts):
        raise UserError("english_forgetting: no adapter is compared with its base in English: look at comparisons.csv")
    plt = plots.style()
    rows = layout([settings for settings, _ in parts])
    ranks = sorted({int(rank) for settings, _ in parts for rank in settings["rank"]})
    height = 0.1 + _STEP * len(ranks)
    places, top = {}, 0.0
    for row in rows:
        places[row] = top + (_HEADING / 2 if len(row) == 3 else height / 2)
        top += _HEADING if len(row) == 3 else height
    figure, axes = plt.subplots(
        1,
        len(parts),
        figsize=(plots.COLUMN + 0.2 if len(parts) == 1 else plots.PAGE, top + 1.15),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    plots.title(figure, spec["title"])
    for panel, (settings, seeds), (_, name) in zip(axes[0], parts, spec["benchmarks"], strict=True):
        panel.axvline(0, color=plots.GUIDE, linewidth=0.9)
        _draw(panel, settings, seeds, places, ranks, spec)
        panel.set_title(f"{name}\nn = {int(settings['items'].max()):,}", fontsize=7.5)
        panel.tick_params(axis="y", length=0)
        for row in rows:
            if len(row) == 3:
                panel.axhline(places[row] + _HEADING / 2, color="0.85", linewidth=0.6, zorder=0)
    names = [_name(row, rows, spec) for row in rows]
    axes[0, 0].set_yticks(list(places.values()), names)
    for label, row in zip(axes[0, 0].get_yticklabels(), rows, strict=True):
        label.set(fontweight="bold" if len(row) == 3 else "normal", fontsize=7)
    axes[0, 0].set_ylim(top, 0)
    figure.supxlabel("Change of the English score against the untuned base (points)", fontsize=8)
    handles = {}
    for panel in axes[0]:
        handles |= dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True))
    plots.small_print(figure, notes([settings for settings, _ in parts], spec), list(handles.values()))
    return figure


def _name(row: tuple, rows: list[tuple], spec: dict) -> str:
    if len(row) == 4:
        return f"{row[3]}-bit"
    several = len({method for _, _, method, *_ in rows}) > 1
    words = f"{spec['models'][row[0]]},\n{spec['data'][row[1]]}"
    return f"{words}, {spec['methods'][row[2]]}" if several else words


def _draw(panel, settings, seeds, places: dict, ranks: list[int], spec: dict) -> None:
    """Draw one marker with its interval per setting, ranks below each other."""
    colours = plots.ramp(len(ranks))
    for number, rank in enumerate(ranks):
        shift = (number - (len(ranks) - 1) / 2) * _STEP
        own, dots = settings[settings["rank"] == rank], seeds[seeds["rank"] == rank]
        y = [places[row] + shift for row in own[_ROW].itertuples(index=False, name=None)]
        middle = own["difference"] * 100
        bars = [middle - own["low"] * 100, own["high"] * 100 - middle]
        panel.errorbar(middle, y, xerr=bars, fmt="none", ecolor=colours[number], elinewidth=0.8, zorder=2)
        faces = ["white" if verdict == "undecided" else colours[number] for verdict in own["verdict"]]
        look = {"marker": plots.SHAPES[number % len(plots.SHAPES)], "edgecolors": [colours[number]]}
        panel.scatter(middle, y, s=11, c=faces, linewidths=0.8, zorder=3, **look)
        rankless = len(own) and set(own["method"]) <= set(spec["rankless"])
        label = "no rank" if rankless else f"rank {rank}"
        panel.scatter([], [], s=11, c=[colours[number]], label=label, **look)
        y = [places[row] + shift for row in dots[_ROW].itertuples(index=False, name=None)]
        panel.scatter(dots["difference"] * 100, y, s=1.5, color=[colours[number]], alpha=0.6, zorder=1)


def notes(tables: list, spec: dict) -> list[str]:
    """Return the small print: what the bars are, what is missing, caveats."""
    lines = [plots.SAMPLE] if spec["sample"] else []
    seeds = sorted({int(number) for table in tables for number in table["seeds"]})
    bars = "Bars: 95 % interval over items (Agresti and Min)."
    if seeds[-1] > 1:
        bars = "Bars: 95 % interval over items and seeds (bootstrap and t); small dots are single seeds."
        bars += " Of one seed alone: over items (Agresti and Min)." if seeds[0] == 1 else ""
    lines.append(
        f"{bars} Filled: differs from its base on the same items, Holm-adjusted p < 0.05; hollow: undecided. "
        "Left of zero, English was lost."
    )
    return lines + plots.few_seeds(seeds) + spec["notes"]
