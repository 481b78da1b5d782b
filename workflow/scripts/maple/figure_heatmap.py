"""The figure of languages x systems: change of each adapter against its base, score of each untuned base."""

from maple import figure_parts, heatmap_headings, plots
from maple.benchmarks import DECLARED
from maple.pairs import ADAPTERS
from maple.systems import System

# Up to so many columns there is room for numbers in the cells.
_NUMBERED = 12


def language_order(scores) -> list[str]:
    """Return languages by falling resource class, within a class by falling mean score of the untuned bases."""
    untuned = scores[scores["rank"].isna()].groupby("language")["score"].mean()
    classes = scores.drop_duplicates("language").set_index("language")["joshi_class"].fillna(-1)
    return sorted(classes.index, key=lambda code: (-classes[code], -untuned[code], code))


def cells(scores, comparisons):
    """Return what one benchmark's panel shows, each as a table of languages x systems, in points.

    Returns:
        Scores of the bases, changes of the adapters (NaN in the other's columns), and the signs of changes that are
        real: 1, -1 or 0.
    """
    systems, order = list(dict.fromkeys(scores["system"])), language_order(scores)
    wide = scores.pivot(index="language", columns="system", values="score").loc[order, systems] * 100
    tuned = scores.drop_duplicates("system")["rank"].notna().to_numpy()
    own = comparisons[(comparisons["kind"] == "base") & (comparisons["about"] == ADAPTERS)]
    change = _wide(own, "difference", wide) * 100
    verdict = _wide(own, "verdict", wide)
    signs = (verdict == "better").astype(int) - (verdict == "worse").astype(int)
    return wide.mask(tuned[None, :].repeat(len(wide), axis=0)), change, signs


def _wide(rows, column: str, like):
    """Return a column of comparisons as languages x systems, with the places that it lacks empty."""
    found = rows.pivot(index="language", columns="system", values=column)
    return found.reindex(index=like.index, columns=like.columns)


def draw(parts: list[tuple], spec: dict):
    """Return the figure, a panel per benchmark below each other, with the same columns.

    Args:
        parts: Scores and comparisons of each benchmark.
        spec: Title, names and caveats.
    """
    import numpy as np

    plt = plots.style()
    made = [(scores, *cells(scores, comparisons)) for scores, comparisons in parts]
    systems = list(made[0][1].columns)
    counts = [len(base) for _, base, *_ in made]
    cell = 0.17 if max(counts) <= 40 else 0.115
    heights = [count * cell for count in counts]
    figure, grid = plt.subplots(
        len(made),
        1,
        figsize=(plots.PAGE, sum(heights) + 0.3 * len(made)),
        squeeze=False,
        gridspec_kw={
            "height_ratios": heights,
            "hspace": 0.3 * len(made) / sum(heights),
            "top": 1,
            "bottom": 0,
            **_sides(len(systems)),
        },
    )
    found = np.concatenate([change.to_numpy(float).ravel() for _, _, change, _ in made])
    # One cell far out must not pale all others.
    limit = max(1.0, np.nanquantile(np.abs(found), 0.99)) if np.isfinite(found).any() else 0.0
    levels = [base.to_numpy(float) for _, base, *_ in made]
    greys = (
        float(np.floor(min(map(np.nanmin, levels)) / 10) * 10),
        float(np.ceil(max(map(np.nanmax, levels)) / 10) * 10),
    )
    for axes, (scores, base, change, signs) in zip(grid[:, 0], made, strict=True):
        _panel(axes, scores, base, change, signs, greys, limit)
        if len(made) > 1:
            # In the margin of the names, where no column heading stands.
            name, raised = DECLARED[scores["benchmark"].iloc[0]].name, 12 if axes is grid[0, 0] else 3
            axes.annotate(
                name, (0, 1), xycoords="axes fraction", xytext=(-4, raised), textcoords="offset points", ha="right",
                fontsize=7.5, fontweight="bold",
            )  # fmt: skip
    above = heatmap_headings.draw(grid[0, 0], systems, spec, crowded=len(systems) > _NUMBERED)
    inches = figure.get_figheight()
    figure.suptitle(_title(parts, spec), fontsize=9, x=0.005, ha="left", y=1 + (above + 0.22) / inches)
    _bars(figure, greys, limit)
    plots.small_print(figure, figure_parts.caveats(spec) + _small_print(parts, made, bool(limit)), gap=0.75)
    return figure


def _sides(columns: int) -> dict:
    """Return where the panels begin and end: names at the left, classes at the right, few columns not stretched."""
    left, right = 1.4, plots.PAGE - 0.95
    return {"left": left / plots.PAGE, "right": min(right, left + 0.75 * columns) / plots.PAGE}


def _title(parts, spec: dict) -> str:
    name = f", {DECLARED[parts[0][0]['benchmark'].iloc[0]].name}" if len(parts) == 1 else ""
    return f"Languages and systems{name}: {spec['study']}"


