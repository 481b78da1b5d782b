"""Draw effects with their intervals, by claim and scope, and the verdicts in words."""

import argparse
import json
from pathlib import Path

from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, names, caveats")
    parser.add_argument("--effects", required=True, type=Path, help="table of effects, CSV")
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="figures to write, by suffix")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    from maple import figure_forest, plots

    plots.save(figure_forest.draw(pd.read_csv(args.effects), json.loads(args.spec)), *args.out)
    return 0


if __name__ == "__main__":
    run(main)
