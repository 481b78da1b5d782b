"""Comparisons of systems on the same items, one row each."""

from dataclasses import dataclass

from maple import statistics, variance
from maple.groups import NAMES
from maple.pairs import ADAPTERS, FEWEST_SEEDS, SETTINGS, pairs
from maple.scored import Scored, between_seeds, name, over_seeds

_OF = {
    "base": "an adapter with its base",
    "rank": "two ranks",
    "bits": "two precisions",
    "data": "two data sets",
    "reference": "a finetuned system with a published score",
}


def frame(scored: Scored, tables: dict):
    """Return all comparisons of a benchmark's systems on the same items, without their families.

    Args:
        scored: Scores and their bootstrap.
        tables: Items of each language (:func:`maple.item_tables.load`).
    """
    import pandas as pd

    found = _Pairs.of(scored)
    parts = [_by_language(found, tables), _by_group(found), _by_setting(scored)]
    return pd.concat([part for part in parts if len(part)], ignore_index=True) if len(found.first) else pd.DataFrame()


@dataclass(frozen=True)
class _Pairs:
    """Pairs of systems, or of settings, with their places among the scores.

    Attributes:
        scored: The scores.
        facts: What is the same for all languages: one row per pair.
        first: Places of the first systems.
        second: Places of the second systems.
    """

    scored: Scored
    facts: object
    first: object
    second: object

    @classmethod
    def of(cls, scored: Scored) -> "_Pairs":
        """Return all pairs of systems."""
        import numpy as np
        import pandas as pd

        found = pairs(scored.systems)
        first, second = (
            np.array([scored.places[getattr(pair, side)] for pair in found], dtype=int) for side in ("first", "second")
        )
        rows = []
        for pair, one, other in zip(found, first, second, strict=True):
            values = ("finetuned", "untuned")
            if pair.kind != "base":
                values = (getattr(pair.first, pair.kind), getattr(pair.second, pair.kind))
            rows.append(
                {
                    "kind": pair.kind,
                    "pairing": "same items",
                    "system": name(pair.first),
                    "label": scored.labels[one],
                    "against": name(pair.second),
                    "against_label": scored.labels[other],
                    "value": values[0],
                    "against_value": values[1],
                    **vars(pair.first),
                    "seeds": None if pair.first.is_base else 1,
                }
            )
        return cls(scored, pd.DataFrame(rows), first, second)

    def kept(self, chosen) -> "_Pairs":
        """Return some of the pairs."""
        return _Pairs(self.scored, self.facts[chosen], self.first[chosen], self.second[chosen])

    def difference(self, values):
        """Return first minus second along the last axis of values, which runs over systems."""
        return values[..., self.first] - values[..., self.second]

    def english(self):
        """Return each pair's difference in English; missing where the benchmark has none."""
        import numpy as np

        places = [place for place, (code, *_) in enumerate(self.scored.languages) if code == "en"]
        return self.difference(self.scored.means[:, places[0]]) if places else np.full(len(self.first), np.nan)


def _language(scored: Scored, place: int) -> dict:
    """Return the columns that name one language."""
    code, words, joshi = scored.languages[place]
    items = scored.counts[place]
    return {"language": code, "language_name": words, "joshi_class": joshi, "languages": 1, "items": items}


def _group(scored: Scored, group: str) -> dict:
    """Return the columns that name a group of languages."""
    members = scored.groups[group]
    return {
        "language": group,
        "language_name": f"mean of {len(members)}: {NAMES[group]}",
        "joshi_class": None,
        "languages": len(members),
        "items": sum(scored.counts[place] for place in members),
    }


def _by_language(found: _Pairs, tables: dict):
    """Compare single systems in single languages, item by item."""
    import pandas as pd

    parts = []
    for place, part in enumerate(tables.values()):
        differences = found.difference(part.credits)
        low, high = statistics.difference_interval(differences)
        won, lost = (differences > 0).sum(axis=0), (differences < 0).sum(axis=0)
        test, p = statistics.paired_test(differences)
        unread = {}
        if part.unparsed is not None:
            either = part.unparsed[:, found.first] | part.unparsed[:, found.second]
            unread["difference_unparsed"] = (differences * either).mean(axis=0)
        parts.append(
            found.facts.assign(
                about=ADAPTERS,
                **_language(found.scored, place),
                difference=differences.mean(axis=0),
                low=low,
                high=high,
                items_won=won,
                items_lost=lost,
                discordant=won + lost,
                **unread,
                test=test,
                p=p,
            )
        )
    return pd.concat(parts)


def _by_group(found: _Pairs):
    """Compare single systems in the mean over groups of languages."""
    import pandas as pd

    parts = []
    for group, places in found.scored.groups.items():
        means, resampled = found.scored.cell(places)
        difference = found.difference(means)
        result = variance.combine(difference, found.difference(resampled).var(axis=0))
        parts.append(
            found.facts.assign(
                about=ADAPTERS,
                **_group(found.scored, group),
                difference=difference,
                low=result.low,
                high=result.high,
                test="bootstrap over items",
                p=result.p,
                english=found.english(),
            )
        )
    return pd.concat(parts)


def _by_setting(scored: Scored):
    """Compare settings, seeds and items both being drawn; only finetuned ones with at least two seeds each."""
    import numpy as np
    import pandas as pd

    settings, seeds = over_seeds(scored)
    found = _Pairs.of(settings)
    repeated = (seeds[found.first] > 1) & (seeds[found.second] != 1)
    if not repeated.any():
        return pd.DataFrame()
    found = found.kept(repeated)
    first, second = seeds[found.first], seeds[found.second]
    # A base has no seed and adds no variance of its own.
    weights = 1 / first + np.where(second > 0, 1 / np.maximum(second, 1), 0)
    cells = [(_language(settings, place), [place]) for place in range(len(settings.languages))]
    cells += [(_group(settings, group), places) for group, places in settings.groups.items()]
    parts = []
    for columns, places in cells:
        means, resampled = settings.cell(places)
        difference = found.difference(means)
        spread = between_seeds(scored, places).times(weights)
        result = variance.combine(difference, found.difference(resampled).var(axis=0), [spread])
        parts.append(
            found.facts.assign(
                about=SETTINGS,
                seeds=np.where(second > 0, np.minimum(first, second), first),
                **columns,
                difference=difference,
                low=result.low,
                high=result.high,
                test="bootstrap over items, t over seeds",
                p=result.p,
                english=found.english() if columns["language"] in NAMES else np.nan,
            )
        )
    return pd.concat(parts)


def correct(table, benchmark: str):
    """Return the comparisons with Holm-adjusted p values, each family declared, and verdicts.

    A family is all comparisons of one kind on one benchmark: of single languages or of means over languages, about
    single systems or about settings.

    Args:
        table: Comparisons, published scores included.
        benchmark: Name in words.
    """
    import numpy as np
    import pandas as pd

    if table.empty:
        return table
    parts = []
    mean = np.where(table["language"].isin(NAMES), "means over languages", "single languages")
    for (kind, about, level), part in table.groupby([table["kind"], table["about"], mean], sort=False):
        family = f"all {part['p'].notna().sum()} comparisons of {_OF[kind]} on {benchmark}, {level}, {about}"
        parts.append(part.assign(p_holm=statistics.holm(part["p"]), family=family))
    table = pd.concat(parts).sort_index()
    enough = (table["about"] == ADAPTERS) | (table["seeds"] >= FEWEST_SEEDS)
    sign = np.where(table["difference"] > 0, "better", "worse")
    return table.assign(verdict=np.where(enough & (table["p_holm"] < 0.05), sign, "undecided"))
