"""Comparisons, coefficients and claims in words: estimate, interval, verdict and, if undecided, why."""

import re

from maple.benchmarks import DECLARED
from maple.pairs import FEWEST_SEEDS, SETTINGS
from maple.words import count, points, probability, some

_OPPOSITE = {"better": "worse", "worse": "better"}


def together(parts: list[tuple[str, str]], known: str = "") -> str:
    """Return values with their verdicts; one that all share is said once, one that is known not at all.

    Args:
        parts: Value and verdict in words.
        known: A verdict that the reader has been told.
    """
    verdicts = {verdict for _, verdict in parts}
    if len(verdicts) > 1:
        return "; ".join(f"{value}, {verdict}" for value, verdict in parts)
    (shared,) = verdicts
    values = ", ".join(value for value, _ in parts)
    if shared == known:
        return values
    return f"{values}{', ' if len(parts) == 1 else '; both ' if len(parts) == 2 else '; all '}{shared}"


# -- comparisons ------------------------------------------------------------------------------


def compared(row) -> str:
    """Return a comparison's verdict with its reason."""
    if row["verdict"] == "undecided" and row["about"] == SETTINGS and row["seeds"] < FEWEST_SEEDS:
        return f"undecided ({count(int(row['seeds']), 'seed')}; {FEWEST_SEEDS} are needed)"
    return f"{row['verdict']} (adjusted {probability(row['p_holm'])})"


def turned(row: dict) -> dict:
    """Return a comparison of the second with the first."""
    ends = {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
    return row | ends | {"verdict": _OPPOSITE.get(row["verdict"], row["verdict"])}


def outcome(rows, first: str) -> str:
    """Return how comparisons came out, those apart that are shown and not tested.

    Args:
        rows: Comparisons.
        first: What the first side of each is.
    """
    tested = rows[rows["p_holm"].notna()]
    found = tested["verdict"].value_counts()
    better, worse = (some(int(found.get(name, 0))) for name in ("better", "worse"))
    said = f"{first} is better in {better} and worse in {worse} of {len(tested):,}"
    if tested["verdict"].eq("undecided").all():
        said = "undecided" if len(tested) == 1 else f"all {len(tested):,} undecided"
    untested = [f"{len(rows) - len(tested):,} not tested"] if len(rows) > len(tested) else []
    return "; ".join(([said] if len(tested) else []) + untested)


# -- coefficients -----------------------------------------------------------------------------


def leading(effects) -> list[tuple[str, object]]:
    """Return the widest scope of each measurement, with its rows: all benchmarks of it, or its only one."""
    found = []
    for scoring, part in effects.groupby("scoring", sort=False):
        wide = f"all by {scoring}"
        name = wide if (part["scope"] == wide).any() else part["scope"].iloc[0]
        rows = part[part["scope"] == name]
        benchmarks = rows["benchmarks"].iloc[0].split()
        several = f"{len(benchmarks)} benchmarks by {scoring}"
        found.append((several if len(benchmarks) > 1 else DECLARED[benchmarks[0]].name, rows))
    return found


def coefficient(rows, term: str, group: str):
    """Return the row of a coefficient, ``None`` if it is not there or could not be estimated."""
    part = rows[(rows["kind"] == "effect") & (rows["term"] == term) & (rows["group"] == group)]
    part = part[part["estimate"].notna()]
    return part.iloc[0] if len(part) else None


def lacking(row) -> str:
    """Return what a coefficient lacks for a verdict; empty if nothing."""
    return row["evidence"] if isinstance(row["evidence"], str) else ""


def decided(row) -> str:
    """Return a coefficient's verdict with its reason."""
    why = lacking(row) or f"adjusted {probability(row['p_holm'])}"
    return f"{row['verdict']} ({why})"


def coefficients(parts: list[tuple[str, object]], known: str = "") -> str:
    """Return coefficients with their intervals and verdicts; ``known`` as in :func:`together`."""
    return together([(f"{name} {points(row, 2, 'estimate')}", decided(row)) for name, row in parts], known)


def side(rows: list, positive: str, negative: str) -> str:
    """Return the short answer that one coefficient from each measurement gives."""
    rows = [row for row in rows if row is not None]
    found = {row["verdict"] for row in rows} - {"undecided"}
    if not found:
        return "undecided"
    if len(found) > 1:
        return "the measurements disagree"
    words = positive if found == {"positive"} else negative
    by = [row["scoring"] for row in rows if row["verdict"] != "undecided"]
    return words if len(by) == len(rows) else f"{words} by {by[0]}"


# -- claims -----------------------------------------------------------------------------------


def claims(effects, names: dict[str, str] | None = None) -> list[dict]:
    """Return the paper's claims on the widest scope of each measurement: scope, claim, statement, verdict, evidence.

    Args:
        effects: The table of effects.
        names: Name in words of each model.
    """
    found = []
    for scope, rows in leading(effects):
        for row in rows[rows["kind"] == "hypothesis"].to_dict("records"):
            adjusted = row["p_holm"] if row["p_holm"] == row["p_holm"] else None
            found.append(
                {"scope": scope, "p_holm": "" if adjusted is None else probability(adjusted)}
                | {key: row[key] for key in ("claim", "statement", "verdict")}
                | {"evidence": _said(row["evidence"], names or {})}
            )
    return found


def _said(evidence: str, names: dict[str, str]) -> str:
    """Return a table's evidence with minus signs, and with the models' names for their slugs."""
    for slug, name in names.items():
        evidence = re.sub(rf"(^|; ){re.escape(slug)} on ", lambda found, name=name: f"{found[1]}{name} on ", evidence)
    return re.sub(r"(?<![\w-])-(?=\d)", "\N{MINUS SIGN}", evidence)
