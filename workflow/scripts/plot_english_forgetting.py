"""Draw what finetuning does to English, as PDF and PNG."""

import argparse
import json
from pathlib import Path

from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, names in words, notes")
    parser.add_argument("--comparisons", required=True, nargs="+", type=Path, help="comparisons, in the spec's order")
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="figures to write, by suffix")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    from maple import figure_english_forgetting, plots

    spec = json.loads(args.spec)
    tables = [
        pd.read_csv(path, usecols=figure_english_forgetting.COLUMNS, low_memory=False) for path in args.comparisons
    ]
    plots.save(figure_english_forgetting.draw(tables, spec), *args.out)
    return 0


if __name__ == "__main__":
    run(main)
