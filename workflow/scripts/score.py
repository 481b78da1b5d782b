"""Score one system on one benchmark: metrics per language and a compact table of items."""

import argparse
import json
from pathlib import Path

from maple import manifests
from maple.files import read_jsonl, replaced, sha256_file
from maple.logs import add_log_argument, log, run, setup_logging

METRICS = Path(__file__).resolve().parents[1] / "metrics"


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: benchmark, resamples, seed")
    parser.add_argument("--code", required=True, help="code digest to record")
    parser.add_argument("--predictions", required=True, type=Path, help="index of the predictions")
    parser.add_argument("--out", required=True, type=Path, help="scores, JSON; the item table goes beside it")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import os

    os.environ["HF_EVALUATE_OFFLINE"] = "1"
    import evaluate
    import pandas as pd

    from maple import statistics

    spec = json.loads(args.spec)
    index = manifests.read(args.predictions)
    metric = evaluate.load(str(METRICS / "choice_accuracy"))
    scores, tables = {}, []
    for name in sorted(index["files"]):
        records = read_jsonl(args.predictions.parent / name)
        language = Path(name).stem
        result = metric.compute(
            predictions=[record["tied"] for record in records], references=[record["gold"] for record in records]
        )
        credits = result["credits"]
        low, high = statistics.interval(credits, spec["resamples"], spec["seed"])
        scores[language] = {
            "accuracy": round(result["accuracy"], 6),
            "low": round(low, 6),
            "high": round(high, 6),
            "items": len(records),
            "ties": sum(len(record["tied"]) > 1 for record in records),
        }
        columns = {key: [record[key] for record in records] for key in ("id", "language", "gold", "prediction")}
        tables.append(pd.DataFrame(columns | {"credit": credits}))
    items = args.out.with_suffix(".parquet")
    with replaced(items, "wb") as stream:
        pd.concat(tables, ignore_index=True).to_parquet(stream, index=False)
    manifests.write(
        args.out,
        spec=args.spec,
        code=args.code,
        inputs={"predictions": sha256_file(args.predictions)},
        files={items.name: manifests.describe(items)},
        scores=scores,
    )
    log.info("%s", ", ".join(f"{language} {part['accuracy']:.3f}" for language, part in scores.items()))
    return 0


if __name__ == "__main__":
    run(main)
