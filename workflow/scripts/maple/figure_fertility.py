"""The figure of tokenizer fertility against the score of the untuned base and against its change by finetuning."""

from maple import figure_parts, plots
from maple.benchmarks import DECLARED
from maple.pairs import ADAPTERS

UNITS = ("word", "character")
_SCORE, _CHANGE = "Score of the\nuntuned base (%)", "Change by finetuning\n(points)"
# So many languages are named: those cut into the most tokens.
_NAMED = 2


def points(fertility, scores, comparisons):
    """Return what is drawn: a row per model, quantity, benchmark and language, in per cent or points.

    The score is that of the untuned base at its highest precision, with its 95 % interval; the change is the mean
    over the model's adapters, from the least to the greatest adapter.
    """
    import pandas as pd

    keys = ["model", "benchmark", "language"]
    bases = scores[scores["rank"].isna()]
    bases = bases[bases["bits"] == bases.groupby("model")["bits"].transform("max")]
    score = bases[keys].assign(quantity=_SCORE, value=bases["score"], low=bases["low"], high=bases["high"])
    own = comparisons[(comparisons["kind"] == "base") & (comparisons["about"] == ADAPTERS)]
    own = own[own["language"].isin(set(scores["language"]))]
    change = own.groupby(keys, sort=False)["difference"].agg(value="mean", low="min", high="max").reset_index()
    both = pd.concat([score, change.assign(quantity=_CHANGE)], ignore_index=True)
    both[["value", "low", "high"]] *= 100
    return both.merge(fertility[[*keys, "language_name", "unit", "fertility"]], on=keys)


def draw(fertility, scores, comparisons, spec: dict):
    """Return the figure: rows are models and quantities, columns what tokens are counted per.

    Args:
        fertility: The table of fertility.
        scores: The table of scores.
        comparisons: The table of comparisons.
        spec: Title, names and caveats.
    """
    plt = plots.style()
    found = points(fertility, scores, comparisons)
    units = [unit for unit in UNITS if unit in set(found["unit"])]
    rows = list(dict.fromkeys(zip(found["model"], found["quantity"], strict=True)))
    rows.sort(key=lambda row: row[0])
    languages = [found.loc[found["unit"] == unit, "language"].nunique() for unit in units]
    figure, grid = plt.subplots(
        len(rows),
        len(units),
        figsize=(plots.PAGE if len(units) > 1 else 4.6, 0.5 + 1.75 * len(rows)),
        squeeze=False,
        layout="constrained",
        sharey="row",
        sharex="col",
        gridspec_kw={"width_ratios": [max(1, min(2, count / min(languages))) for count in languages]},
    )
    benchmarks = list(dict.fromkeys(found["benchmark"]))
    for line, (model, quantity) in zip(grid, rows, strict=True):
        line[0].set_ylabel(f"{spec['models'][model]}\n{quantity}" if len(spec["models"]) > 1 else quantity)
        for axes, unit in zip(line, units, strict=True):
            part = found[(found["model"] == model) & (found["quantity"] == quantity) & (found["unit"] == unit)]
            _panel(axes, part, benchmarks, zero=quantity == _CHANGE)
            if quantity == _SCORE:
                _name_languages(axes, part)
    for axes, unit, count in zip(grid[-1], units, languages, strict=True):
        axes.set_xlabel(f"Tokens per {unit} ({count} language{'s' * (count > 1)})")
    # Above the names of languages, which stand outside of the layout.
    title = f"Tokenizer fertility: {spec['study']}"
    figure.text(0.005, 1 + 0.08 / figure.get_figheight(), title, fontsize=9, va="bottom")
    handles = [_handle(plt, number, name) for number, name in enumerate(benchmarks)]
    columns = [handles[start::3] for start in range(min(3, len(handles)))]
    figure_parts.write_below(figure, columns, figure_parts.caveats(spec) + _small_print(scores))
    return figure


def _look(number: int) -> dict:
    shapes = list(dict.fromkeys(plots.MARKERS))
    return {"color": plots.COLOURS[number % len(plots.COLOURS)], "marker": shapes[number % len(shapes)]}


def _handle(plt, number: int, benchmark: str):
    return plt.Line2D([], [], linestyle="none", markersize=4.5, label=DECLARED[benchmark].name, **_look(number))


def _panel(axes, part, benchmarks: list[str], zero: bool) -> None:
    """Draw one model, one quantity, one unit."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    if zero:
        axes.axhline(0, color=plots.GUIDE, linewidth=0.8, zorder=0)
    crowded = len(part) > 60
    for number, benchmark in enumerate(benchmarks):
        own = part[part["benchmark"] == benchmark]
        look = _look(number)
        axes.vlines(own["fertility"], own["low"], own["high"], color=look["color"], linewidth=0.6, alpha=0.3)
        axes.scatter(own["fertility"], own["value"], s=9 if crowded else 16, linewidth=0, alpha=0.85, **look)
    if part["fertility"].max() > 5 * part["fertility"].min():
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.08)


def _name_languages(axes, part) -> None:
    """Name the languages cut into the most tokens, in a corner: beside the points names would hide others."""
    most = part.groupby("language_name")["fertility"].mean().nlargest(_NAMED)
    words = axes.annotate(
        f"most tokens: {', '.join(most.index)}",
        (1, 1),
        xycoords="axes fraction",
        xytext=(0, 1),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=6,
        color=plots.GUIDE,
    )
    # Long names must not push the panels apart.
    words.set_in_layout(False)


def _small_print(scores) -> list[str]:
    """Return what a point is, n, the lines, and what is missing."""
    tuned = scores.loc[scores["rank"].notna(), "system"].nunique()
    items = scores["items"]
    many = f"{items.min():,}" if items.nunique() == 1 else f"{items.min():,} to {items.max():,}"
    words = [
        "One point per language and benchmark. Fertility: tokens the model's tokenizer makes of the text of the "
        "benchmark's own items (prompts left out), per word between spaces, or per character in Chinese, Japanese, "
        f"Thai, Lao, Khmer, Burmese and Tibetan script. n = {many} items a language.",
        "Score: the untuned base at its highest precision with its 95 % interval; benchmarks differ in chance and "
        "metric, so compare within one.",
    ]
    if tuned:
        words.append(
            f"Change: adapter minus its base, mean over the model's adapters ({tuned} in all); its line runs from the "
            "least to the greatest adapter and is no interval."
        )
    else:
        words.append("This study has no adapter, so there is no change to show.")
    return words
