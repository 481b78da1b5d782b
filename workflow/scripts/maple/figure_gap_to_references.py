"""How far finetuning goes towards published scores, by benchmark and language."""

from maple import plots
from maple.gap_shares import order, references, shares
from maple.words import count

# Shares of a gap are drawn between these; what lies beyond is drawn at the edge as an arrow.
_SHARES = (-0.5, 1.25)
_ROW = 0.14


def draw(gaps: dict, spec: dict):
    """Return the figure: for each benchmark scores at the left, shares of the gap at the right.

    Args:
        gaps: Benchmark -> its table of gaps.
        spec: Title, benchmarks, names in words.
    """
    plt = plots.style()
    names = dict(spec["benchmarks"])
    heights = {name: len(order(table)) * _ROW * max(1, len(spec["models"]) / 2) + 0.72 for name, table in gaps.items()}
    columns = _columns(heights)
    height = max(sum(heights[name] for name in column) for column in columns)
    width = plots.PAGE if len(columns) > 1 else 4.2
    figure = plt.figure(figsize=(width, height + 0.75), layout="constrained")
    plots.title(figure, spec["title"])
    outer = figure.add_gridspec(1, len(columns))
    looks = {model: (plots.COLOURS[1 + n], plots.MARKERS[n]) for n, model in enumerate(spec["models"])}
    found = {name: shares(table, spec["models"]) for name, table in gaps.items()}
    for place, column in enumerate(columns):
        spare = height - sum(heights[name] for name in column)
        ratios = [heights[name] for name in column] + ([spare] if spare > 0.3 else [])
        inner = outer[place].subgridspec(len(ratios), 2, height_ratios=ratios, width_ratios=[1.3, 1])
        for number, name in enumerate(column):
            counts = any(own.reference for own in found[name].values())
            panel = figure.add_subplot(inner[number, 0] if counts else inner[number, :])
            _draw_scores(panel, gaps[name], found[name], looks, spec["chance"].get(name))
            panel.set_title(names[name] if counts else f"{names[name]}: for orientation", fontsize=8, fontweight="bold")
            if counts:
                _draw_shares(figure.add_subplot(inner[number, 1]), order(gaps[name]), found[name], looks)
            else:
                _name_best(panel, gaps[name])
    plots.small_print(figure, notes(gaps, found, spec), _handles(plt, looks, spec, gaps))
    return figure


def _columns(heights: dict[str, float]) -> list[list[str]]:
    """Return the benchmarks in two columns of about the same height, one column if there is only one."""
    columns: list[list[str]] = [[], []]
    for name in sorted(heights, key=lambda name: -heights[name]):
        min(columns, key=lambda column: sum(heights[other] for other in column)).append(name)
    return [column for column in columns if column]


def _dodge(number: int, count: int) -> float:
    return (number - (count - 1) / 2) * 0.8 / max(count, 2)


def _rows(panel, table) -> None:
    """Name the languages and separate the resource classes."""
    codes = order(table)
    facts = table.drop_duplicates("language").set_index("language")
    panel.set_yticks(range(len(codes)), [facts.loc[code, "language_name"] for code in codes], fontsize=6.5)
    panel.set_ylim(len(codes) - 0.4, -0.6)
    panel.tick_params(axis="y", length=0)


def _separate(panel, table) -> None:
    classes = table.drop_duplicates("language").set_index("language")["joshi_class"].fillna(-1)
    own = [classes[code] for code in order(table)]
    for row in range(1, len(own)):
        strong = own[row] != own[row - 1]
        panel.axhline(row - 0.5, color="0.6" if strong else "0.92", linewidth=0.7, zorder=0)


