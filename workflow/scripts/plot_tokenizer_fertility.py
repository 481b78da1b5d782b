"""Draw tokenizer fertility against score and score change."""

import argparse
import json
from pathlib import Path

from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, names, caveats")
    parser.add_argument("--fertility", required=True, type=Path, help="table of tokenizer fertility, CSV")
    parser.add_argument("--scores", required=True, type=Path, help="table of scores, CSV")
    parser.add_argument("--comparisons", required=True, type=Path, help="table of comparisons, CSV")
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="figures to write, by suffix")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    from maple import figure_fertility, plots

    tables = [pd.read_csv(path, low_memory=False) for path in (args.fertility, args.scores, args.comparisons)]
    plots.save(figure_fertility.draw(*tables, json.loads(args.spec)), *args.out)
    return 0


if __name__ == "__main__":
    run(main)
