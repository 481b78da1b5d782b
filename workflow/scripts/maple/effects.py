"""One linear model of score changes, with adapters, languages and items all taken as samples.

A coefficient is a linear combination of the table adapters x cells: weights over adapters (ordinary least squares on
rank, bits, model, data and method) times weights over cells (a mean or a contrast of languages). In this complete
table that is the least-squares fit on language x system cells, with the interactions between the two sides. Its
variance has three sources: the spread between adapters around the fit (seeds), the spread between languages, and the
bootstrap over items.
"""

from maple import groups, statistics, variance
from maple.design import Changes, Group, Term, language_groups, terms
from maple.pairs import FEWEST_SEEDS
from maple.words import count

# Fewer languages than this are those languages, not their class.
FEWEST_LANGUAGES = 3
FEWEST_ADAPTERS = 3
_BY_LANGUAGE = (*groups.NAMES, "english", "low - high")


def estimate(changes: Changes, matrix, weights, group: Group) -> dict:
    """Return a coefficient with its standard errors, 95 % interval and p value.

    Args:
        changes: Score changes.
        matrix: Design over adapters.
        weights: Adapters: the linear combination that estimates the coefficient.
        group: Mean or contrast over cells.
    """
    import numpy as np

    # Resampled scores are float32; a float64 weight would first copy them all.
    narrow = weights.astype(np.float32)
    outcome, drawn = changes.values @ group.weights, changes.deviations @ group.weights.astype(np.float32)
    value = float(weights @ outcome)
    items = float((drawn @ narrow).var(dtype=float))
    df = len(matrix) - np.linalg.matrix_rank(matrix)
    facts = {"estimate": value, "se_items": items**0.5, "adapters": len(matrix), "languages": group.languages}
    if df < 1:
        return facts
    residual = np.eye(len(matrix)) - matrix @ np.linalg.pinv(matrix)
    scale = float(weights @ weights) / df
    noise = float(((drawn @ residual) * drawn).sum(axis=1).mean())
    adapters = variance.Spread(float(outcome @ residual @ outcome) * scale, noise * scale, df)
    spreads = [adapters]
    facts["se_adapters"] = float(adapters.own) ** 0.5
    if len(group.spread):
        across = (narrow @ changes.deviations) @ group.spread.T
        observed = float(((group.spread @ (weights @ changes.values)) ** 2).sum())
        languages = variance.Spread(observed, float((across**2).sum(axis=1).mean()), group.df)
        spreads.append(languages)
        facts["se_languages"] = float(languages.own) ** 0.5
    result = variance.combine(value, items, spreads)
    return facts | {name: float(getattr(result, name)) for name in ("se", "low", "high", "p")}


def lacks(changes: Changes, term: Term, group: Group) -> str:
    """Return what a verdict on a coefficient lacks, in words; empty if nothing."""
    if term.weights is None:
        return "this grid does not vary it apart from others"
    if term.name != "finetuning" and changes.seeds < FEWEST_SEEDS:
        where = "a setting" if changes.alike else "in some settings"
        return f"{count(changes.seeds, 'seed')} {where}; {FEWEST_SEEDS} are needed"
    if len(changes.adapters) < FEWEST_ADAPTERS:
        return f"{count(len(changes.adapters), 'adapter')}; {FEWEST_ADAPTERS} are needed"
    if group.name != "english" and group.languages < FEWEST_LANGUAGES:
        return f"{count(group.languages, 'language')}; {FEWEST_LANGUAGES} are needed"
    return ""


def fit(changes: Changes) -> list[dict]:
    """Return one row per coefficient."""
    matrix, found = terms(changes.adapters)
    by_name = language_groups(changes.cells)
    rows = []
    for term in found:
        for group in by_name.values():
            if term.name != "finetuning" and group.name not in _BY_LANGUAGE:
                continue
            row = {
                "kind": "effect",
                "term": term.name,
                "group": group.name,
                "statement": f"{term.words}, {group.words}",
            }
            evidence = lacks(changes, term, group)
            if term.weights is not None:
                row |= estimate(changes, matrix, term.weights, group)
                if "p" not in row:
                    evidence = evidence or f"{count(len(matrix), 'adapter')}, as many as coefficients; more are needed"
            rows.append(row | {"evidence": evidence, "seeds": changes.seeds})
    return rows


def decide(rows: list[dict], scope: str) -> list[dict]:
    """Return the rows with verdicts; p values are Holm-adjusted over the rows of a term that lack nothing."""
    import numpy as np

    found = []
    for term in dict.fromkeys(row["term"] for row in rows):
        family = [row for row in rows if row["term"] == term]
        known = np.array([np.nan if row["evidence"] else row.get("p", np.nan) for row in family])
        words = f"the {(~np.isnan(known)).sum()} coefficients of {term} on {scope} that lack nothing"
        for row, p in zip(family, statistics.holm(known), strict=True):
            verdict = "undecided"
            if p < 0.05:
                verdict = "positive" if row["estimate"] > 0 else "negative"
            found.append(row | {"p_holm": p, "family": words, "verdict": verdict})
    return found
