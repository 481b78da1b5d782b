"""What the report's explorer shows, as compact as a page can load: arrays of tenths of a per cent."""

from maple.benchmarks import DECLARED
from maple.pairs import ADAPTERS

_COORDINATES = ("model", "bits", "data", "method", "rank", "seed")
_VERDICTS = {"better": 1, "worse": -1, "undecided": 0}


def summary(tables, items: str) -> dict:
    """Return systems, languages and, for each benchmark, the cells systems x languages, row after row.

    A cell that does not exist is ``None``. ``change`` is the adapter minus its base.

    Args:
        tables: The study's :class:`maple.question.Tables`.
        items: Folder of the items, relative to the page.
    """
    scores = tables.scores
    systems = scores.drop_duplicates("system")
    languages = scores.drop_duplicates("language").sort_values("language_name", kind="stable")
    pairs = tables.comparisons
    pairs = pairs[(pairs["kind"] == "base") & (pairs["about"] == ADAPTERS)]
    return {
        "items": items,
        "systems": [
            {"path": row["system"], "label": row["label"]} | {name: _plain(row[name]) for name in _COORDINATES}
            for row in systems.to_dict("records")
        ],
        "languages": {
            row["language"]: {"name": row["language_name"], "class": _plain(row["joshi_class"])}
            for row in languages.to_dict("records")
        },
        "benchmarks": [
            _benchmark(name, part, pairs[pairs["benchmark"] == name], list(systems["system"]))
            for name, part in scores.groupby("benchmark", sort=False)
        ],
    }


def _plain(value):
    """Return a table's value as JSON has it: missing is ``None``, whole numbers are whole."""
    if value is None or value != value:
        return None
    return int(value) if isinstance(value, float) and value == int(value) else value


def _benchmark(name: str, scores, pairs, systems: list[str]) -> dict:
    """Return one benchmark's cells."""
    codes = list(dict.fromkeys(scores["language"]))
    first = scores.iloc[0]

    def cells(table, column, scale=1000):
        wide = table.pivot(index="system", columns="language", values=column).reindex(index=systems, columns=codes)
        return [None if value != value else round(value * scale) for value in wide.to_numpy(dtype=float).ravel()]

    found = {
        "id": name,
        "name": DECLARED[name].name,
        "metric": {"accuracy": "accuracy", "f1": "F1"}[first["metric"]],
        "scoring": first["scoring"],
        "shots": int(first["shots"]),
        "prompts": first["prompts"],
        "chance": None if first["chance"] != first["chance"] else round(first["chance"] * 1000, 1),
        "languages": codes,
        "n": [int(part) for part in scores.groupby("language", sort=False)["items"].max().reindex(codes)],
        "score": cells(scores, "score"),
        "low": cells(scores, "low"),
        "high": cells(scores, "high"),
    }
    if scores["unparsed"].any():
        found["unparsed"] = cells(scores, "unparsed_share")
    own = pairs[pairs["language"].isin(codes)]
    if len(own):
        found |= {key: cells(own, column) for key, column in
                  (("change", "difference"), ("change_low", "low"), ("change_high", "high"))}  # fmt: skip
        found["verdict"] = cells(own.assign(verdict=own["verdict"].map(_VERDICTS)), "verdict", 1)
    return found
