"""Compare a benchmark's systems with each other, item by item, and with published scores."""

import argparse
import io
import json
from pathlib import Path

from maple import comparisons, gaps, item_tables, references
from maple.benchmarks import DECLARED
from maple.files import replaced
from maple.logs import add_log_argument, log, run, setup_logging
from maple.scored import Scored
from maple.systems import System

COMPARISONS = [
    "benchmark", "data_source", "scoring", "kind", "about", "pairing", "system", "label", "against",
    "against_label", "value", "against_value", "model", "bits", "data", "method", "rank", "seed", "seeds",
    "language", "language_name", "joshi_class", "languages", "difference", "low", "high", "items", "items_won",
    "items_lost", "discordant", "difference_unparsed", "test", "p", "p_holm", "family", "verdict", "english", "note",
]  # fmt: skip
GAPS = [
    "benchmark", "data_source", "scoring", "system", "label", "model", "bits", "data", "method", "rank", "seeds",
    "language", "language_name", "joshi_class", "items", "reference", "parameters", "larger", "setup",
    "reference_scoring", "flag", "source", "base", "tuned", "reference_score", "difference", "difference_low",
    "difference_high", "p", "p_gap", "gap_closed", "low", "high", "counted", "why_not",
]  # fmt: skip
_WHOLE = ("bits", "rank", "seed", "seeds", "joshi_class", "items", "items_won", "items_lost", "discordant")


def write(table, columns: list[str], path: Path, spec: dict) -> None:
    """Write a table with exactly these columns, also if it has no rows."""
    table = table.assign(benchmark=spec["benchmark"], data_source=spec["source"], scoring=spec["scoring"])
    table = table.reindex(columns=columns)
    for column in _WHOLE:
        if column in table:
            table[column] = table[column].astype("Int64")
    with replaced(path) as stream:
        table.to_csv(stream, index=False, float_format="%.6g")


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: members, their names, the statistics")
    parser.add_argument(
        "--scores", required=True, nargs="+", type=Path, help="scores, in the order of the spec's systems"
    )
    parser.add_argument("--out", required=True, type=Path, help="comparisons, CSV")
    parser.add_argument("--gaps", required=True, type=Path, help="gaps to published scores, CSV")
    parser.add_argument("--resampled", required=True, type=Path, help="bootstrap of the scores over items, NPY")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import numpy as np
    import pandas as pd

    spec = json.loads(args.spec)
    benchmark = DECLARED[spec["benchmark"]]
    codes = [code for code, *_ in spec["languages"]]
    tables = item_tables.load(args.scores, codes, spec["scoring"] == "generation")
    scored = Scored(
        systems=[System.parse(path) for path, *_ in spec["systems"]],
        labels=[label for _, label, *_ in spec["systems"]],
        languages=[(code, name, joshi) for code, name, joshi, _ in spec["languages"]],
        means=np.stack([part.credits.mean(axis=0) for part in tables.values()], axis=1),
        resampled=item_tables.resample(tables, spec["resamples"], spec["seed"]),
        counts=[len(part.ids) for part in tables.values()],
    )
    # Machine-written samples are not the benchmark that others published scores on.
    published = [] if spec["source"] == "sample" else references.of(spec["benchmark"], codes)
    gap = gaps.frame(scored, published, spec["scoring"], spec["parameters"])
    parts = [part for part in (comparisons.frame(scored, tables), gaps.as_comparisons(gap)) if len(part)]
    table = comparisons.correct(pd.concat(parts, ignore_index=True), benchmark.name) if parts else pd.DataFrame()
    write(table, COMPARISONS, args.out, spec)
    write(gap, GAPS, args.gaps, spec)
    buffer = io.BytesIO()
    np.save(buffer, scored.resampled)
    with replaced(args.resampled, "wb") as stream:
        stream.write(buffer.getbuffer())
    log.info("%d comparisons, %d published scores", len(table), len(published))
    return 0


if __name__ == "__main__":
    run(main)
