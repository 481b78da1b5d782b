"""Figures: one style, readable in grey and by colour-blind readers."""

import io
from pathlib import Path

from maple.files import replaced

# Okabe & Ito's colours, in an order that also steps in lightness; markers carry the same distinction.
COLOURS = ["#000000", "#0072B2", "#E69F00", "#666666", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#F0E442"]
MARKERS = ["o", "s", "^", "o", "s", "^", "D", "v", "P"]
METRICS = {"accuracy": "Accuracy", "f1": "F1"}
_CLASSES = {
    0: "class 0 (least data)",
    1: "class 1",
    2: "class 2",
    3: "class 3",
    4: "class 4",
    5: "class 5 (most data)",
}


def style():
    """Return matplotlib with the project's settings, drawing to files only."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update(
        {
            "font.size": 8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 9,
            "axes.titlelocation": "left",
            "legend.frameon": False,
            "pdf.fonttype": 42,
            "svg.hashsalt": "maple",
            "figure.dpi": 100,
            "savefig.dpi": 200,
        }
    )
    return plt


def save(figure, *paths) -> None:
    """Write a figure to each path, in the format of its suffix, with no date in it."""
    for path in map(Path, paths):
        kind = path.suffix[1:]
        metadata = {"pdf": {"CreationDate": None, "Producer": None}, "png": {"Software": None}}.get(kind)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, bbox_inches="tight", metadata=metadata)
        with replaced(path, "wb") as stream:
            stream.write(buffer.getvalue())


def by_language(table, title: str, notes: list[str]):
    """Return the figure of scores by language: every system, intervals, the chance line.

    Args:
        table: The long table of one benchmark.
        title: Title.
        notes: Caveats, written below.

    Returns:
        The figure. Languages run from the highest resource class down, within a class from the highest
        score of the untuned bases.
    """
    plt = style()
    facts = table.drop_duplicates("language").set_index("language")
    order = _language_order(table, facts)
    systems = list(dict.fromkeys(zip(table["system"], table["label"], strict=True)))
    shared = f"{table['label'].iloc[0].split(', ')[0]}, " if table["model"].nunique() == 1 else ""

    figure, axes = plt.subplots(figsize=(6.4, 1.3 + len(order) * max(0.3, 0.075 * len(systems))))
    _draw_systems(axes, table, order, systems, shared)
    if table["chance"].notna().any():
        _draw_chance(axes, table["chance"].iloc[0] * 100)
    _draw_classes(axes, [_class(facts, code) for code in order])
    counts = facts.loc[order, "items"]
    same = counts.nunique() == 1
    names = [facts.loc[code, "language_name"] + ("" if same else f" (n = {counts[code]})") for code in order]
    axes.set_yticks(range(len(order)), names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    items = f"n = {counts.iloc[0]} items per language" if same else "n per language in brackets"
    axes.set_xlabel(f"{METRICS[table['metric'].iloc[0]]} (%), 95 % interval, {items}")
    axes.set_title(title, pad=14)
    _write_below(figure, axes, len(systems), shared.rstrip(", "), notes)
    return figure


def _language_order(table, facts) -> list[str]:
    """Return languages by falling resource class, then by falling mean score of the untuned bases."""
    untuned = table[table["rank"].isna()].groupby("language")["score"].mean()
    return sorted(facts.index, key=lambda code: (-_class(facts, code), -untuned[code], code))


def _draw_systems(axes, table, order: list[str], systems: list[tuple[str, str]], shared: str) -> None:
    """Draw one marker with its interval per system and language, systems side by side within a language."""
    step = 0.76 / max(1, len(systems))
    for number, (path, label) in enumerate(systems):
        rows = table[table["system"] == path].set_index("language").loc[order]
        places = [row + (number - (len(systems) - 1) / 2) * step for row in range(len(order))]
        is_base = bool(rows["rank"].isna().all())
        colour = COLOURS[number % len(COLOURS)]
        axes.errorbar(
            rows["score"] * 100,
            places,
            xerr=[(rows["score"] - rows["low"]) * 100, (rows["high"] - rows["score"]) * 100],
            fmt=MARKERS[number % len(MARKERS)],
            color=colour,
            markerfacecolor="white" if is_base else colour,
            markersize=3.6,
            elinewidth=0.8,
            label=label.removeprefix(shared),
        )


def _draw_chance(axes, chance: float) -> None:
    """Draw the score of guessing, in per cent."""
    axes.axvline(chance, color="0.35", linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    axes.annotate(
        f"chance {chance:.0f} %",
        (chance, 1),
        xycoords=("data", "axes fraction"),
        xytext=(2, 2),
        textcoords="offset points",
        fontsize=7,
        color="0.35",
    )


def _draw_classes(axes, classes: list[int]) -> None:
    """Separate the languages, more strongly between resource classes, and name each class at the right."""
    for row, own in enumerate(classes):
        begins = row == 0 or own != classes[row - 1]
        if row:
            axes.axhline(row - 0.5, color="0.6" if begins else "0.92", linewidth=0.9 if begins else 0.6, zorder=0)
        if begins:
            axes.annotate(
                _CLASSES.get(own, "not classified"),
                (1, row - 0.45),
                xycoords=("axes fraction", "data"),
                fontsize=6.5,
                color="0.35",
                ha="left",
                va="top",
                xytext=(4, 0),
                textcoords="offset points",
            )


def _write_below(figure, axes, systems: int, heading: str, notes: list[str]) -> None:
    """Put the legend and the caveats below the axes."""
    below = -0.42 / figure.get_figheight()
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.42, below - 0.03),
        ncol=2 if systems < 7 else 3,
        title=heading or None,
        fontsize=7.5,
        handletextpad=0.4,
    )
    bottom = below - 0.05 - 0.2 * (systems // 2 + 2) / figure.get_figheight()
    axes.text(0, bottom, "\n".join(notes), transform=axes.transAxes, fontsize=6.5, color="0.25", va="top", wrap=False)


def _class(facts, code: str) -> int:
    value = facts.loc[code, "joshi_class"]
    return -1 if value != value else int(value)


def training_curves(panels: dict[str, dict[str, list[dict]]], title: str):
    """Return the figure of training loss (lines) and held-out loss (markers).

    Args:
        panels: Panel -> line -> training journal.
        title: Title.
    """
    plt = style()
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(max(3.4, 2.4 * columns), 0.6 + 2.0 * rows), sharey=True, squeeze=False
    )
    for axes, (panel, lines) in zip(grid.flat, panels.items(), strict=False):
        for number, (label, journal) in enumerate(lines.items()):
            steps = [entry for entry in journal if "loss" in entry]
            looks = [entry for entry in journal if "held_out_loss" in entry]
            style_of = {"color": COLOURS[number % len(COLOURS)], "linewidth": 0.9}
            axes.plot([e["step"] for e in steps], [e["loss"] for e in steps], label=label, **style_of)
            axes.plot(
                [e["step"] for e in looks],
                [e["held_out_loss"] for e in looks],
                marker=MARKERS[number % len(MARKERS)],
                markersize=4,
                linestyle=":",
                **style_of,
            )
        axes.set_title(panel, fontsize=7.5)
        axes.set_xlabel("Step")
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("Loss (nats per token)")
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    figure.tight_layout()
    handles = {label: line for axes in grid.flat for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    handles |= {
        "batch": plt.Line2D([], [], color="0.4", linewidth=0.9),
        "held out": plt.Line2D([], [], color="0.4", linewidth=0.9, linestyle=":", marker="o", markersize=4),
    }
    named = {label: line for label, line in handles.items() if label}
    # Below the panels, where no curve can run through it.
    figure.legend(
        named.values(),
        named.keys(),
        fontsize=7,
        ncols=min(6, len(named)),
        loc="upper center",
        bbox_to_anchor=(0.5, 0.02),
    )
    return figure
