"""The mean change by finetuning in each resource class, with the number of languages behind it."""

from maple import plots
from maple.errors import UserError
from maple.words import count

CLASSES = range(6)


def estimates(effects, scope: str):
    """Return one row per class of a scope: estimate, interval, languages, and whether it is decided.

    Args:
        effects: The table of effects.
        scope: A benchmark, or all benchmarks of one measurement.
    """
    own = effects[(effects["scope"] == scope) & (effects["kind"] == "effect") & (effects["term"] == "finetuning")]
    own = own[own["group"].str.fullmatch(r"class \d")]
    return own.assign(
        joshi_class=own["group"].str[-1].astype(int), decided=own["verdict"].isin(["positive", "negative"])
    ).sort_values("joshi_class")


def adapters(scores, benchmarks: list[str]):
    """Return one row per adapter and class: the mean change against its base over the languages of some benchmarks.

    Every language of every benchmark counts the same, as in the table of effects.
    """
    part = scores[scores["benchmark"].isin(benchmarks)]
    base = part[part["rank"].isna()].set_index(["benchmark", "model", "bits", "language"])["score"]
    tuned = part[part["rank"].notna() & part["joshi_class"].notna()]
    of_base = base.loc[tuned.set_index(["benchmark", "model", "bits", "language"]).index].to_numpy()
    tuned = tuned.assign(change=tuned["score"] - of_base)
    return tuned.groupby(["system", "model", "joshi_class"], as_index=False)["change"].mean()


def draw(effects, scores, spec: dict):
    """Return the figure: one panel per benchmark, and for all benchmarks of one measurement.

    Args:
        effects: The table of effects.
        scores: The table of scores.
        spec: Title, names in words.

    Raises:
        UserError: No language of the study has a resource class, or nothing was finetuned.
    """
    scopes = {scope: estimates(effects, scope) for scope in dict.fromkeys(effects["scope"])}
    if all(table.empty for table in scopes.values()):
        raise UserError("by_resource_class: no adapter, or no language with a resource class (config/languages.csv)")
    plt = plots.style()
    columns = min(4, len(scopes))
    rows = -(-len(scopes) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(max(plots.COLUMN, plots.PAGE * columns / 4), 0.75 + 1.75 * rows),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    plots.title(figure, spec["title"])
    looks = {model: (plots.COLOURS[1 + n], plots.MARKERS[n]) for n, model in enumerate(spec["models"])}
    for panel, (scope, table) in zip(axes.flat, scopes.items(), strict=False):
        benchmarks = effects.loc[effects["scope"] == scope, "benchmarks"].iloc[0].split()
        _draw(panel, table, adapters(scores, benchmarks), looks)
        panel.set_title(spec["scopes"].get(scope, scope[0].upper() + scope[1:]), fontsize=8)
    for panel in axes.flat[len(scopes) :]:
        panel.set_visible(False)
    for panel in axes[:, 0]:
        panel.set_ylabel("Change (points)")
    low, high = reach(scopes.values(), [adapters(scores, part.split()) for part in effects["benchmarks"].unique()])
    axes[0, 0].set_ylim(low * 100, high * 100)
    figure.supxlabel("Resource class, 0 (least data) to 5, and number of languages", fontsize=8)
    plots.small_print(figure, notes(effects, scores, scopes, spec), _handles(plt, looks, spec))
    return figure


def reach(tables, points: list) -> tuple[float, float]:
    """Return where the axis ends: it holds zero, every estimate and adapter, and every interval that can be decided.

    Two languages give an interval of hundreds of points, which would flatten everything else.
    """
    import pandas as pd

    firm = [table[table["evidence"].fillna("") == ""][["low", "high"]].stack() for table in tables]
    ends = pd.concat([*firm, *(table["estimate"] for table in tables), *(part["change"] for part in points)])
    low, high = min(ends.min(), 0.0), max(ends.max(), 0.0)
    room = 0.08 * max(high - low, 0.01)
    return low - room, high + room


def _draw(panel, table, points, looks: dict) -> None:
    """Draw a scope: single adapters behind, the mean with its interval in front."""
    panel.axhline(0, color=plots.GUIDE, linewidth=0.9)
    for number, (model, (colour, marker)) in enumerate(looks.items()):
        own = points[points["model"] == model]
        x = own["joshi_class"] + 0.22 + 0.13 * number
        panel.scatter(x, own["change"] * 100, s=4, marker=marker, color=colour, alpha=0.45, linewidths=0, zorder=1)
    middle = table["estimate"] * 100
    known = table["low"].notna()
    bars = [(middle - table["low"] * 100)[known], (table["high"] * 100 - middle)[known]]
    x = table["joshi_class"]
    panel.errorbar(x[known], middle[known], yerr=bars, fmt="none", ecolor="black", elinewidth=1.0, zorder=2)
    faces = ["black" if decided else "white" for decided in table["decided"]]
    panel.scatter(x, middle, s=18, c=faces, edgecolors="black", linewidths=0.9, zorder=3)
    counts = dict(zip(table["joshi_class"], table["languages"].astype(int), strict=True))
    panel.set_xticks(CLASSES, [f"{own}\n({counts.get(own, 0)})" for own in CLASSES], fontsize=7)
    panel.set_xlim(-0.5, 5.7)


def _handles(plt, looks: dict, spec: dict) -> list:
    mean = {"color": "black", "marker": "o", "linestyle": "-", "linewidth": 1.0, "markersize": 4}
    handles = [plt.Line2D([], [], label="mean over adapters", **mean)]
    handles.append(plt.Line2D([], [], label="same, undecided", markerfacecolor="white", **mean))
    for model, (colour, marker) in looks.items():
        look = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 3}
        handles.append(plt.Line2D([], [], label=f"one adapter, {spec['models'][model]}", **look))
    return handles


def notes(effects, scores, scopes: dict, spec: dict) -> list[str]:
    """Return the small print: the interval, the decision, languages without a class, what is missing."""
    own = effects[(effects["kind"] == "effect") & (effects["term"] == "finetuning")]
    adapters_behind, seeds = int(own["adapters"].max()), int(own["seeds"].min())
    lines = [plots.SAMPLE] if spec["sample"] else []
    lines.append(
        f"Mean change against the untuned bases, {count(adapters_behind, 'adapter')}; bars: 95 % interval over items, "
        "adapters and languages (effects.csv), cut at the edges. Filled: differs from zero, Holm-adjusted p < 0.05; "
        "hollow: undecided, also below 3 languages or 3 adapters. Classes: Joshi et al. 2020. "
        "Every language of a benchmark counts the same."
    )
    lacking = []
    if any(table["low"].isna().any() for table in scopes.values()):
        lacking.append("intervals, which need more adapters than the model of changes has coefficients")
    if seeds < 3:
        lacking.append("three seeds a setting, so the spread of adapters is taken from that between settings")
    without = scores.loc[scores["joshi_class"].isna(), "language"].nunique()
    if without:
        lacking.append(f"resource classes of {without} of the languages, which are left out")
    return lines + ([f"Missing: {'; '.join(lacking)}."] if lacking else [])