def _panel(axes, scores, base, change, signs, greys: tuple[float, float], limit: float) -> None:
    """Colour the cells of one benchmark, and write numbers or signs into them."""
    import numpy as np

    numbered = len(base.columns) <= _NUMBERED
    options = {"aspect": "auto", "interpolation": "nearest"}
    axes.imshow(np.ma.masked_invalid(base.to_numpy(float)), cmap="Greys", vmin=greys[0], vmax=greys[1], **options)
    if limit:
        axes.imshow(np.ma.masked_invalid(change.to_numpy(float)), cmap="PuOr", vmin=-limit, vmax=limit, **options)
    small = 6 if numbered else 5.5
    for row, code in enumerate(base.index):
        for place, system in enumerate(base.columns):
            level, own, sign = base.loc[code, system], change.loc[code, system], signs.loc[code, system]
            mark = {1: "+", -1: "\N{MINUS SIGN}", 0: ""}[sign]
            if numbered:
                words = f"{level:.0f}" if level == level else f"{own:+.1f}".replace("-", "\N{MINUS SIGN}")
                words += "*" if mark else ""
            else:
                words = mark
            # A sign at double stroke is seen on a dark cell too.
            dark = level > 0.45 * greys[0] + 0.55 * greys[1] if level == level else abs(own) > 0.65 * limit
            if words:
                axes.text(
                    place, row + 0.05, words, ha="center", va="center", fontsize=small,
                    color="white" if dark else "black", fontweight="bold" if mark else "normal",
                )  # fmt: skip
    facts = scores.drop_duplicates("language").set_index("language").loc[base.index]
    axes.set_yticks(range(len(base)), facts["language_name"], fontsize=6.5 if len(base) <= 40 else 5.5)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _classes(axes, facts["joshi_class"].fillna(-1).astype(int).tolist())
    starts = [place for place, system in enumerate(base.columns) if place and System.parse(system).is_base]
    for place in starts:
        axes.axvline(place - 0.5, color="white", linewidth=1.6)


def _classes(axes, classes: list[int]) -> None:
    """Part the resource classes by lines and name each at the right."""
    for row, own in enumerate(classes):
        if row and own == classes[row - 1]:
            continue
        if row:
            axes.axhline(row - 0.5, color="white", linewidth=1.6)
        name = plots.CLASSES.get(own, "not classified")
        axes.annotate(
            name, (1, row - 0.45), xycoords=("axes fraction", "data"), fontsize=6, color="0.35",
            va="top", xytext=(4, 0), textcoords="offset points",
        )  # fmt: skip


def _bars(figure, greys: tuple[float, float], limit: float) -> None:
    """Draw the keys of the colours below the panels, at one size whatever the page's."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    inches = figure.get_figheight()
    bars = [("Greys", *greys, "Score of the untuned base (%)")]
    if limit:
        bars.append(("PuOr", -limit, limit, "Loss and gain against the base (points)"))
    for place, (colours, low, high, words) in enumerate(bars):
        axes = figure.add_axes([0.08 + 0.42 * place, -0.32 / inches, 0.34, 0.09 / inches])
        extend = "both" if colours == "PuOr" else "neither"
        key = ScalarMappable(Normalize(low, high), colours)
        bar = figure.colorbar(key, cax=axes, orientation="horizontal", extend=extend)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=6, length=2)
        bar.set_label(words, fontsize=7)


def _small_print(parts, made, tuned: bool) -> list[str]:
    """Return n, what is marked, and what is missing."""
    items = [int(value) for scores, _ in parts for value in scores["items"]]
    many = f"{min(items):,}" if min(items) == max(items) else f"{min(items):,} to {max(items):,}"
    halves = [
        half
        for scores, comparisons in parts
        for half in ((comparisons["high"] - comparisons["low"]) / 2)[
            (comparisons["kind"] == "base")
            & (comparisons["about"] == ADAPTERS)
            & comparisons["language"].isin(set(scores["language"]))
        ].dropna()
    ]
    words = [f"n = {many} items a language. Languages by resource class (Joshi et al. 2020), then by untuned score."]
    if tuned:
        numbered = len(made[0][1].columns) <= _NUMBERED
        marked = sum(int((signs != 0).to_numpy().sum()) for *_, signs in made)
        total = sum(int(change.notna().to_numpy().sum()) for _, _, change, _ in made)
        half = sum(halves) / len(halves) * 100
        words.append(
            f"{'*' if numbered else '+ and ' + chr(0x2212)}: differs from the base at Holm-adjusted p < 0.05, tested "
            f"on the same items within one benchmark ({marked:,} of {total:,} cells). An unmarked change is "
            f"undecided, not absent; 95 % intervals reach {half:.1f} points to each side on average."
        )
    else:
        words.append("This study has no adapter, so there is no change to show.")
    return words
