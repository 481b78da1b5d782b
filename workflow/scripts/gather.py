"""Gather a benchmark's scores into one long table, and compare each adapter with its base."""

import argparse
import json
from pathlib import Path

from maple import manifests, statistics
from maple.benchmarks import DECLARED
from maple.errors import UserError
from maple.files import replaced
from maple.logs import add_log_argument, run, setup_logging
from maple.systems import System

_OTHERS = ("macro_f1", "chance_corrected_accuracy", "exact_match")


def load(paths: list[Path], spec: dict):
    """Return the scores and the item credits of each system, restricted to the study's languages."""
    import pandas as pd

    scores, credits = {}, {}
    for (system, _), path in zip(spec["systems"], paths, strict=True):
        manifest = manifests.read(path)
        for code, *_ in spec["languages"]:
            if code not in manifest["scores"]:
                raise UserError(f"{path}: has no scores for {code!r}: delete it and run again")
        scores[system] = manifest["scores"]
        table = pd.read_parquet(path.with_suffix(".parquet"))
        credits[system] = {code: part.set_index("id")["credit"] for code, part in table.groupby("language")}
    return scores, credits


def score_rows(spec: dict, scores: dict) -> list[dict]:
    """Return one row per system and language."""
    benchmark = DECLARED[spec["benchmark"]]
    rows = []
    for path, label in spec["systems"]:
        system = System.parse(path)
        for code, name, joshi, family in spec["languages"]:
            found = scores[path][code]
            rows.append(
                {
                    "benchmark": spec["benchmark"],
                    "data_source": spec["source"],
                    "prompts": spec["prompts"],
                    "scoring": spec["scoring"],
                    "shots": spec["shots"],
                    "system": path,
                    "label": label,
                    "model": system.model,
                    "bits": system.bits,
                    "data": system.data,
                    "method": system.method,
                    "rank": system.rank,
                    "seed": system.seed,
                    "language": code,
                    "language_name": name,
                    "joshi_class": joshi,
                    "family": family,
                    "metric": benchmark.metric,
                    "score": found["score"],
                    "low": found["low"],
                    "high": found["high"],
                    "items": found["items"],
                    "ties": found["ties"],
                    "unparsed": found["unparsed"],
                    "chance": None if benchmark.chance is None else round(benchmark.chance, 6),
                }
                | {name: found.get(name) for name in _OTHERS}
            )
    return rows


def comparison_rows(spec: dict, credits: dict) -> list[dict]:
    """Return one row per adapter and language: paired with its base on the same items."""
    rows = []
    for path, label in spec["systems"]:
        system = System.parse(path)
        if system.is_base:
            continue
        for code, name, joshi, _ in spec["languages"]:
            base, tuned = credits[system.base.path][code], credits[path][code]
            if not base.index.equals(tuned.index):
                raise UserError(f"{path} and its base were scored on different items of {code!r}: run again")
            low, high = statistics.interval(tuned - base, spec["resamples"], spec["seed"])
            won, lost = int((tuned > base).sum()), int((tuned < base).sum())
            if DECLARED[spec["benchmark"]].golds:
                test, p = "exact McNemar", statistics.mcnemar(base, tuned)
            else:
                test, p = "paired permutation", statistics.permutation(base, tuned, spec["resamples"], spec["seed"])
            rows.append(
                {
                    "benchmark": spec["benchmark"],
                    "system": path,
                    "label": label,
                    "against": system.base.path,
                    "language": code,
                    "language_name": name,
                    "joshi_class": joshi,
                    "difference": round(float((tuned - base).mean()), 6),
                    "low": round(low, 6),
                    "high": round(high, 6),
                    "items": len(base),
                    "items_won": won,
                    "items_lost": lost,
                    "test": test,
                    "p": p,
                }
            )
    for row, adjusted in zip(rows, statistics.holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = adjusted
        row["family"] = f"all {len(rows)} comparisons of an adapter with its base on {spec['benchmark']}"
    return rows


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: members and their names")
    parser.add_argument(
        "--scores", required=True, nargs="+", type=Path, help="scores, in the order of the spec's systems"
    )
    parser.add_argument("--out", required=True, type=Path, help="long table of scores, CSV")
    parser.add_argument("--comparisons", required=True, type=Path, help="paired comparisons, CSV")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    spec = json.loads(args.spec)
    scores, credits = load(args.scores, spec)
    for path, rows in ((args.out, score_rows(spec, scores)), (args.comparisons, comparison_rows(spec, credits))):
        table = pd.DataFrame(rows)
        for column in ("rank", "seed", "joshi_class"):
            if column in table:
                table[column] = table[column].astype("Int64")
        with replaced(path) as stream:
            table.to_csv(stream, index=False, float_format="%.6g")
    return 0


if __name__ == "__main__":
    run(main)
