"""The headings over the columns of the heatmap: model, precision, recipe, rank and seed, each where it varies."""

from maple import plots
from maple.systems import System


def levels(systems: list[str], spec: dict) -> list[list[str]]:
    """Return the column headings, from the coarsest coordinate to the finest; those that do not vary are left out."""
    parsed = [System.parse(path) for path in systems]
    several_seeds = len({system.seed for system in parsed if not system.is_base}) > 1

    def finest(system: System) -> str:
        if system.is_base:
            return "untuned"
        return f"{system.rank}" + (f" / {system.seed}" if several_seeds else "")

    def recipe(system: System) -> str:
        if system.is_base:
            return ""
        method = spec["methods"][system.method]
        data = spec["data"][system.data]
        if len(spec["data"]) == 1:
            return method
        return data if len(spec["methods"]) == 1 else f"{data}, {method}"

    found = [
        [spec["models"][system.model] for system in parsed],
        [f"{system.bits}-bit" for system in parsed],
        [recipe(system) for system in parsed],
        [finest(system) for system in parsed],
    ]
    return [level for level in found if any(level)]


def draw(axes, systems: list[str], spec: dict, crowded: bool) -> float:
    """Write the headings over the columns; return the height they take, in inches."""
    *coarse, finest = levels(systems, spec)
    height = axes.get_position().height * axes.figure.get_figheight()
    column = axes.get_position().width * axes.figure.get_figwidth() / len(systems)
    size = 7 if not crowded else 6 if len(systems) <= 40 else 4.5
    level = 0.05
    for place, word in enumerate(finest):
        rotated = crowded or len(word) > 7
        axes.annotate(
            word, (place, 1 + level / height), xycoords=("data", "axes fraction"), ha="center", va="bottom",
            rotation=90 if rotated else 0, fontsize=size,
        )  # fmt: skip
    if any(not System.parse(path).is_base for path in systems):
        seeds = " / seed" if any(" / " in word for word in finest) else ""
        axes.annotate(
            f"rank{seeds}", (0, 1 + level / height), xycoords="axes fraction", xytext=(-4, 0),
            textcoords="offset points", ha="right", va="bottom", fontsize=6, color=plots.GUIDE,
        )  # fmt: skip
    level += max(len(word) for word in finest) * size * 0.6 / 72 if crowded else 0.14
    step = 0.15
    for labels in reversed(coarse):
        for start, end, word in spans(labels, systems, coarse):
            if word:
                axes.annotate(
                    word, ((start + end) / 2, 1 + (level + 0.05) / height), xycoords=("data", "axes fraction"),
                    ha="center", va="bottom", fontsize=min(7, (end - start + 1) * column * 72 / (0.6 * len(word))),
                )  # fmt: skip
                axes.plot(
                    [start - 0.4, end + 0.4], [1 + (level + 0.03) / height] * 2, color="0.4", linewidth=0.7,
                    transform=axes.get_xaxis_transform(), clip_on=False,
                )  # fmt: skip
        level += step
    return level


def spans(labels: list[str], systems: list[str], coarse: list[list[str]]):
    """Yield first column, last column and word of each run of equal headings within equal coarser ones."""
    depth = coarse.index(labels)
    keys = [tuple(level[place] for level in coarse[: depth + 1]) for place in range(len(systems))]
    start = 0
    for place in range(1, len(keys) + 1):
        if place == len(keys) or keys[place] != keys[start]:
            yield start, place - 1, labels[start]
            start = place
