"""A benchmark's scores at 4, 8 and 16 bit, untuned and finetuned: what quantisation costs."""

from maple import group_panels, plots
from maple.group_scores import by_seed, compared, frame, groups_of, setting_of
from maple.pairs import ADAPTERS, SETTINGS
from maple.plots import points
from maple.scored import Scored
from maple.systems import System

_TUNED = ["data", "method"]


def decided(table, comparisons):
    """Return the table of settings with ``filled``: whether one differs from itself at the most bits it has."""
    found = compared(comparisons, "bits")
    most = table.groupby(["model", "data", "method", "rank"], dropna=False)["bits"].transform("max")
    filled = []
    for row, top in zip(table.itertuples(), most, strict=True):
        about, setting = setting_of(row)
        own = found.get((about, System(row.model, int(top), *_tuned(setting)), setting.bits, row.group))
        filled.append(own is not None and own.verdict != "undecided")
    return table.assign(filled=filled)


def _tuned(setting: System) -> tuple:
    return setting.data, setting.method, setting.rank


def cost(table, comparisons, row: tuple, group: str) -> str:
    """Return what the fewest bits change against the most, for the untuned base and in the mean over adapters.

    Args:
        table: Settings and groups.
        comparisons: The benchmark's comparisons.
        row: Model, data and method of a panel; the last two may be ``None``.
        group: Its group of languages.
    """
    found = compared(comparisons, "bits")
    model, data, method = row
    here = table[(table["model"] == model) & (table["group"] == group)]
    low, high = int(here["bits"].min()), int(here["bits"].max())
    if low == high:
        return ""
    words = []
    base = found.get((ADAPTERS, System(model, high), low, group))
    if base is not None:
        interval = f" ({points(-base.high)} to {points(-base.low)})" if base.low == base.low else ""
        words.append(f"untuned {points(-base.difference)}{interval}")
    tuned = {}
    for (about, setting, other, key), own in found.items():
        same = (setting.model, setting.bits, setting.data, setting.method, other, key)
        # What is said over seeds stands in place of what is said of each seed.
        if same == (model, high, data, method, low, group) and not setting.is_base:
            tuned.setdefault(setting, {})[about] = own
    if tuned:
        changes = [-(kinds.get(SETTINGS) or kinds[ADAPTERS]).difference for kinds in tuned.values()]
        spread = f" (ranks {points(min(changes))} to {points(max(changes))})" if len(changes) > 1 else ""
        words.append(f"tuned {points(sum(changes) / len(changes))}{spread}")
    return f"{low} instead of {high} bit, in points:\n" + "\n".join(words) if words else ""


def draw(found: Scored, scores, comparisons, spec: dict):
    """Return the figure.

    Args:
        found: The benchmark's scores with their bootstrap.
        scores: The table they are from.
        comparisons: Its comparisons.
        spec: Title, names in words, caveats.
    """
    import numpy as np

    table = decided(frame(found, scores), comparisons)
    tuned = table[table["rank"].notna()]
    groups = groups_of(found.languages)
    rows = list(dict.fromkeys(tuned[["model", *_TUNED]].itertuples(index=False, name=None)))
    rows += [(model, None, None) for model in table["model"].unique() if model not in set(tuned["model"])]
    figure, axes = group_panels.grid(_names(rows, spec), groups, scores["metric"].iloc[0], spec["title"])
    ranks = sorted(tuned["rank"].astype(int).unique())
    colours, bits, seeds = plots.ramp(len(ranks)), sorted(table["bits"].unique()), by_seed(found)
    step = min(0.13, 0.5 / (len(ranks) + 1))
    for place, row in enumerate(rows):
        for column, group in enumerate(groups):
            panel = axes[place, column]
            here = table[(table["group"] == group.key) & (table["model"] == row[0])].sort_values("bits")
            base = here[here["rank"].isna()]
            x = np.log2(base["bits"].astype(float).to_numpy()) - step * len(ranks) / 2
            look = {"colour": plots.COLOURS[0], "marker": "D", "line": ":", "label": "untuned"}
            group_panels.marks(panel, x, base, filled=base["filled"], **look)
            for number, rank in enumerate(ranks):
                own = here[(here["data"] == row[1]) & (here["method"] == row[2]) & (here["rank"] == rank)]
                dodge = (number + 1 - len(ranks) / 2) * step
                look = {"colour": colours[number], "marker": plots.SHAPES[number % len(plots.SHAPES)]}
                x = np.log2(own["bits"].astype(float).to_numpy()) + dodge
                group_panels.marks(panel, x, own, filled=own["filled"], label=_rank(rank, row, spec), **look)
                _dots(panel, seeds, (group.key, rank, *row), dodge, colours[number])
            panel.annotate(
                cost(table, comparisons, row, group.key), (0, 1), xycoords="axes fraction", xytext=(2, 2),
                textcoords="offset points", fontsize=6, va="bottom", color=plots.GUIDE, linespacing=1.15,
            )  # fmt: skip
    for column in range(len(groups)):
        # Room for what quantisation costs, which stands above each panel.
        axes[0, column].set_title(groups[column].words, fontsize=8, pad=26 if len(bits) > 1 else None)
        group_panels.chance_line(axes[:, column], scores["chance"].astype(float).iloc[0] * 100)
        axes[-1, column].set_xticks(np.log2(bits), [f"{own}" for own in bits])
        axes[-1, column].set_xlim(np.log2(bits[0]) - 0.5, np.log2(bits[-1]) + 0.5)
        axes[-1, column].set_xlabel("Bits of the base model's weights")
    plots.small_print(figure, notes(table, scores, groups, spec), group_panels.handles(axes))
    return figure


def _rank(rank: int, row: tuple, spec: dict) -> str:
    return "tuned" if row[2] in spec["rankless"] else f"rank {rank}"


def _names(rows: list[tuple], spec: dict) -> list[str]:
    """Return each row in words; the method only where there are several."""
    several = len({method for *_, method in rows if method}) > 1
    names = []
    for model, data, method in rows:
        words = spec["models"][model] + (f"\n{spec['data'][data]}" if data else "\nuntuned only")
        names.append(words + (f", {spec['methods'][method]}" if several and method else ""))
    return names


def _dots(panel, seeds, where: tuple, dodge: float, colour) -> None:
    """Draw the single seeds of settings that have several."""
    import numpy as np

    if len(seeds):
        own = seeds[(seeds[["group", "rank", "model", *_TUNED]] == list(where)).all(axis=1)]
        x = np.log2(own["bits"].astype(float)) + dodge
        panel.scatter(x, own["score"] * 100, s=2, color=colour, alpha=0.6, zorder=1)


def notes(table, scores, groups, spec: dict) -> list[str]:
    """Return the small print: how to read the marks, what is missing, caveats."""
    lines = [plots.SAMPLE] if spec["source"] == "sample" else []
    top = int(table["bits"].max())
    lines.append(
        f"Filled: differs from the same system at its most bits ({top}) on the same items, Holm-adjusted p < 0.05; "
        "hollow: undecided, or it is that system. In brackets: 95 % interval (untuned), range over ranks (tuned)."
    )
    lines += group_panels.intervals(table, groups, list(scores.drop_duplicates("language")["items"]))
    missing = []
    if table["bits"].nunique() == 1:
        missing.append("a second precision, so there is nothing to compare")
    if table["rank"].isna().all():
        missing.append("adapters")
    if missing:
        lines.append(f"Missing: {'; '.join(missing)}.")
    return lines + spec["notes"]
