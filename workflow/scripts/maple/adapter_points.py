"""One point per adapter: its mean change over benchmarks, and how points of adapters are drawn."""

from maple import plots
from maple.benchmarks import DECLARED
from maple.pairs import ADAPTERS
from maple.systems import System

# Precision is drawn as the fill of a marker: open, pale, full.
_FILL = {4: 0.0, 8: 0.35, 16: 1.0}
# Each shape once: here the fill is taken.
_MARKERS = list(dict.fromkeys(plots.MARKERS))


def changes(comparisons, groups: list[str]):
    """Return the mean change of each adapter by measurement, and which benchmarks stand behind it.

    The interval of a mean over k benchmarks is the root of the summed squares of their half intervals, over k: no two
    benchmarks share an item, so their errors are independent. Benchmarks that lack one of the groups are left out,
    so that all groups rest on the same ones.

    Args:
        comparisons: The table of comparisons.
        groups: ``all``, ``low``, ``high`` or a language's code.

    Returns:
        Table with scoring, system and, per group, ``<group>``, ``<group>_low`` and ``<group>_high``, in points; and
        measurement -> names of the benchmarks used.
    """
    import numpy as np
    import pandas as pd

    rows = comparisons[
        (comparisons["kind"] == "base") & (comparisons["about"] == ADAPTERS) & comparisons["language"].isin(groups)
    ]
    complete = rows.groupby("benchmark")["language"].nunique() == len(set(groups))
    rows = rows[rows["benchmark"].map(complete).astype(bool)]
    used, found = {}, []
    for (scoring, system), part in rows.groupby(["scoring", "system"], sort=False):
        used[scoring] = [DECLARED[name].name for name in dict.fromkeys(part["benchmark"])]
        point = {"scoring": scoring, "system": system}
        for group in groups:
            own = part[part["language"] == group]
            mean = own["difference"].mean() * 100
            # A change without an interval leaves the mean without one.
            below = np.sqrt(((own["difference"] - own["low"]) ** 2).sum(skipna=False)) / len(own) * 100
            above = np.sqrt(((own["high"] - own["difference"]) ** 2).sum(skipna=False)) / len(own) * 100
            point |= {group: mean, f"{group}_low": mean - below, f"{group}_high": mean + above}
        found.append(point)
    return pd.DataFrame(found), used


def family(system: System, spec: dict) -> str:
    """Return what one colour and marker stand for: model, method and data, as far as the study has several."""
    parts = [(spec["models"], system.model), (spec["methods"], system.method), (spec["data"], system.data)]
    return ", ".join(names[slug] for names, slug in parts if len(names) > 1) or spec["models"][system.model]


def looks(systems: list[str], spec: dict) -> dict[str, dict]:
    """Return colour, marker and fill of each adapter by its path."""
    parsed = {path: System.parse(path) for path in systems}
    families = list(dict.fromkeys(family(system, spec) for system in parsed.values()))
    # One precision alone needs no code.
    several = len({system.bits for system in parsed.values()}) > 1
    found = {}
    for path, system in parsed.items():
        number = families.index(family(system, spec))
        found[path] = {
            "family": families[number],
            "bits": system.bits,
            "colour": plots.COLOURS[(number + 1) % len(plots.COLOURS)],
            "marker": _MARKERS[number % len(_MARKERS)],
            "fill": _FILL[system.bits] if several else 1.0,
        }
    return found


def draw(axes, x, y, look: dict, size: float, intervals: bool = True) -> None:
    """Draw a point with its intervals; ``x`` and ``y`` are (value, low, high), ``x`` may be a bare value."""
    x_value = x[0] if isinstance(x, tuple) else x
    if intervals:
        lines = {"color": look["colour"], "linewidth": 0.6, "alpha": 0.3, "zorder": 1}
        axes.vlines(x_value, y[1], y[2], **lines)
        if isinstance(x, tuple):
            axes.hlines(y[0], x[1], x[2], **lines)
    # White below the pale fill, so that no interval shines through.
    for face, edge in (("white", "none"), (_face(look), look["colour"])):
        axes.scatter(
            x_value, y[0], s=size, marker=look["marker"], facecolor=face, edgecolor=edge, linewidth=0.9, zorder=2
        )


def _face(look: dict):
    from matplotlib.colors import to_rgba

    return to_rgba(look["colour"], look["fill"])


def handles(found: dict[str, dict]) -> list[list]:
    """Return the legend's two columns: a marker per family and, if there are several, a fill per precision."""
    from matplotlib.lines import Line2D

    style = {"linestyle": "none", "markersize": 5, "markeredgewidth": 0.9}
    families = {look["family"]: look for look in found.values()}
    shapes = [
        Line2D([], [], marker=look["marker"], color=look["colour"], label=name, **style)
        for name, look in families.items()
    ]
    bits = sorted({look["bits"] for look in found.values()})
    fills = [
        Line2D([], [], marker="o", color="black", markerfacecolor=str(1 - _FILL[value]), label=f"{value}-bit", **style)
        for value in bits
    ]
    return [shapes, fills if len(fills) > 1 else []]
