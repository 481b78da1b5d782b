"""Gather the AlpacaEval win rates of all systems, each adapter's beside the difference to its base's."""

import argparse
import json
from pathlib import Path

from maple import manifests, statistics
from maple.files import replaced
from maple.logs import add_log_argument, run, setup_logging
from maple.systems import System

_SCORES = ("score", "low", "high", "standard_error", "items", "malformed", "wins", "losses", "draws", "characters",
           "reference_characters")  # fmt: skip


def load(paths: list[Path], spec: dict) -> tuple[dict, dict]:
    """Return the scores and the item credits of each system."""
    import pandas as pd

    scores, credits = {}, {}
    for (system, _), path in zip(spec["systems"], paths, strict=True):
        manifest = manifests.read(path)
        scores[system] = manifest["scores"]["en"] | {"answered_by": ", ".join(manifest["judges"])}
        credits[system] = pd.read_parquet(path.with_suffix(".parquet")).set_index("id")["credit"]
    return scores, credits


def against_base(system: System, credits: dict) -> dict:
    """Return an adapter's win rate minus its base's, over the items on which both could be judged."""
    if system.is_base:
        return {}
    difference = (credits[system.path] - credits[system.base.path]).dropna()
    if difference.empty:
        return {"against": system.base.path, "pairs": 0}
    low, high = map(float, statistics.difference_interval(difference))
    return {
        "against": system.base.path,
        "difference": round(float(difference.mean()), 6),
        "difference_low": round(low, 6),
        "difference_high": round(high, 6),
        "pairs": len(difference),
        "test": "sign flips",
        "p": float(statistics.sign_flip(difference)),
    }


def rows_of(spec: dict, scores: dict, credits: dict) -> list[dict]:
    """Return one row per system."""
    rows = []
    for path, label in spec["systems"]:
        system = System.parse(path)
        found = scores[path]
        row = {
            "benchmark": "alpaca_eval",
            "data_source": spec["source"],
            "reference": spec["reference"],
            "judge": spec["model"],
            "answered_by": found["answered_by"],
            "annotator": spec["annotator"],
            "system": path,
            "label": label,
            "model": system.model,
            "bits": system.bits,
            "data": system.data,
            "method": system.method,
            "rank": system.rank,
            "seed": system.seed,
            "language": "en",
            "metric": "win_rate",
        }
        rows.append(row | {name: found.get(name) for name in _SCORES} | against_base(system, credits))
    compared = [row for row in rows if "p" in row]
    for row, adjusted in zip(compared, statistics.holm([row["p"] for row in compared]), strict=True):
        row["p_holm"] = adjusted
        row["family"] = f"all {len(compared)} comparisons of an adapter with its base on alpaca_eval"
    return rows


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: members and their names")
    parser.add_argument(
        "--scores", required=True, nargs="+", type=Path, help="scores, in the order of the spec's systems"
    )
    parser.add_argument("--out", required=True, type=Path, help="table, CSV")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    spec = json.loads(args.spec)
    table = pd.DataFrame(rows_of(spec, *load(args.scores, spec)))
    for column in ("rank", "seed", "wins", "losses", "draws", "pairs"):
        if column in table:
            table[column] = table[column].astype("Int64")
    with replaced(args.out) as stream:
        table.to_csv(stream, index=False, float_format="%.6g")
    return 0


if __name__ == "__main__":
    run(main)
