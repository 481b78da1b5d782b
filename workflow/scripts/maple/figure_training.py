"""Training and held-out loss, a panel per setting."""

import textwrap

from maple import plots
from maple.plots import SHAPES

_SAMPLE = "Sample instructions, machine-written: these losses show that the line works and measure nothing else."


def draw(panels: dict[str, dict[str, list[dict]]], title: str, sample: bool = False):
    """Return the figure of training loss (lines) and held-out loss (markers).

    Args:
        panels: Panel -> line -> training journal.
        title: Title.
        sample: Whether some of the instructions are sample data.
    """
    plt = plots.style()
    # Shorter numbers are smaller ranks.
    labels = sorted({label for lines in panels.values() for label in lines}, key=lambda label: (len(label), label))
    colours = plots.ramp(len(labels))
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(max(3.4, 2.3 * columns), 0.6 + 1.9 * rows),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, (panel, lines) in zip(grid.flat, panels.items(), strict=False):
        for label, journal in lines.items():
            number = labels.index(label)
            steps = [entry for entry in journal if "loss" in entry]
            looks = [entry for entry in journal if "held_out_loss" in entry]
            style_of = {"color": colours[number], "linewidth": 0.9}
            axes.plot([e["step"] for e in steps], [e["loss"] for e in steps], label=label, **style_of)
            axes.plot(
                [e["step"] for e in looks],
                [e["held_out_loss"] for e in looks],
                marker=SHAPES[number % len(SHAPES)],
                markersize=4,
                markerfacecolor="none",
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
    plots.title(figure, title)
    handles = {label: line for axes in grid.flat for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    notes = [_SAMPLE] if sample else []
    notes.append("Each line is one training, without interval: the loss of its batches.")
    notes.append("Markers on dotted lines: the loss of held-out examples of the same instruction data.")
    plots.small_print(figure, notes, [handles[label] for label in labels if label])
    return figure
