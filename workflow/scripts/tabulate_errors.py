"""Tabulate a benchmark's errors: items that flip, label bias, agreement across languages, and the item view."""

import argparse
import json
from pathlib import Path

from maple import agreement, flips, item_views, label_bias
from maple.benchmarks import DECLARED
from maple.files import replaced
from maple.logs import add_log_argument, log, run, setup_logging
from maple.systems import System

_MEMBER = ["benchmark", "data_source", "scoring", "system", "label", "model", "bits", "data", "method", "rank", "seed"]
_LANGUAGE = ["language", "language_name", "joshi_class"]
COLUMNS = {
    "flips": [
        *_MEMBER, "against", *_LANGUAGE, "gold", "items", "right_before", "right_after", "wrong_to_right",
        "right_to_wrong", "mended_share", "lost_share", "flipped_share",
    ],
    "labels": [
        *_MEMBER, *_LANGUAGE, "option", "items", "predicted", "predicted_share", "gold", "gold_share",
        "total_variation", "total_variation_by_chance",
    ],
    "agreement": [
        *_MEMBER, *_LANGUAGE, "measure", "against", "pairs", "items", "agreement", "expected", "kappa",
    ],
}  # fmt: skip


def write(rows: list[dict], name: str, spec: dict, path: Path) -> None:
    """Write a table with exactly its columns, also if it has no rows; rows name system and language only."""
    import pandas as pd

    labels = dict(spec["systems"])
    languages = {code: (words, joshi) for code, words, joshi, _ in spec["languages"]}
    languages["all"] = (f"all {len(languages)} languages", None)
    full = []
    for row in rows:
        system, (words, joshi) = row["system"], languages[row["language"]]
        facts = {key: getattr(system, key) for key in ("model", "bits", "data", "method", "rank", "seed")}
        facts |= {"label": labels[system.path], "language_name": words, "joshi_class": joshi}
        against = {} if system.is_base else {"against": system.base.path}
        full.append(against | row | facts | {"system": system.path})
    table = pd.DataFrame(full, columns=None if full else COLUMNS[name])
    table = table.assign(benchmark=spec["benchmark"], data_source=spec["source"], scoring=spec["scoring"])
    table = table.reindex(columns=COLUMNS[name])
    for column in ("rank", "seed", "joshi_class"):
        table[column] = table[column].astype("Int64")
    with replaced(path) as stream:
        table.to_csv(stream, index=False, float_format="%.6g")
    log.info("%s: %d rows", path.name, len(table))


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: members and their names")
    parser.add_argument(
        "--scores", required=True, nargs="+", type=Path, help="scores, in the order of the spec's systems"
    )
    for name in COLUMNS:
        parser.add_argument(f"--{name}", required=True, type=Path, help="table to write, CSV")
    parser.add_argument("--items", required=True, type=Path, help="item view to write, Parquet")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)

    spec = json.loads(args.spec)
    options = DECLARED[spec["benchmark"]].options
    codes = [code for code, *_ in spec["languages"]]
    systems = [System.parse(path) for path, _ in spec["systems"]]
    views = item_views.load(args.scores, codes, options)
    write(flips.rows(views, systems, options), "flips", spec, args.flips)
    labels = label_bias.rows(views, systems, options, spec["scoring"] == "generation")
    write(labels, "labels", spec, args.labels)
    write(agreement.rows(views, systems), "agreement", spec, args.agreement)
    with replaced(args.items, "wb") as stream:
        item_views.write(stream, args.scores, [system.path for system in systems], codes)
    return 0


if __name__ == "__main__":
    run(main)
