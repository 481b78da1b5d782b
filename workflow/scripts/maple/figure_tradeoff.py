"""The figure of gain on low-resource languages against change in English, one point per adapter."""

from maple import adapter_points, figure_parts, plots
from maple.benchmarks import DECLARED

GROUPS = ["low", "en"]
# More points than these would stand in a haze of intervals; then one cross shows the typical one.
_MOST_INTERVALS = 90


def draw(comparisons, parameters: dict[str, int], spec: dict):
    """Return the figure.

    Args:
        comparisons: The table of comparisons.
        parameters: System -> number of its trainable parameters.
        spec: Title, names and caveats.
    """
    title = f"Low-resource gain against English change: {spec['study']}"
    notes = figure_parts.caveats(spec)
    points, used = adapter_points.changes(comparisons, GROUPS)
    if points.empty:
        return figure_parts.words_only(title, _nothing(comparisons), notes)
    plt = plots.style()
    count = len(used)
    figure, grid = plt.subplots(
        1, count, figsize=(plots.PAGE if count > 1 else 4.6, 3.4), squeeze=False, layout="constrained", sharey=True
    )
    looks = adapter_points.looks(list(dict.fromkeys(points["system"])), spec)
    sizes = _sizes(parameters)
    for axes, (scoring, names) in zip(grid.flat, used.items(), strict=True):
        _panel(axes, points[points["scoring"] == scoring], looks, {s: sizes[parameters[s]] for s in parameters})
        axes.set_title(f"By {scoring}: {figure_parts.listed(names)}", fontsize=8)
        axes.set_xlabel("Change in English (points)")
    grid[0, 0].set_ylabel("Mean change in low-resource\nlanguages (points)")
    plots.title(figure, title)
    columns = [*adapter_points.handles(looks), _size_handles(sizes)]
    figure_parts.write_below(figure, columns, notes + _small_print(comparisons, points, used))
    return figure


def _panel(axes, points, looks: dict, sizes: dict) -> None:
    """Draw the points of one measurement over the four quadrants."""
    for which, line in (("x", axes.axvline), ("y", axes.axhline)):
        line(0, color=plots.GUIDE, linewidth=0.8, zorder=0)
        axes.margins(**{which: 0.08})
    crowded = len(points) > _MOST_INTERVALS
    # Small ones last, so that a large one hides none.
    for row in sorted(points.itertuples(), key=lambda row: -sizes[row.system]):
        adapter_points.draw(
            axes,
            (row.en, row.en_low, row.en_high),
            (row.low, row.low_low, row.low_high),
            looks[row.system],
            sizes[row.system] * (0.6 if crowded else 1),
            intervals=not crowded,
        )
    if crowded:
        _typical_interval(axes, points)
    corners = {
        (0, 1): "English loses, low-resource gain",
        (1, 1): "both gain",
        (0, 0): "both lose",
        (1, 0): "English gains, low-resource lose",
    }
    for (right, top), words in corners.items():
        axes.annotate(
            words,
            (right, top),
            xycoords="axes fraction",
            xytext=(-2 if right else 2, -2 if top else 2),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top" if top else "bottom",
            fontsize=6,
            color="0.4",
        )


def _typical_interval(axes, points) -> None:
    """Draw one cross with the median width of the intervals beside the points."""
    width = (points["en_high"] - points["en_low"]).median() / 2
    height = (points["low_high"] - points["low_low"]).median() / 2
    x, y = points["en"].max() + 1.1 * width, points["low"].min() + height
    axes.errorbar(x, y, xerr=width, yerr=height, fmt="none", ecolor=plots.GUIDE, elinewidth=0.9)
    axes.annotate(
        "median 95 %\ninterval", (x, y), xytext=(3, 3), textcoords="offset points", fontsize=6, color=plots.GUIDE
    )


def _sizes(parameters: dict[str, int]) -> dict[int, float]:
    """Return number of trainable parameters -> area of its marker, growing with the logarithm."""
    import numpy as np

    counts = sorted(set(parameters.values()))
    if len(counts) == 1:
        return {counts[0]: 24.0}
    span = np.log(counts[-1]) - np.log(counts[0])
    return {count: 12.0 + 58.0 * (np.log(count) - np.log(counts[0])) / span for count in counts}


def _size_handles(sizes: dict[int, float]) -> list:
    """Return the legend's entries of up to four sizes, or of more the least, one between, and the most."""
    from matplotlib.lines import Line2D

    counts = list(sizes)
    shown = counts if len(counts) <= 4 else [counts[0], counts[len(counts) // 2], counts[-1]]
    style = {"linestyle": "none", "marker": "o", "color": "0.6"}
    return [
        Line2D([], [], markersize=sizes[count] ** 0.5, label=f"{_short(count)} trainable parameters", **style)
        for count in shown
    ]


def _short(count: int) -> str:
    """Return a number of parameters as thousands, millions or billions."""
    for unit, word in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if count >= unit:
            return f"{count / unit:.3g} {word}"
    return str(count)


def _nothing(comparisons) -> str:
    """Return why there is no point."""
    if not (comparisons["kind"] == "base").any():
        return "This study has no adapter beside its base, so there is no change to show."
    return "No benchmark of this study has both English and a language of resource classes 0 to 2."


def _small_print(comparisons, points, used: dict) -> list[str]:
    """Return n, the interval, and what is missing."""
    rows = comparisons[(comparisons["kind"] == "base") & (comparisons["language"] == "low")]
    behind = rows.drop_duplicates("benchmark").set_index("benchmark")["languages"]
    shown = [name for names in used.values() for name in names]
    many = [
        f"{DECLARED[name].name}\N{NO-BREAK SPACE}{count:.0f}"
        for name, count in behind.items()
        if DECLARED[name].name in shown
    ]
    crowded = points["scoring"].value_counts().max() > _MOST_INTERVALS
    lines = "the cross is the median 95 % interval" if crowded else "lines are 95 % intervals"
    words = [
        f"One point per adapter ({points['system'].nunique()}), adapter minus its base; {lines} from "
        "resampling items, of the mean over benchmarks with equal weight. They leave out what another seed or other "
        "languages would change.",
        f"Low-resource: classes 0 to 2 of Joshi et al. 2020; languages behind the mean: {', '.join(many)}.",
    ]
    absent = [DECLARED[name].name for name in dict.fromkeys(comparisons["benchmark"])]
    absent = [name for name in absent if name not in shown]
    if absent:
        words.append(f"Not here, for want of English or of a low-resource language: {figure_parts.listed(absent)}.")
    return words
