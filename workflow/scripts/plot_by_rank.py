"""Draw a benchmark's scores against the rank, as PDF and PNG."""

import argparse
import json
from pathlib import Path

from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, names in words, notes")
    parser.add_argument("--scores", required=True, type=Path, help="the benchmark's scores, CSV")
    parser.add_argument("--comparisons", required=True, type=Path, help="the benchmark's comparisons, CSV")
    parser.add_argument("--resampled", required=True, type=Path, help="bootstrap of the scores over items, NPY")
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="figures to write, by suffix")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import numpy as np
    import pandas as pd

    from maple import figure_by_rank, group_scores, plots

    scores = pd.read_csv(args.scores)
    comparisons = pd.read_csv(args.comparisons, usecols=group_scores.COMPARED, low_memory=False)
    found = group_scores.scored(scores, np.load(args.resampled))
    plots.save(figure_by_rank.draw(found, scores, comparisons, json.loads(args.spec)), *args.out)
    return 0


if __name__ == "__main__":
    run(main)
