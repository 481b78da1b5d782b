"""The figure of label bias: how much more or less often each option is predicted than it is right."""

import textwrap

from maple import plots

# More languages than that fill no page: those with the strongest bias are drawn.
MOST = 40
_BITS = {4: plots.COLOURS[2], 8: plots.COLOURS[4], 16: plots.COLOURS[1]}
# Precisions side by side within a line.
_SHIFT = {4: -0.22, 8: 0.0, 16: 0.22}


def draw(table, title: str, notes: list[str]):
    """Return the figure: a panel per option, a row of panels per base model, a line per language.

    Args:
        table: The benchmark's table of labels.
        title: Title.
        notes: Caveats, written below.
    """
    plt = plots.style()
    table = table.assign(excess=(table["predicted_share"] - table["gold_share"]) * 100)
    options, models = list(dict.fromkeys(table["option"])), list(dict.fromkeys(table["model"]))
    order = _order(table)[:MOST]
    table = table[table["language"].isin(order)]
    height = 0.9 + len(models) * (0.5 + 0.14 * max(len(order), 6))
    figure, grid = plt.subplots(
        len(models),
        len(options),
        figsize=(plots.PAGE, height),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for line, model in zip(grid, models, strict=True):
        own = table[table["model"] == model]
        for axes, option in zip(line, options, strict=True):
            _panel(axes, own[own["option"] == option], order)
            axes.set_title(option if len(models) == 1 else f"{own['label'].iloc[0].split(',')[0]}: {option}")
    names = table.drop_duplicates("language").set_index("language")["language_name"]
    words = [textwrap.shorten(names[code], 28, placeholder=" ...") for code in order]
    for axes in grid[:, 0]:
        axes.set_yticks(range(len(order)), words, fontsize=6.5)
    grid[0, 0].set_ylim(len(order) - 0.5, -0.5)
    grid[0, 0].xaxis.set_major_locator(plt.MaxNLocator(5))
    figure.supxlabel("Share of predictions minus share of gold labels, in points", fontsize=8)
    # Above the figure, out of its layout; save makes room for them.
    figure.text(0.005, 1 + 0.26 / height, title, fontsize=9, va="bottom")
    figure.legend(
        handles=_handles(plt, table), loc="lower left", bbox_to_anchor=(0, 1), ncols=6, fontsize=7, columnspacing=1.2
    )
    plots.small_print(figure, notes)
    return figure


def _order(table) -> list[str]:
    """Return languages from the strongest mean bias of the untuned bases down."""
    untuned = table[table["rank"].isna()].groupby("language")["total_variation"].mean()
    return sorted(untuned.index, key=lambda code: (-untuned[code], code))


def _panel(axes, rows, order: list[str]) -> None:
    """Draw one option: finetuned systems as small dots, untuned bases as larger hollow ones on top."""
    axes.axvline(0, color=plots.GUIDE, linewidth=0.8, zorder=0)
    axes.grid(axis="y", color="0.92", linewidth=0.5)
    axes.tick_params(axis="y", length=0)
    place = rows["language"].map({code: row for row, code in enumerate(order)}) + rows["bits"].map(_SHIFT)
    for bits, own in rows.groupby("bits"):
        untuned = own["rank"].isna()
        tuned = own[~untuned]
        axes.plot(tuned["excess"], place[tuned.index], ".", color=_BITS[bits], markersize=3, alpha=0.7, zorder=2)
        base = own[untuned]
        axes.plot(
            base["excess"], place[base.index], "o", markerfacecolor="none", color=_BITS[bits], markersize=4, zorder=3
        )


def _handles(plt, table) -> list:
    """Return legend entries: untuned and finetuned at each precision."""
    found = []
    for bits in sorted(table["bits"].unique()):
        tuned = table.loc[table["bits"] == bits, "rank"].notna().any()
        style = {"color": _BITS[bits], "linestyle": "none"}
        found.append(plt.Line2D([], [], marker="o", markerfacecolor="none", label=f"{bits}-bit, untuned", **style))
        found += [plt.Line2D([], [], marker=".", label=f"{bits}-bit, finetuned", **style)] if tuned else []
    return found
