"""The figure of effects: a panel per claim or coefficient, in it one interval per scope, and the verdict in words."""

from dataclasses import dataclass

from maple import figure_parts, plots
from maple.benchmarks import DECLARED

# Claim, panel title, coefficient (term, group) that bears on it.
_CLAIMS = [
    ("a: rank", "(a) Higher rank helps\nlow-resource languages", ("rank", "low"), "per doubled rank"),
    ("a: bits", "(a) Higher bits help\nlow-resource languages", ("bits", "low"), "per doubled bits"),
    ("c", "(c) English can drop", ("finetuning", "english"), "English"),
    ("d", "(d) Low-resource\nlanguages gain ...", ("finetuning", "low"), "low-resource"),
    ("d", "(d) ... while high-\nresource ones lose", ("finetuning", "high"), "high-resource"),
]
_FACTORS = {"model": "models", "data": "data", "method": "methods"}
# Most panels side by side: more would be narrower than their titles.
_COLUMNS = 4
_DECIDED = ("supported", "contradicted", "positive", "negative")


@dataclass(frozen=True)
class Row:
    """A scope in a panel; values are in points, missing ones NaN.

    Attributes:
        scope: Name of the scope.
        estimate: The coefficient.
        low: Lower end of its 95 % interval.
        high: Upper end.
        verdict: In words.
        tested: Whether the verdict comes from a test; otherwise something is lacking.
    """

    scope: str
    estimate: float
    low: float
    high: float
    verdict: str
    tested: bool


def panels(effects, spec: dict) -> list[tuple[str, str, list[Row]]]:
    """Return title, axis label and rows of each panel: the claims, then the coefficients that no claim is about."""
    claims = effects[effects["kind"] == "hypothesis"].set_index(["scope", "claim"])
    own = effects[effects["kind"] == "effect"].set_index(["scope", "term", "group"])
    scopes = list(dict.fromkeys(effects["scope"]))
    found = []
    for claim, title, key, unit in _CLAIMS:
        if claim == "c":
            found += _without_estimate(claims, scopes)
        rows = []
        for scope in scopes:
            judged, row = claims.loc[(scope, claim)], _get(own, (scope, *key))
            rows.append(_row(scope, row, judged["verdict"], judged["p_holm"]))
        found.append((title, f"Points, {unit}", rows))
    others = ["finetuning", *(term for term in dict.fromkeys(own.index.get_level_values("term")) if ": " in term)]
    for term in others:
        rows = []
        for scope in scopes:
            row = _get(own, (scope, term, "all"))
            rows.append(_row(scope, row, "" if row is None else row["verdict"], None if row is None else row["p_holm"]))
        words = "Finetuning,\nmean over all languages" if term == "finetuning" else _contrast(own, term, spec)
        found.append((words, "Points, all languages", rows))
    # A panel in which no scope has an estimate or a verdict says nothing.
    return [part for part in found if any(row.tested or row.estimate == row.estimate for row in part[2])]


def _without_estimate(claims, scopes: list[str]) -> list[tuple[str, str, list[Row]]]:
    """Return the panel of claim (b), which has verdicts and no coefficient; none if no scope could test it."""
    rows = [_row(scope, None, *claims.loc[(scope, "b")][["verdict", "p_holm"]]) for scope in scopes]
    if not any(row.tested for row in rows):
        return []
    return [("(b) A small model some-\ntimes closes the gap", "Verdicts only", rows)]


def _get(table, key):
    return table.loc[key] if key in table.index else None


def _row(scope: str, row, verdict: str, p_holm) -> Row:
    values = [float("nan")] * 3 if row is None else [float(row[name]) * 100 for name in ("estimate", "low", "high")]
    return Row(scope, *values, verdict, p_holm is not None and p_holm == p_holm)


def _contrast(own, term: str, spec: dict) -> str:
    """Return a coefficient of model, data or method in words."""
    factor, _, level = term.partition(": ")
    names = spec[_FACTORS[factor]]
    statement = own.xs(term, level="term")["statement"].iloc[0]
    first = statement.partition(" in place of ")[2].partition(", ")[0]
    return f"{names[level]}\nin place of {names[first]}"


