"""Agreement of a system with itself across languages: parallel items, the same answer or the same success?"""

from dataclasses import dataclass

from maple.systems import System

ENGLISH, OTHERS, EACH = "en", "other languages", "each other"


@dataclass(frozen=True)
class Pairwise:
    """Agreement of every pair of languages, each a matrix languages x languages.

    Attributes:
        items: Items that both have.
        agreement: Share of these on which both have the same answer.
        expected: The share that independent answers with the same distributions would give (Cohen 1960).
    """

    items: object
    agreement: object
    expected: object


def pairwise(answers) -> Pairwise:
    """Return the agreement of every pair of languages.

    Args:
        answers: Languages x items, integers; negative where a language lacks the item. Each value is one answer.
    """
    import numpy as np

    # Counts below 2**24 are exact in fp32, and products of such matrices are twice as fast.
    present = (answers >= 0).astype(np.float32)
    items = (present @ present.T).astype(float)
    both, chance = np.zeros_like(items), np.zeros_like(items)
    for value in np.unique(answers[answers >= 0]):
        own = (answers == value).astype(np.float32)
        both += own @ own.T
        # How often either gives this answer, on the items that the pair shares.
        counts = (own @ present.T).astype(float)
        chance += counts * counts.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return Pairwise(items.astype(int), both / items, chance / items**2)


def kappa(agreement: float, expected: float) -> float | None:
    """Return Cohen's kappa; ``None`` where chance alone agrees always, or there is nothing to compare.

    Of mean agreement and mean expectation over pairs it is Conger's kappa (1980) for more than two raters.
    """
    return (agreement - expected) / (1 - expected) if expected < 1 else None


def rows(views: dict, systems: list[System]) -> list[dict]:
    """Return one row per system, language and measure, against English and against all other languages.

    Measures are ``prediction`` (the same option; options only) and ``correct`` (both right or both wrong).
    """
    import numpy as np
    import pandas as pd

    codes = list(views)
    place, unique = pd.factorize(np.concatenate([view.ids.to_numpy(zero_copy_only=False) for view in views.values()]))
    where = np.split(place, np.cumsum([len(view.ids) for view in views.values()])[:-1])
    found = []
    for number, system in enumerate(systems):
        for measure in ("prediction", "correct"):
            answers = np.full((len(codes), len(unique)), -1, dtype=np.int8)
            for line, own, view in zip(answers, where, views.values(), strict=True):
                if measure == "correct":
                    line[own] = view.right[:, number]
                elif view.predictions is not None:
                    # An unparsed answer is an answer of its own.
                    line[own] = view.predictions[:, number] + 1
            if (answers >= 0).any():
                facts = {"system": system, "measure": measure}
                found += [facts | row for row in _of_system(pairwise(answers), codes)]
    return found


def _of_system(pairs: Pairwise, codes: list[str]) -> list[dict]:
    """Return the rows of one system and measure."""
    import numpy as np

    shared = (pairs.items > 0) & ~np.eye(len(codes), dtype=bool)
    cells = []
    for line, code in enumerate(codes):
        if ENGLISH in codes and code != ENGLISH:
            column = np.zeros(len(codes), dtype=bool)
            column[codes.index(ENGLISH)] = True
            cells.append((code, ENGLISH, (line, shared[line] & column)))
        cells.append((code, OTHERS, (line, shared[line])))
    cells.append(("all", EACH, np.triu(shared)))
    found = []
    for code, against, where in cells:
        count = pairs.items[where]
        row = {"language": code, "against": against, "pairs": len(count), "items": int(count.sum())}
        if len(count):
            agreement, expected = float(pairs.agreement[where].mean()), float(pairs.expected[where].mean())
            row |= {"agreement": agreement, "expected": expected, "kappa": kappa(agreement, expected)}
        found.append(row)
    return found