def _draw_scores(panel, table, found: dict, looks: dict, chance: float | None) -> None:
    """Draw published scores, chance, and each model's way from its base to its middle setting."""
    codes = order(table)
    rows = {code: place for place, code in enumerate(codes)}
    if chance is not None:
        panel.axvline(chance * 100, color=plots.GUIDE, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    for row in references(table).itertuples():
        look = {"s": 11, "marker": "D", "c": ["0.45" if row.solid else "white"], "edgecolors": "0.45"}
        if row.flagged:
            look = {"s": 9, "marker": "x", "c": ["0.7"]}
        panel.scatter(row.reference_score * 100, rows[row.language], linewidths=0.6, zorder=1, **look)
    for (model, code), own in found.items():
        number = list(looks).index(model)
        colour, marker = looks[model]
        y = rows[code] + _dodge(number, len(looks))
        panel.plot([own.lowest * 100, own.highest * 100], [y, y], color=colour, linewidth=2.6, alpha=0.3, zorder=2)
        look = {"s": 13, "marker": marker, "edgecolors": colour, "linewidths": 0.8, "zorder": 3}
        panel.scatter(own.base * 100, y, c="white", **look)
        panel.scatter(own.tuned * 100, y, c=colour, **look)
    _rows(panel, table)
    _separate(panel, table)
    panel.set_xlim(-2, 102)
    panel.set_xlabel("Score (%)", fontsize=7, labelpad=1)
    panel.tick_params(axis="x", labelsize=6.5)


def _name_best(panel, table) -> None:
    """Name the best published score of each language that no flag speaks against, at the right."""
    codes, own = order(table), references(table)
    best = own[~own["flagged"]].sort_values("reference_score").drop_duplicates("language", keep="last")
    for row in best.itertuples():
        _at_right(panel, codes.index(row.language), f"{row.reference_score * 100:.0f} {row.reference}")


def _at_right(panel, place: int, text: str) -> None:
    """Write into the margin at the right of a row."""
    panel.annotate(
        text,
        (1, place),
        xycoords=("axes fraction", "data"),
        xytext=(2, 0),
        textcoords="offset points",
        fontsize=5.3,
        color=plots.GUIDE,
        va="center",
    )


def _draw_shares(panel, codes: list[str], found: dict, looks: dict) -> None:
    """Draw the shares of the gap that the middle settings close, with the published model at the right."""
    low, high = _SHARES
    for edge in (0, 1):
        panel.axvline(edge, color=plots.GUIDE, linewidth=0.8, linestyle="-" if edge else (0, (4, 3)), zorder=0)
    words: dict[str, str] = {}
    for (model, code), own in found.items():
        y = codes.index(code) + _dodge(list(looks).index(model), len(looks))
        words[code] = own.reference or words.get(code) or f"({own.why_not})"
        if own.reference:
            colour, marker = looks[model]
            ends = [max(own.low, low), min(own.high, high)]
            panel.plot(ends, [y, y], color=colour, linewidth=0.8, zorder=2)
            where = min(max(own.share, low), high)
            shape = marker if where == own.share else ("<" if where == low else ">")
            panel.scatter(where, y, s=13, marker=shape, c=[colour], edgecolors=colour, zorder=3)
    for code, text in words.items():
        _at_right(panel, codes.index(code), text)
    panel.set_xlim(low - 0.05, high + 0.05)
    panel.set_ylim(len(codes) - 0.4, -0.6)
    panel.set_yticks([])
    panel.set_xticks([0, 1], ["0", "100"], fontsize=6.5)
    panel.set_xlabel("Gap closed (%)", fontsize=7, labelpad=1)
    panel.spines["left"].set_visible(False)


def _handles(plt, looks: dict, spec: dict, gaps: dict) -> list:
    handles = []
    for model, (colour, marker) in looks.items():
        look = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 4}
        handles.append(plt.Line2D([], [], label=f"{spec['models'][model]}, untuned", markerfacecolor="white", **look))
        handles.append(plt.Line2D([], [], label=f"{spec['models'][model]}, finetuned", **look))
    look = {"color": "0.45", "marker": "D", "linestyle": "none", "markersize": 3.5}
    published = {name: references(table) for name, table in gaps.items()}
    if any(own["solid"].any() for own in published.values()):
        handles.append(plt.Line2D([], [], label="published", **look))
    if any((~own["solid"] & ~own["flagged"]).any() for own in published.values()):
        handles.append(plt.Line2D([], [], label="published, measured the other way", markerfacecolor="white", **look))
    if any(own["flagged"].any() for own in published.values()):
        flagged = {"color": "0.7", "marker": "x", "linestyle": "none", "markersize": 3.5}
        handles.append(plt.Line2D([], [], label="published, flagged", **flagged))
    if any(spec["chance"].get(name) is not None for name in gaps):
        handles.append(plt.Line2D([], [], color=plots.GUIDE, linewidth=0.8, linestyle=(0, (4, 3)), label="chance"))
    return handles


def notes(gaps: dict, found: dict, spec: dict) -> list[str]:
    """Return the small print: how to read the marks, medians, what is not counted and why."""
    names = dict(spec["benchmarks"])
    lines = [
        "Finetuned: the middle one of a model's settings by score; the band spans all of them. Gap closed: the share "
        "of the way from its untuned base to the best published score that counts, named at the right, with Fieller's "
        "95 % interval, cut at the edges. Published scores come with other prompts than ours.",
        "Hollow diamonds never count: one was measured by generation and the other by likelihood, and one may lie far "
        "above the other for the same model. Nor do crosses: the source's parser failed, or the score is below chance.",
    ]
    medians = [words for name, own in found.items() if (words := _medians(own, spec["models"], names[name]))]
    if medians:
        lines.append(f"Median share of the gap over the languages, and its range: {'; '.join(medians)}.")
    silent = [names[name] for name, own in found.items() if not any(part.reference for part in own.values())]
    if silent:
        lines.append(
            f"For orientation, {', '.join(silent)}: no published score counts, so no gap is computed. At the right the "
            "best one without a flag."
        )
    lacking = [f"no published scores for {', '.join(spec['without'])}"] if spec["without"] else []
    if min(int(table["seeds"].min()) for table in gaps.values()) < 3:
        lacking.append("three seeds a setting, so shares tell of these adapters")
    return lines + ([f"Missing: {'; '.join(lacking)}."] if lacking else []) + spec["notes"]


def _medians(found: dict, models: dict, benchmark: str) -> str:
    """Return each model's median share on a benchmark in words; empty if no published score counts."""
    import statistics

    words = []
    for model, name in models.items():
        counted = [part.share for (owner, _), part in found.items() if owner == model and part.reference]
        if counted:
            reached = sum(share >= 1 for share in counted)
            middle, least, most = (
                f"{value * 100:.0f} %".replace("-", "\N{MINUS SIGN}")
                for value in (statistics.median(counted), min(counted), max(counted))
            )
            spread = f"{count(len(counted), 'language')}, {least} to {most}" if len(counted) > 1 else "1 language"
            words.append(f"{name} {middle} ({spread}; {reached or 'none'} reached)")
    return f"{benchmark}: {', '.join(words)}" if words else ""
