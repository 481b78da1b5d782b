"""Which systems are compared, and as a comparison of what."""

from dataclasses import dataclass, replace

from maple.systems import System

# The coordinate that the two systems of a pair differ in; base stands for being finetuned at all.
FACTORS = ("base", "rank", "bits", "data")
# What a comparison is about: two systems at hand, or their settings whatever the seed.
ADAPTERS, SETTINGS = "these systems", "settings, over seeds"
# Below this many seeds nothing is said about a rank, a precision or a data set (DESIGN, contract 9).
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Pair:
    """Two systems that differ in one coordinate.

    Attributes:
        kind: The coordinate, one of ``FACTORS``.
        first: The finetuned one, or that with the larger rank or bits, or whose data come later by name.
        second: What it is compared with.
    """

    kind: str
    first: System
    second: System


def pairs(systems: list[System]) -> list[Pair]:
    """Return every pair that differs in one coordinate and in nothing else.

    Ranks are compared within one method only: a method has one learning rate and one rule for alpha, and between
    two methods these would change along with the rank. Untuned bases are compared across bits.
    """
    known = set(systems)
    found = [Pair("base", system, system.base) for system in systems if not system.is_base and system.base in known]
    for kind in FACTORS[1:]:
        groups: dict[System, list[System]] = {}
        for system in systems:
            value = getattr(system, kind)
            if value is not None:
                groups.setdefault(replace(system, **{kind: None}), []).append(system)
        for group in groups.values():
            ordered = sorted(group, key=lambda system: getattr(system, kind))
            found += [Pair(kind, later, earlier) for place, later in enumerate(ordered) for earlier in ordered[:place]]
    return found