def draw(effects, spec: dict):
    """Return the figure.

    Args:
        effects: The table of effects.
        spec: Title, names and caveats.
    """
    title = f"Effects and verdicts: {spec['study']}"
    notes = figure_parts.caveats(spec)
    if effects.empty:
        return figure_parts.words_only(title, "This study has no adapter, so there is no effect to estimate.", notes)
    plt = plots.style()
    found = panels(effects, spec)
    lines = -(-len(found) // _COLUMNS)
    columns = -(-len(found) // lines)
    scopes = [row.scope for row in found[0][2]]
    height = lines * (0.85 + 0.24 * len(scopes)) + 0.3
    figure, grid = plt.subplots(
        lines,
        columns,
        figsize=(min(plots.PAGE, max(4.6, 2.3 * columns)), height),
        squeeze=False,
        layout="constrained",
        sharey=True,
    )
    for axes, (heading, label, rows) in zip(grid.flat, found, strict=False):
        _panel(axes, rows)
        axes.set_title(heading, fontsize=7.5)
        axes.set_xlabel(label, fontsize=7)
    for axes in list(grid.flat)[len(found) :]:
        axes.set_visible(False)
    grid[0, 0].set_yticks(range(len(scopes)), [_name(scope) for scope in scopes])
    grid[0, 0].set_ylim(len(scopes) - 0.4, -0.7)
    figure.suptitle(title, fontsize=9, x=0.005, ha="left")
    plots.small_print(figure, notes + _small_print(effects))
    return figure


def _name(scope: str) -> str:
    """Return a scope in words."""
    return DECLARED[scope].name if scope in DECLARED else scope.capitalize()


def _panel(axes, rows: list[Row]) -> None:
    """Draw the intervals of a panel, with the verdict over each."""
    only_words = all(row.estimate != row.estimate for row in rows)
    if only_words:
        axes.set_xticks([])
    else:
        axes.axvline(0, color=plots.GUIDE, linewidth=0.8, zorder=0)
    for place, row in enumerate(rows):
        if row.estimate == row.estimate:
            axes.errorbar(
                row.estimate,
                place,
                xerr=None if row.low != row.low else [[row.estimate - row.low], [row.high - row.estimate]],
                fmt="o",
                color="black" if row.tested else "0.45",
                markerfacecolor="black" if row.tested else "white",
                markersize=4,
                elinewidth=1.0,
            )
        words = row.verdict
        if row.estimate != row.estimate and not row.tested:
            words = "not tested" if only_words else "no estimate"
        axes.annotate(
            words,
            (0.99, place - 0.2),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=6.5,
            color="black" if words in _DECIDED else "0.4",
            fontweight="bold" if words in _DECIDED else "normal",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
        )
    axes.margins(x=0.06)
    axes.tick_params(axis="y", length=0)


def _small_print(effects) -> list[str]:
    """Return n, the interval, what the words mean, and what verdicts lack."""
    own = effects[effects["kind"] == "effect"]
    adapters, seeds = own["adapters"].max(), own["seeds"].min()
    lacking = own["evidence"].dropna()
    reasons = [text.replace("; ", ", ") for text in dict.fromkeys(lacking)]
    counted = f"Adapters: {adapters:.0f}; seeds a setting: {seeds:.0f}. " if adapters == adapters else ""
    words = [
        f"{counted}Effects on score change (adapter minus its base) with 95 % "
        "intervals that hold the variance between items, adapters and languages; where adapters are too few for "
        "theirs, the estimate stands without interval.",
        "Words: supported, contradicted or undecided for a claim (a to d, arXiv 2401.07598); positive, negative or "
        "undecided for an effect; both at Holm-adjusted p < 0.05. Open markers: shown, but not tested. Claim (c) is "
        "tested for each base model and data set; its panel shows their mean.",
    ]
    if reasons:
        words.append(f"Undecided for want of data: {'; '.join(reasons[:6])}.")
    judged = effects[(effects["kind"] == "hypothesis") & (effects["claim"] == "b")]
    if judged["p_holm"].isna().all():
        words.append(
            "Claim (b), that a small finetuned model sometimes closes the gap to a large one, is undecided everywhere: "
            "no gap to a published score could be tested."
        )
    return words
