"""Write one self-contained HTML page: findings in words, an explorer of scores and items, figures, provenance."""

import argparse
import json
from pathlib import Path

from maple import explorer, findings, origin, page, question, verdicts
from maple.benchmarks import DECLARED
from maple.files import read_json, replaced
from maple.logs import add_log_argument, log, run, setup_logging
from maple.words import percent, points, probability

TABLES = ("scores", "comparisons", "gaps", "effects")


def benchmark_rows(scores, declared: dict) -> list[dict]:
    """Return how each benchmark was measured."""
    rows = []
    for name, part in scores.groupby("benchmark", sort=False):
        first, source = part.iloc[0], declared[name]
        items = part.drop_duplicates("language")["items"]
        rows.append(
            {
                "name": DECLARED[name].name,
                "source": source[0],
                "scoring": first["scoring"],
                "prompts": source[1],
                "text": Path(source[1]).read_text(encoding="utf-8"),
                "shots": int(first["shots"]),
                "languages": len(items),
                "each": f"{items.min():,}" if items.min() == items.max() else f"{items.min():,} to {items.max():,}",
            }
        )
    return rows


def alpaca_table(table) -> dict | None:
    """Return AlpacaEval's win rates as text."""
    if table is None or table.empty:
        return None
    rows = []
    for row in table.to_dict("records"):
        rate = f"{percent(row['score'])} ({row['low'] * 100:.1f} to {row['high'] * 100:.1f})"
        change = ["", ""]
        if row.get("p_holm", float("nan")) == row.get("p_holm"):
            own = {"difference": row["difference"], "low": row["difference_low"], "high": row["difference_high"]}
            change = [points(own), probability(row["p_holm"])]
        rows.append([row["label"], rate, int(row["items"]), int(row["malformed"]), *change])
    columns = ["System", "Win rate (95 % interval)", "n", "Not readable", "Against its base (95 %)", "Adjusted p"]
    first = table.iloc[0]
    return {"columns": columns, "rows": rows} | {name: first[name] for name in ("reference", "judge", "annotator")}


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, sources, methods, caveats")
    for name in TABLES:
        parser.add_argument(f"--{name}", required=True, type=Path, help=f"table of {name}, CSV")
    parser.add_argument("--alpaca", type=Path, help="table of AlpacaEval, CSV")
    parser.add_argument("--figures", nargs="*", default=[], type=Path, help="figures, PNG")
    parser.add_argument("--items", required=True, nargs="+", type=Path, help="indexes of the items beside the report")
    parser.add_argument("--manifests", nargs="*", default=[], type=Path, help="manifests of models, data and adapters")
    parser.add_argument("--missing", nargs="*", default=[], help="what a partial report lacks, in sentences")
    parser.add_argument("--out", required=True, type=Path, help="page to write")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    spec = json.loads(args.spec)
    read = {
        name: pd.read_csv(getattr(args, name), low_memory=False)
        for name in ("scores", "comparisons", "gaps", "effects")
    }
    tables = question.Tables(**read, alpaca=pd.read_csv(args.alpaca) if args.alpaca else None)
    scored = list(tables.scores["benchmark"].unique())
    names = tables.scores.drop_duplicates("model").set_index("model")["label"].str.split(", ").str[0].to_dict()
    values = {
        "spec": spec,
        "sample": [DECLARED[name].name for name in scored if spec["benchmarks"][name][0] == "sample"],
        "missing": args.missing,
        "findings": findings.findings(tables, spec["notes"]),
        "claims": verdicts.claims(tables.effects, names),
        "alpaca": alpaca_table(tables.alpaca),
        "figures": [page.figure(path) for path in args.figures],
        "benchmarks": benchmark_rows(tables.scores, spec["benchmarks"]),
        "manifests": origin.manifest_rows(args.manifests + args.items),
        "work": origin.work(args.out.parent, spec["systems"], scored),
    }
    # The items lie in a folder that has the page's name.
    summary = explorer.summary(tables, args.out.stem)
    text = page.render(values, summary)
    with replaced(args.out) as stream:
        stream.write(text)
    items = sum(entry["items"] for path in args.items for entry in read_json(path)["files"].values())
    log.info("%s: %.1f MB, %d items beside it", args.out, len(text.encode()) / 1e6, items)
    return 0


if __name__ == "__main__":
    run(main)
