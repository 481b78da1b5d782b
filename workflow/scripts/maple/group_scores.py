"""Mean scores over groups of languages, with intervals, from the tables of one benchmark."""

from dataclasses import dataclass, replace

from maple import groups, variance
from maple.pairs import ADAPTERS, SETTINGS
from maple.scored import Scored, between_seeds, over_seeds
from maple.systems import System

_WORDS = {"all": "All languages", "low": "Low-resource (classes 0–2)", "high": "High-resource (classes 4–5)"}
COMPARED = ["kind", "about", "model", "bits", "data", "method", "rank", "language", "against_value"]
COMPARED += ["difference", "low", "high", "verdict"]


@dataclass(frozen=True)
class Group:
    """Languages whose mean is drawn together.

    Attributes:
        key: What the column ``language`` of the comparisons calls it.
        words: Name in words, with the number of languages.
        places: Places of its languages in the table.
    """

    key: str
    words: str
    places: tuple[int, ...]


def groups_of(languages: list[tuple[str, str, int | None]]) -> list[Group]:
    """Return low-resource, high-resource and English; where one of the first two is missing, all languages as well.

    Groups of the same languages are listed once.

    Args:
        languages: Code, name and resource class of each.
    """
    members = groups.members([(code, joshi) for code, _, joshi in languages])
    wanted = {key: members.get(key, []) for key in ("low", "high")}
    if not all(wanted.values()):
        wanted = {"all": members["all"]} | wanted
    wanted["en"] = [place for place, (code, *_) in enumerate(languages) if code == "en"]
    found: dict[tuple, Group] = {}
    for key, places in wanted.items():
        if places:
            code, name, _ = languages[places[0]]
            one = len(places) == 1
            count = f"{name} only" if one else f"mean of {len(places)} languages"
            words = name if key == "en" or len(languages) == 1 else f"{_WORDS[key]}\n{count}"
            own = Group(code if one else key, words, tuple(places))
            found.setdefault(own.places, own)
    return list(found.values())


def scored(table, resampled) -> Scored:
    """Return the scores of a benchmark's table and their bootstrap (rows by system, then by language)."""
    systems = table.drop_duplicates("system")
    languages = table.drop_duplicates("language")
    classes = [None if joshi != joshi else int(joshi) for joshi in languages["joshi_class"].astype(float)]
    return Scored(
        systems=[System.parse(path) for path in systems["system"]],
        labels=list(systems["label"]),
        languages=list(zip(languages["language"], languages["language_name"], classes, strict=True)),
        means=table["score"].to_numpy().reshape(len(systems), len(languages)),
        resampled=resampled,
        counts=list(languages["items"]),
    )


def frame(found: Scored, table):
    """Return one row per setting (a system without its seed) and group: mean score with its 95 % interval.

    The interval is that of the bootstrap over items, with the spread between seeds where a setting has several. A
    single system in a single language has the interval of the table.

    Args:
        found: The scores.
        table: The table they are from.
    """
    import numpy as np
    import pandas as pd

    settings, seeds = over_seeds(found)
    ends = {end: table[end].to_numpy().reshape(found.means.shape) for end in ("low", "high")}
    first = [next(p for p, s in enumerate(found.systems) if replace(s, seed=None) == own) for own in settings.systems]
    facts = pd.DataFrame([vars(system) for system in settings.systems]).drop(columns="seed").assign(seeds=seeds)
    facts = facts.astype({"rank": float})
    parts = []
    for group in groups_of(found.languages):
        places = list(group.places)
        means, drawn = settings.cell(places)
        spread = between_seeds(found, places)
        spreads = [spread.times(np.where(seeds > 1, 1 / np.maximum(seeds, 1), 0.0))] if spread.df else []
        result = variance.combine(means, drawn.var(axis=0), spreads)
        low, high = np.clip(result.low, 0, 1), np.clip(result.high, 0, 1)
        if len(places) == 1:
            low = np.where(seeds > 1, low, ends["low"][first, places[0]])
            high = np.where(seeds > 1, high, ends["high"][first, places[0]])
        parts.append(facts.assign(group=group.key, score=means, low=low, high=high))
    return pd.concat(parts, ignore_index=True)


def by_seed(found: Scored):
    """Return one row per adapter and group: its mean score, for settings that have several seeds."""
    import pandas as pd

    facts = pd.DataFrame([vars(system) for system in found.systems]).astype({"rank": float})
    coordinates = ["model", "bits", "data", "method", "rank"]
    several = facts.groupby(coordinates, dropna=False)["seed"].transform("count") > 1
    parts = []
    for group in groups_of(found.languages):
        means, _ = found.cell(list(group.places))
        parts.append(facts.assign(group=group.key, score=means)[several])
    return pd.concat(parts, ignore_index=True)


def compared(comparisons, kind: str) -> dict:
    """Return the comparisons of one kind by ``(about, first setting, value of the second, language or group)``.

    Args:
        comparisons: The table of one benchmark, columns ``COMPARED``.
        kind: ``base`` or ``bits``.
    """
    found = {}
    for row in comparisons[comparisons["kind"] == kind].itertuples():
        other = row.against_value if kind == "base" else int(float(row.against_value))
        found[row.about, _setting(row), other, row.language] = row
    return found


def setting_of(row) -> tuple[str, System]:
    """Return what comparisons of a row of :func:`frame` are about, and its setting."""
    return SETTINGS if row.seeds > 1 else ADAPTERS, _setting(row)


def _setting(row) -> System:
    """Return the coordinates of a row without its seed."""
    import pandas as pd

    tuned = (None, None, None) if pd.isna(row.rank) else (row.data, row.method, int(row.rank))
    return System(row.model, int(row.bits), *tuned)
