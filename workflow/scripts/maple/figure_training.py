"""Training and held-out loss, a panel per setting."""

import textwrap

from maple.plots import COLOURS, MARKERS, style


def draw(panels: dict[str, dict[str, list[dict]]], title: str):
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
        # As wide as a panel, so that no title runs into the next.
        axes.set_title("\n".join(part for line in panel.split("\n") for part in textwrap.wrap(line, 34)), fontsize=7)
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
