"""The claims of arXiv 2401.07598 as hypotheses, each with a verdict and its evidence."""

from maple import effects, statistics
from maple.design import Changes, language_groups
from maple.pairs import FEWEST_SEEDS
from maple.words import count


def above(row: dict) -> float:
    """Return the one-sided p value that an estimate is above zero."""
    return row["p"] / 2 if row["estimate"] > 0 else 1 - row["p"] / 2


def all_of(p_values: list[float]) -> tuple[float, float]:
    """Return p values for and against a claim that holds if every part does.

    For: the largest (intersection-union test, Berger 1982). Against: one part the other way suffices, so the smallest
    of the opposite, times the number of parts (Bonferroni).
    """
    return max(p_values), min(1.0, len(p_values) * min(1 - p for p in p_values))


def any_of(p_values: list[float]) -> tuple[float, float]:
    """Return p values for and against a claim that holds if some part does: the mirror image of :func:`all_of`."""
    return min(1.0, len(p_values) * min(p_values)), max(1 - p for p in p_values)


def _points(row: dict) -> str:
    """Return an estimate with its interval, if it has one, in points of the score."""
    said = f"{row['estimate'] * 100:+.2f} points"
    if row.get("low", float("nan")) != row.get("low", float("nan")):
        return f"{said} (no interval)"
    return f"{said} (95 % {row['low'] * 100:+.2f} to {row['high'] * 100:+.2f})"


def _slope(rows: dict, term: str, unit: str) -> dict:
    """Return claim (a) for rank or bits: a positive slope in low-resource languages."""
    if ("finetuning", "low") not in rows:
        return {"evidence": "no low-resource language"}
    row = rows.get((term, "low"))
    if row is None:
        return {"evidence": f"no two values of {term}"}
    if "estimate" not in row:
        return {"evidence": row["evidence"]}
    words = f"{_points(row)} per doubling of the {unit} in {count(row['languages'], 'low-resource language')}"
    facts = {key: row[key] for key in ("estimate", "low", "high", "languages") if key in row}
    if row["evidence"]:
        return facts | {"evidence": f"{row['evidence']}; {words}"}
    return facts | {"parts": all_of([above(row)]), "evidence": words}


def _gap(gaps) -> dict:
    """Return claim (b): some small finetuned model reaches above the published score of a larger one.

    Only gaps that are there after a Holm correction count. A published score that is high by chance makes gaps out
    of nothing, and every finetuned system would seem to leave them open.
    """
    if not len(gaps):
        return {"evidence": "no published score to compare with"}
    larger = gaps[gaps["larger"]]
    open_gaps = larger[larger["counted"]]
    tested = open_gaps[(open_gaps["seeds"] >= FEWEST_SEEDS) & (statistics.holm(open_gaps["p_gap"]) < 0.05)]
    over = int((open_gaps["difference"] > 0).sum())
    words = f"{over:,} of {count(len(open_gaps), 'gap')} to larger models closed by the estimate"
    if open_gaps.empty:
        words = "no gap to a larger model can be counted"
    for why, part in larger[~larger["counted"]].groupby("why_not"):
        words += f"; {len(part):,} not counted: {why}"
    if tested.empty:
        if len(open_gaps):
            few = open_gaps["seeds"].max() < FEWEST_SEEDS
            words += f"; {FEWEST_SEEDS} seeds a setting are needed" if few else "; none is sure after Holm's correction"
        return {"evidence": words}
    one_sided = [above({"p": row.p, "estimate": row.difference}) for row in tested.itertuples()]
    return {"parts": any_of(one_sided), "evidence": f"{words}; {len(tested):,} tested"}


def _english(changes: Changes) -> dict:
    """Return claim (c): English drops on some base model and data, in the mean over their adapters."""
    import numpy as np

    group = language_groups(changes.cells).get("english")
    if group is None:
        return {"evidence": "no English in this scope"}
    one_sided, words = [], []
    for (model, data), part in changes.adapters.groupby(["model", "data"]):
        if len(part) < effects.FEWEST_ADAPTERS:
            continue
        own = Changes(part, changes.cells, changes.values[part.index], changes.deviations[:, part.index])
        matrix = np.ones((len(part), 1))
        row = effects.estimate(own, matrix, matrix[:, 0] / len(part), group)
        one_sided.append(1 - above(row))
        words.append(f"{model} on {data}: {_points(row)}, {len(part)} adapters")
    if not one_sided:
        return {"evidence": f"{effects.FEWEST_ADAPTERS} adapters of one model and data set are needed"}
    return {"parts": any_of(one_sided), "evidence": "; ".join(words)}


def _low_and_high(rows: dict) -> dict:
    """Return claim (d): low-resource languages gain and high-resource ones lose."""
    pair = {name: rows.get(("finetuning", name)) for name in ("low", "high")}
    missing = [f"no {name}-resource language" for name, row in pair.items() if row is None]
    if missing:
        return {"evidence": "; ".join(missing)}
    low, high = pair.values()
    words = (
        f"low-resource {_points(low)}, {count(low['languages'], 'language')}; "
        f"high-resource {_points(high)}, {count(high['languages'], 'language')}"
    )
    lacking = "; ".join(dict.fromkeys(row["evidence"] for row in (low, high) if row["evidence"]))
    if lacking:
        return {"evidence": f"{lacking}; {words}"}
    return {"parts": all_of([above(low), 1 - above(high)]), "evidence": words}


def judge(changes: Changes, rows: list[dict], gaps, scope: str) -> list[dict]:
    """Return one row per hypothesis.

    Args:
        changes: Score changes of the scope.
        rows: Its coefficients (:func:`maple.effects.fit`).
        gaps: Its table of gaps to published scores.
        scope: Its name, for the family.
    """
    import numpy as np

    by_name = {(row["term"], row["group"]): row for row in rows}
    found = [
        ("a: rank", "a higher rank helps low-resource languages", _slope(by_name, "rank", "rank")),
        ("a: bits", "higher bits help low-resource languages", _slope(by_name, "bits", "bits")),
        ("b", "a small finetuned model sometimes closes the gap to a large one", _gap(gaps)),
        ("c", "English can drop", _english(changes)),
        ("d", "low-resource languages gain while high-resource ones lose", _low_and_high(by_name)),
    ]
    doubled = [min(1.0, 2 * min(facts["parts"])) if "parts" in facts else np.nan for *_, facts in found]
    adjusted = statistics.holm(doubled)
    tested = int((~np.isnan(doubled)).sum())
    table = []
    for (claim, statement, facts), p, p_holm in zip(found, doubled, adjusted, strict=True):
        verdict = "undecided"
        if p_holm < 0.05:
            verdict = "supported" if facts["parts"][0] < facts["parts"][1] else "contradicted"
        row = {key: value for key, value in facts.items() if key != "parts"}
        row |= {"kind": "hypothesis", "claim": claim, "statement": statement, "p": p, "p_holm": p_holm}
        row |= {"adapters": len(changes.adapters), "seeds": changes.seeds, "verdict": verdict}
        table.append(row | {"family": f"the {tested} testable claims on {scope}"})
    return table
