"""Gather a benchmark's scores into one long table."""

import argparse
import json
from pathlib import Path

from maple import manifests
from maple.benchmarks import DECLARED
from maple.errors import UserError
from maple.files import replaced
from maple.logs import add_log_argument, run, setup_logging
from maple.systems import System

_OTHERS = ("macro_f1", "chance_corrected_accuracy", "exact_match")


def load(paths: list[Path], spec: dict) -> dict:
    """Return the scores of each system and language of the study."""
    scores = {}
    for (system, *_), path in zip(spec["systems"], paths, strict=True):
        scores[system] = manifests.read(path, only=[])["scores"]
        for code, *_ in spec["languages"]:
            if code not in scores[system]:
                raise UserError(f"{path}: has no scores for {code!r}: delete it and run again")
    return scores


def score_rows(spec: dict, scores: dict) -> list[dict]:
    """Return one row per system and language."""
    benchmark = DECLARED[spec["benchmark"]]
    rows = []
    for path, label, alpha in spec["systems"]:
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
                    "alpha": alpha,
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
                    "unparsed_share": found["unparsed"] / found["items"],
                    "chance": None if benchmark.chance is None else round(benchmark.chance, 6),
                }
                | {name: found.get(name) for name in _OTHERS}
            )
    return rows


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: members and their names")
    parser.add_argument(
        "--scores", required=True, nargs="+", type=Path, help="scores, in the order of the spec's systems"
    )
    parser.add_argument("--out", required=True, type=Path, help="long table of scores, CSV")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    spec = json.loads(args.spec)
    table = pd.DataFrame(score_rows(spec, load(args.scores, spec)))
    for column in ("rank", "seed", "joshi_class"):
        table[column] = table[column].astype("Int64")
    with replaced(args.out) as stream:
        table.to_csv(stream, index=False, float_format="%.6g")
    return 0


if __name__ == "__main__":
    run(main)
