"""Score one system on one benchmark: metrics per language and a compact table of items."""

import argparse
import json
from pathlib import Path

from maple import manifests, statistics
from maple.benchmarks import DECLARED
from maple.files import read_jsonl, replaced
from maple.logs import add_log_argument, log, run, setup_logging

METRICS = Path(__file__).resolve().parents[1] / "metrics"


def score_choices(records: list[dict], options: tuple[str, ...], metric) -> tuple[dict, dict]:
    """Return the metrics of one language and, per item, its credits."""
    result = metric.compute(
        predictions=[record["tied"] for record in records],
        references=[record["gold"] for record in records],
        options=list(options),
    )
    credits = {"accuracy": result.pop("credits")}
    return result, credits


def score_answers(records: list[dict], language: str, metric) -> tuple[dict, dict]:
    """Return exact match and F1 of one language and, per item, its credits."""
    result = metric.compute(
        predictions=[record["prediction"] or "" for record in records],
        references=[record["answers"] for record in records],
        language=language,
    )
    credits = {"f1": result.pop("f1_credits"), "exact_match": result.pop("exact_match_credits")}
    return result, credits


def score_language(records: list[dict], language: str, benchmark, metric) -> tuple[dict, dict]:
    """Return the scores of one language and the columns of its item table.

    Args:
        records: Prediction records.
        language: Their language.
        benchmark: Its declaration.
        metric: The `evaluate` module for its kind.
    """
    if benchmark.golds:
        result, credits = score_choices(records, benchmark.options, metric)
    else:
        result, credits = score_answers(records, language, metric)
    main = credits[benchmark.metric]
    low, high = map(float, statistics.interval(main))
    scores = {name: round(value, 6) for name, value in result.items()} | {
        "score": round(result[benchmark.metric], 6),
        "low": round(low, 6),
        "high": round(high, 6),
        "items": len(records),
        "ties": sum(len(record.get("tied", [])) > 1 for record in records),
        "unparsed": sum(record["prediction"] is None for record in records),
        "fewest_shots": min(record["shots"] for record in records),
    }
    columns = {key: [record.get(key) for record in records] for key in ("id", "language", "gold", "prediction")}
    columns |= {"credit": main} | {name: values for name, values in credits.items() if name != benchmark.metric}
    return scores, columns


def metric_of(benchmark):
    """Return the `evaluate` module for a benchmark's kind."""
    import os

    os.environ["HF_EVALUATE_OFFLINE"] = "1"
    import evaluate

    # Otherwise all scoring jobs of a user lock one file in the home folder, and give up when it is taken.
    return evaluate.load(str(METRICS / ("choice_scores" if benchmark.golds else "span_match")), keep_in_memory=True)


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: benchmark")
    parser.add_argument("--code", required=True, help="code digest to record")
    parser.add_argument("--predictions", required=True, type=Path, help="index of the predictions")
    parser.add_argument("--out", required=True, type=Path, help="scores, JSON; the item table goes beside it")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    spec = json.loads(args.spec)
    benchmark = DECLARED[spec["benchmark"]]
    index = manifests.read(args.predictions)
    metric = metric_of(benchmark)
    scores, tables = {}, []
    for name in sorted(index["files"]):
        records = read_jsonl(args.predictions.parent / name)
        language = Path(name).stem
        scores[language], columns = score_language(records, language, benchmark, metric)
        tables.append(pd.DataFrame(columns))
    items = args.out.with_suffix(".parquet")
    with replaced(items, "wb") as stream:
        pd.concat(tables, ignore_index=True).to_parquet(stream, index=False)
    manifests.write(
        args.out,
        spec=args.spec,
        code=args.code,
        inputs={"predictions": manifests.identity(index)},
        files={items.name: manifests.describe(items)},
        metric=benchmark.metric,
        scoring=index["spec"]["scoring"],
        scores=scores,
    )
    log.info("%s", ", ".join(f"{language} {part['score']:.3f}" for language, part in scores.items()))
    return 0


if __name__ == "__main__":
    run(main)
