"""Score a system's AlpacaEval annotations: win rate with its interval, and a compact table of items."""

import argparse
from pathlib import Path

from maple import manifests, statistics
from maple.files import read_jsonl, replaced
from maple.logs import add_log_argument, log, run, setup_logging


def win_rate(preferences: list) -> dict:
    """Return the win rate of the readable preferences, as the package defines it, and its uncertainty.

    Args:
        preferences: 1 where the reference wins, 2 where the system does, 0 or 1.5 for a draw, ``None`` where
            the judge's answer could not be read.
    """
    from alpaca_eval.metrics import get_winrate

    readable = [float(preference) for preference in preferences if preference is not None]
    counts = {"items": len(readable), "malformed": len(preferences) - len(readable)}
    if not readable:
        return dict.fromkeys(("score", "standard_error", "low", "high")) | counts
    found = get_winrate([{"preference": preference} for preference in readable])
    low, high = map(float, statistics.interval([credit(p) for p in readable]))
    error = found["standard_error"] / 100 if len(readable) > 1 else None
    return {
        "score": round(found["win_rate"] / 100, 6),
        "standard_error": None if error is None else round(error, 6),
        "low": round(low, 6),
        "high": round(high, 6),
        "wins": int(found["n_wins"]),
        "losses": int(found["n_wins_base"]),
        "draws": int(found["n_draws"]),
    } | counts


def credit(preference: float | None) -> float | None:
    """Return what an item adds to the win rate: 1 for a win, 0 for a loss, a half for a draw."""
    return None if preference is None else (preference or 1.5) - 1


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: benchmark")
    parser.add_argument("--code", required=True, help="code digest to record")
    parser.add_argument("--annotations", required=True, type=Path, help="index of the annotations")
    parser.add_argument("--out", required=True, type=Path, help="scores, JSON; the item table goes beside it")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    from maple import judge_environment

    judge_environment.enter()
    judge_environment.quiet()
    import pandas as pd

    index = manifests.read(args.annotations)
    records = read_jsonl(args.annotations.parent / "annotations.jsonl")
    scores = win_rate([record["preference"] for record in records])
    for name in ("characters", "reference_characters"):
        scores[name] = round(sum(record[name] for record in records) / len(records), 1)
    columns = {key: [record[key] for record in records] for key in ("id", "language", "preference")}
    columns["credit"] = [credit(record["preference"]) for record in records]
    items = args.out.with_suffix(".parquet")
    with replaced(items, "wb") as stream:
        pd.DataFrame(columns).astype({"preference": float, "credit": float}).to_parquet(stream, index=False)
    manifests.write(
        args.out,
        spec=args.spec,
        code=args.code,
        inputs={"annotations": manifests.identity(index)},
        files={items.name: manifests.describe(items)},
        metric="win_rate",
        judges=index["judges"],
        scores={"en": scores},
    )
    if scores["malformed"]:
        log.warning("%d of %d answers of the judge could not be read", scores["malformed"], len(records))
    log.info("win rate %s", scores["score"])
    return 0


if __name__ == "__main__":
    run(main)
