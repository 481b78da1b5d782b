"""Draw languages x systems of one benchmark or of several: changes of adapters, scores of bases."""

import argparse
import json
from pathlib import Path

from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, names, caveats")
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="scores of each benchmark, CSV")
    parser.add_argument("--comparisons", required=True, nargs="+", type=Path, help="comparisons of each, CSV")
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="figures to write, by suffix")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    from maple import figure_heatmap, plots

    parts = [
        (pd.read_csv(scores), pd.read_csv(comparisons, low_memory=False))
        for scores, comparisons in zip(args.scores, args.comparisons, strict=True)
    ]
    plots.save(figure_heatmap.draw(parts, json.loads(args.spec)), *args.out)
    return 0


if __name__ == "__main__":
    run(main)
