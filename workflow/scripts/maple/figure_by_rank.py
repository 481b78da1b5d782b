"""A benchmark's scores against the LoRA rank, by group of languages and precision, with base and chance."""

from maple import group_panels, plots
from maple.errors import UserError
from maple.group_scores import by_seed, compared, frame, groups_of, setting_of
from maple.scored import Scored

_ROW = ["model", "data", "method"]


def decided(table, comparisons):
    """Return the table of settings with ``filled``: whether an adapter differs from its base (adjusted p < 0.05)."""
    found = compared(comparisons, "base")
    filled = []
    for row in table.itertuples():
        about, setting = setting_of(row)
        own = found.get((about, setting, "untuned", row.group))
        filled.append(own is not None and own.verdict != "undecided")
    return table.assign(filled=filled)


def draw(found: Scored, scores, comparisons, spec: dict):
    """Return the figure.

    Args:
        found: The benchmark's scores with their bootstrap.
        scores: The table they are from.
        comparisons: Its comparisons.
        spec: Title, names in words, methods without a rank, caveats.

    Raises:
        UserError: No adapter has a rank.
    """
    import numpy as np

    table = decided(frame(found, scores), comparisons)
    tuned = table[table["rank"].notna() & ~table["method"].isin(spec["rankless"])]
    if tuned.empty:
        raise UserError(f"{spec['benchmark']}: no adapter has a rank, so nothing can be drawn against it: add one")
    groups, rows = groups_of(found.languages), list(dict.fromkeys(tuned[_ROW].itertuples(index=False, name=None)))
    figure, axes = group_panels.grid(_names(rows, spec), groups, scores["metric"].iloc[0], spec["title"])
    ranks = sorted(tuned["rank"].astype(int).unique().tolist())
    untuned, bits = np.log2(ranks[0]) - 1.3, sorted(tuned["bits"].unique())
    seeds = by_seed(found)
    for place, row in enumerate(rows):
        for column, group in enumerate(groups):
            panel = axes[place, column]
            for number, own_bits in enumerate(bits):
                dodge = (number - (len(bits) - 1) / 2) * 0.2
                colour, marker = plots.BITS[own_bits]
                look = {"colour": colour, "marker": marker}
                here = table[(table["group"] == group.key) & (table["bits"] == own_bits) & (table["model"] == row[0])]
                base = here[here["rank"].isna()]
                group_panels.marks(panel, [untuned + dodge] * len(base), base, filled=[False] * len(base), **look)
                for score in base["score"] * 100:
                    panel.axhline(score, color=colour, linewidth=0.8, linestyle=":", zorder=1)
                own = here[(here["data"] == row[1]) & (here["method"] == row[2])].sort_values("rank")
                x = np.log2(own["rank"].astype(float).to_numpy()) + dodge
                group_panels.marks(panel, x, own, filled=own["filled"], label=f"{own_bits}-bit", **look)
                _dots(panel, seeds, (group.key, own_bits, *row), dodge, colour)
    for column in range(len(groups)):
        group_panels.chance_line(axes[:, column], scores["chance"].astype(float).iloc[0] * 100)
        axes[-1, column].set_xticks([untuned, *np.log2(ranks)], ["un-\ntuned", *_tick_names(ranks)])
        axes[-1, column].set_xlabel("Rank (log scale)")
    line = plots.style().Line2D([], [], color=plots.GUIDE, linestyle=":", linewidth=0.9, label="untuned base")
    plots.small_print(figure, notes(table, tuned, scores, groups, spec), [*group_panels.handles(axes), line])
    return figure


def _tick_names(ranks: list[int]) -> list[str]:
    """Return the ranks in words, one of two that stand close a line lower."""
    names, lower = [], False
    for before, rank in zip([0, *ranks], ranks, strict=False):
        lower = not lower and rank < 1.5 * before
        names.append("\n" * lower + str(rank))
    return names


def _names(rows: list[tuple[str, str, str]], spec: dict) -> list[str]:
    """Return each row in words; the method only where there are several."""
    several = len({method for *_, method in rows}) > 1
    return [
        f"{spec['models'][model]}\n{spec['data'][data]}" + (f", {spec['methods'][method]}" if several else "")
        for model, data, method in rows
    ]


def _dots(panel, seeds, where: tuple, dodge: float, colour: str) -> None:
    """Draw the single seeds of settings that have several."""
    import numpy as np

    if len(seeds):
        keys = ["group", "bits", *_ROW]
        own = seeds[(seeds[keys] == list(where)).all(axis=1)]
        x = np.log2(own["rank"].astype(float)) + dodge
        panel.scatter(x, own["score"] * 100, s=2, color=colour, alpha=0.6, zorder=1)


def notes(table, tuned, scores, groups, spec: dict) -> list[str]:
    """Return the small print: how to read the marks, what is missing, caveats."""
    lines = [plots.SAMPLE] if spec["source"] == "sample" else []
    lines.append(
        "Filled: differs from the untuned base on the same items, Holm-adjusted p < 0.05; hollow: undecided, or the "
        "base itself."
    )
    lines += group_panels.intervals(table, groups, list(scores.drop_duplicates("language")["items"]))
    missing = []
    if tuned["rank"].nunique() == 1:
        missing.append("one rank only")
    if tuned["bits"].nunique() == 1:
        missing.append("one precision only")
    if len(spec["rankless"]):
        missing.append(
            "methods without a rank are not drawn: " + ", ".join(spec["methods"][m] for m in spec["rankless"])
        )
    if missing:
        lines.append(f"Missing: {'; '.join(missing)}.")
    return lines + spec["notes"]
