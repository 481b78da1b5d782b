"""The figure of what adapters cost, in hours and memory, against what they gain."""

from dataclasses import dataclass

from maple import adapter_points, figure_parts, plots
from maple.device_time import device_seconds, evaluation_seconds
from maple.systems import System


@dataclass(frozen=True)
class Cost:
    """What an adapter's provenance says; ``None`` where it says nothing.

    Attributes:
        training: Hours of training times the number of devices, or the share of one.
        evaluation: Hours of all its predictions; ``None`` if something is unknown.
        memory: Peak memory of training, in GiB: of the device, or of the process on a CPU.
        device: Name of the device.
        resumed: Whether training was resumed, so that the hours leave out what ran before.
    """

    training: float | None
    evaluation: float | None
    memory: float | None
    device: str
    resumed: bool


def read(adapter: dict | None, predictions: list[tuple[dict | None, set[str]]]) -> Cost:
    """Return the cost of an adapter.

    Args:
        adapter: The provenance of its training, ``None`` if the file is gone.
        predictions: Provenance of its predictions on each benchmark, and the languages these consist of.
    """
    each = [evaluation_seconds(made, languages) for made, languages in predictions]
    evaluation = sum(each) / 3600 if each and None not in each else None
    if adapter is None:
        return Cost(None, evaluation, None, "", False)
    peak = adapter["peak_device_memory_bytes"] or adapter["peak_memory_bytes"]
    training, resumed = device_seconds(adapter) / 3600, bool(adapter["resumed_at"])
    return Cost(training, evaluation, peak / 2**30, adapter["device"], resumed)


def draw(comparisons, costs: dict[str, Cost], spec: dict):
    """Return the figure: a row per measurement, a column per cost.

    Args:
        comparisons: The table of comparisons.
        costs: System -> cost of each adapter.
        spec: Title, names and caveats.
    """
    title = f"Cost and gain: {spec['study']}"
    notes = figure_parts.caveats(spec)
    points, used = adapter_points.changes(comparisons, ["all"])
    if points.empty:
        words = "This study has no adapter beside its base, so there is no gain to set against a cost."
        return figure_parts.words_only(title, words, notes)
    device, memory = _units(costs)
    hours = [hour for cost in costs.values() for hour in (cost.training, cost.evaluation) if hour is not None]
    factor, unit = (60, f"{device}-minutes") if hours and max(hours) < 0.2 else (1, f"{device}-hours")
    columns = {"training": f"Training ({unit})", "evaluation": f"Evaluation ({unit})", "memory": memory}
    columns = {name: words for name, words in columns.items() if any(getattr(c, name) for c in costs.values())}
    if not columns:
        words = "No provenance file of an adapter or its predictions is there, so nothing is known of the cost."
        return figure_parts.words_only(title, words, notes)

    def shown(cost, name):
        value = getattr(cost, name)
        return value if value is None or name == "memory" else value * factor

    plt = plots.style()
    figure, grid = plt.subplots(
        len(used), len(columns), figsize=(plots.PAGE if len(columns) > 1 else 3.6, 0.6 + 2.2 * len(used)),
        squeeze=False, layout="constrained", sharex="col", sharey="row",
    )  # fmt: skip
    looks = adapter_points.looks(list(dict.fromkeys(points["system"])), spec)
    ranks = {path: _rank(System.parse(path), spec) for path in looks}
    sizes = _sizes(sorted(set(ranks.values())))
    for line, scoring in zip(grid, used, strict=True):
        line[0].set_ylabel(f"Mean change, by {scoring}\n(points)")
        for axes, name in zip(line, columns, strict=True):
            axes.axhline(0, color=plots.GUIDE, linewidth=0.8, zorder=0)
            for row in points[points["scoring"] == scoring].itertuples():
                value = shown(costs[row.system], name)
                if value is not None:
                    # ``all`` is the mean over all languages of each benchmark.
                    adapter_points.draw(
                        axes, value, (row.all, row.all_low, row.all_high), looks[row.system], sizes[ranks[row.system]]
                    )
    for axes, (name, words) in zip(grid[-1], columns.items(), strict=True):
        axes.set_xlabel(words)
        _scale(axes, [value for cost in costs.values() if (value := shown(cost, name)) is not None])
    plots.title(figure, title)
    keys = [*adapter_points.handles(looks), _size_handles(plt, sizes)]
    figure_parts.write_below(figure, keys, notes + _small_print(costs, used, list(columns)))
    return figure


def _rank(system: System, spec: dict) -> int:
    """Return an adapter's rank, 0 if its method has none."""
    return 0 if system.method in spec["rankless"] else system.rank


def _sizes(ranks: list[int]) -> dict[int, float]:
    """Return rank -> area of its markers, growing with the rank."""
    return {rank: 12.0 + 36.0 * place / max(len(ranks) - 1, 1) for place, rank in enumerate(ranks)}


def _size_handles(plt, sizes: dict[int, float]) -> list:
    """Return the legend's entries of the ranks; none if there is only one."""
    style = {"linestyle": "none", "marker": "o", "color": "0.6"}
    names = {rank: f"rank {rank}" if rank else "no rank" for rank in sizes}
    entries = [plt.Line2D([], [], markersize=sizes[rank] ** 0.5, label=names[rank], **style) for rank in sizes]
    return entries if len(entries) > 1 else []


def _scale(axes, values: list[float]) -> None:
    """Begin at zero, or take logarithms where costs differ tenfold."""
    if min(values) > 0 and max(values) > 10 * min(values):
        axes.set_xscale("log")
    else:
        axes.set_xlim(0, max(values) * 1.1)


def _units(costs: dict[str, Cost]) -> tuple[str, str]:
    """Return what time is time of, and the label of memory."""
    on_cpu = {cost.device == "cpu" for cost in costs.values() if cost.device}
    if on_cpu == {True}:
        return "CPU", "Peak memory of training (GiB)"
    if on_cpu == {False}:
        return "GPU", "Peak GPU memory of training (GiB)"
    return "Device", "Peak memory of training (GiB)"


def _small_print(costs: dict[str, Cost], used: dict, columns: list[str]) -> list[str]:
    """Return n, the interval, the devices, and what is missing."""
    devices = sorted({"CPU" if cost.device == "cpu" else cost.device for cost in costs.values() if cost.device})
    behind = "; ".join(f"by {scoring}: {figure_parts.listed(names)}" for scoring, names in used.items())
    words = [
        f"One point per adapter ({len(costs)}). Change: adapter minus its base, mean over languages and, with equal "
        f"weight, over benchmarks ({behind}); lines are 95 % intervals from resampling items.",
        f"Cost: wall time of the job{'' if devices == ['CPU'] else ' times its GPUs, of a shared one its share'}, "
        "loading included, as the "
        f"provenance files beside the results recorded it on {figure_parts.listed(devices) or 'unknown devices'}. Such "
        "facts vary from run to run and with what else ran on the machine; nothing is remade when they change.",
    ]
    unknown = {
        "training": sum(cost.training is None for cost in costs.values()),
        "evaluation": sum(cost.evaluation is None for cost in costs.values()),
    }
    for name, count in unknown.items():
        if count:
            why = "their provenance is missing" + (" or leaves out a run" if name == "evaluation" else "")
            shown = "" if name in columns else "; no panel"
            words.append(f"{name.capitalize()} time is not shown for {count} adapters: {why}{shown}.")
    resumed = sum(cost.resumed for cost in costs.values())
    if resumed:
        words.append(f"Resumed adapters: {resumed}; their hours leave out what ran before the last start.")
    return words
