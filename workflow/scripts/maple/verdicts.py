"""Coefficients and claims of the table of effects, in words: estimate, interval, verdict and, if undecided, why."""

import re

from maple.benchmarks import DECLARED
from maple.words import listed, points, probability


def _scope(name: str, benchmarks: str) -> str:
    """Return the name of a scope in words."""
    names = [DECLARED[benchmark].name for benchmark in benchmarks.split()]
    return names[0] if len(names) == 1 else f"{listed(names)} together ({name.removeprefix('all ')})"


def leading(effects) -> list[tuple[str, object]]:
    """Return the widest scope of each measurement, with its rows: all benchmarks of it, or its only one."""
    found = []
    for scoring, part in effects.groupby("scoring", sort=False):
        wide = f"all by {scoring}"
        name = wide if (part["scope"] == wide).any() else part["scope"].iloc[0]
        rows = part[part["scope"] == name]
        found.append((_scope(name, rows["benchmarks"].iloc[0]), rows))
    return found


def coefficient(rows, term: str, group: str):
    """Return the row of a coefficient, ``None`` if it is not there or could not be estimated."""
    part = rows[(rows["kind"] == "effect") & (rows["term"] == term) & (rows["group"] == group)]
    part = part[part["estimate"].notna()]
    return part.iloc[0] if len(part) else None


def _why(row) -> str:
    """Return why a coefficient is undecided."""
    if isinstance(row["evidence"], str) and row["evidence"]:
        return row["evidence"]
    if row["p_holm"] == row["p_holm"]:
        return f"chance could explain it, adjusted {probability(row['p_holm'])}"
    return "it has no test"


def clause(row, name: str) -> str:
    """Return a coefficient with interval and verdict."""
    if row["verdict"] == "undecided":
        return f"{name} {points(row, 2, 'estimate')}, undecided ({_why(row)})"
    return f"{name} {points(row, 2, 'estimate')}, {row['verdict']} (adjusted {probability(row['p_holm'])})"


def side(rows: list, positive: str, negative: str, undecided: str) -> str:
    """Return the short answer that one coefficient from each measurement gives."""
    verdicts = {row["verdict"] for row in rows if row is not None} - {"undecided"}
    if verdicts == {"positive"}:
        return positive
    if verdicts == {"negative"}:
        return negative
    return "the measurements disagree" if verdicts else undecided


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
