"""Scores of a benchmark's systems with their bootstrap over items; of settings, which are systems without a seed."""

from dataclasses import dataclass, replace
from functools import cached_property

from maple import groups
from maple.systems import System
from maple.variance import Spread


@dataclass(frozen=True)
class Scored:
    """The scores of a benchmark's systems and their bootstrap over items.

    Attributes:
        systems: The systems, or settings.
        labels: Their names in words.
        languages: Code, name and resource class of each language.
        means: Systems x languages: mean credit.
        resampled: Resamples x systems x languages: the same under the bootstrap.
        counts: Items of each language.
    """

    systems: list[System]
    labels: list[str]
    languages: list[tuple[str, str, int | None]]
    means: object
    resampled: object
    counts: list[int]

    @cached_property
    def groups(self) -> dict[str, list[int]]:
        """Places of the languages of each group."""
        return groups.members([(code, joshi) for code, _, joshi in self.languages])

    @cached_property
    def places(self) -> dict[System, int]:
        """Place of each system."""
        return {system: place for place, system in enumerate(self.systems)}

    def cell(self, places: list[int]):
        """Return the mean over some languages: of each system, and resamples x systems."""
        return self.means[:, places].mean(axis=1), self.resampled[:, :, places].mean(axis=2, dtype=float)


def name(system: System) -> str:
    """Return the path of a system or of a setting."""
    if system.is_base or system.seed is not None:
        return system.path
    return replace(system, seed=0).path.rsplit("/", 1)[0]


def members(systems: list[System]) -> dict[System, list[int]]:
    """Return the settings and the places of their systems, one per seed; a base is a setting of its own."""
    found: dict[System, list[int]] = {}
    for place, system in enumerate(systems):
        found.setdefault(replace(system, seed=None), []).append(place)
    return found


def over_seeds(scored: Scored) -> tuple[Scored, object]:
    """Return the settings' mean scores, and the number of seeds behind each (a base has none: 0)."""
    import numpy as np

    found = members(scored.systems)
    averages = [scored.resampled[:, own].mean(axis=1) for own in found.values()]
    firsts = [own[0] for own in found.values()]
    settings = Scored(
        systems=list(found),
        labels=[scored.labels[place].removesuffix(f", seed {scored.systems[place].seed}") for place in firsts],
        languages=scored.languages,
        means=np.stack([scored.means[own].mean(axis=0) for own in found.values()]),
        resampled=np.stack(averages, axis=1),
        counts=scored.counts,
    )
    return settings, np.array([0 if system.is_base else len(own) for system, own in found.items()])


def between_seeds(scored: Scored, places: list[int]) -> Spread:
    """Return the variance between seeds of a single adapter's mean over some languages, pooled over all settings.

    As in an analysis of variance the spread is taken to be the same in all settings: from three seeds of one setting
    alone it could hardly be told. Zero degrees of freedom mean that no setting has two seeds.
    """
    means, resampled = scored.cell(places)
    deviations = resampled - means
    squares, noise, df = 0.0, 0.0, 0
    for system, own in members(scored.systems).items():
        if not system.is_base and len(own) > 1:
            squares += means[own].var() * len(own)
            noise += float(deviations[:, own].var(axis=1).mean()) * len(own)
            df += len(own) - 1
    return Spread(squares / max(df, 1), noise / max(df, 1), df)
