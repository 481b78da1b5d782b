"""Draw the mean change by resource class, as PDF and PNG."""

import argparse
import json
from pathlib import Path

from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, names in words, notes")
    parser.add_argument("--effects", required=True, type=Path, help="effects, CSV")
    parser.add_argument("--scores", required=True, type=Path, help="scores of all benchmarks, CSV")
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="figures to write, by suffix")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    from maple import figure_by_resource_class, plots

    spec = json.loads(args.spec)
    effects, scores = pd.read_csv(args.effects), pd.read_csv(args.scores, low_memory=False)
    plots.save(figure_by_resource_class.draw(effects, scores, spec), *args.out)
    return 0


if __name__ == "__main__":
    run(main)
