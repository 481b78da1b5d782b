"""Put the tables of all benchmarks together, fit one model of score changes, and judge the paper's claims."""

import argparse
import json
from pathlib import Path

from maple import design, effects, hypotheses, paper
from maple.files import replaced
from maple.logs import add_log_argument, log, run, setup_logging

EFFECTS = [
    "scope", "benchmarks", "scoring", "data_source", "kind", "claim", "term", "group", "statement", "estimate",
    "low", "high", "p", "p_holm", "family", "verdict", "evidence", "se", "se_items", "se_adapters", "se_languages",
    "adapters", "seeds", "languages",
]  # fmt: skip


def scopes(scores) -> list[tuple[str, list[str]]]:
    """Return what is fitted together: each benchmark, and all of one measurement.

    Likelihood and generation are two measurements (DESIGN, contract 6): no scope mixes them.
    """
    by_benchmark = scores.drop_duplicates("benchmark").set_index("benchmark")["scoring"]
    found = [
        (f"all by {scoring}", list(part.index))
        for scoring, part in by_benchmark.groupby(by_benchmark, sort=False)
        if len(part) > 1
    ]
    return found + [(name, [name]) for name in by_benchmark.index]


def effect_rows(scores, gaps, resampled: dict) -> list[dict]:
    """Return coefficients and verdicts of every scope."""
    rows = []
    for scope, benchmarks in scopes(scores):
        part = scores[scores["benchmark"].isin(benchmarks)]
        changes = design.changes(part, resampled)
        if changes.adapters.empty:
            continue
        own = effects.fit(changes)
        judged = hypotheses.judge(changes, own, gaps[gaps["benchmark"].isin(benchmarks)], scope)
        facts = {
            "scope": scope,
            "benchmarks": " ".join(benchmarks),
            "scoring": part["scoring"].iloc[0],
            "data_source": " ".join(dict.fromkeys(part["data_source"])),
        }
        rows += [facts | row for row in [*judged, *effects.decide(own, scope)]]
    return rows


def join(paths: list[Path], out: Path) -> None:
    """Write tables with one header below each other, byte for byte."""
    with replaced(out) as stream:
        for number, path in enumerate(paths):
            text = path.read_text(encoding="utf-8")
            stream.write(text if number == 0 else text.partition("\n")[2])


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: the members")
    for name in ("scores", "comparisons", "gaps"):
        parser.add_argument(f"--{name}", required=True, nargs="+", type=Path, help=f"{name} of each benchmark, CSV")
    parser.add_argument("--resampled", required=True, nargs="+", type=Path, help="bootstrap of each benchmark, NPY")
    parser.add_argument("--out", required=True, type=Path, help="effects, CSV; the other tables go beside it")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import numpy as np
    import pandas as pd

    tables = {}
    for name in ("scores", "comparisons", "gaps"):
        paths = getattr(args, name)
        join(paths, args.out.with_name(f"{name}.csv"))
        tables[name] = pd.read_csv(args.out.with_name(f"{name}.csv"), low_memory=False)
    spec = json.loads(args.spec)
    resampled = {name: np.load(path) for name, path in zip(spec["benchmarks"], args.resampled, strict=True)}
    table = pd.DataFrame(effect_rows(tables["scores"], tables["gaps"], resampled)).reindex(columns=EFFECTS)
    for column in ("adapters", "seeds", "languages"):
        table[column] = table[column].astype("Int64")
    with replaced(args.out) as stream:
        table.to_csv(stream, index=False, float_format="%.6g")
    pages = {
        "scores": paper.scores(tables["scores"], tables["comparisons"]),
        "comparisons": paper.comparisons(tables["comparisons"], spec["notes"]),
        "gaps": paper.gaps(tables["gaps"]),
        "effects": paper.effects(table),
    }
    for name, text in pages.items():
        with replaced(args.out.with_name(f"{name}.tex")) as stream:
            stream.write(text)
    log.info("%d scores, %d comparisons, %d effects", len(tables["scores"]), len(tables["comparisons"]), len(table))
    return 0


if __name__ == "__main__":
    run(main)
