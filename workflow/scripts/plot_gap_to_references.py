"""Draw the distance to published scores, as PDF and PNG."""

import argparse
import json
from pathlib import Path

from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, names in words, notes")
    parser.add_argument(
        "--gaps", required=True, nargs="+", type=Path, help="gaps of each benchmark, in the spec's order"
    )
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="figures to write, by suffix")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    from maple import figure_gap_to_references, plots

    spec = json.loads(args.spec)
    names = [name for name, _ in spec["benchmarks"]]
    gaps = {name: pd.read_csv(path, low_memory=False) for name, path in zip(names, args.gaps, strict=True)}
    plots.save(figure_gap_to_references.draw(gaps, spec), *args.out)
    return 0


if __name__ == "__main__":
    run(main)
