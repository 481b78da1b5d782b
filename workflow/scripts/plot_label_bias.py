"""Draw a benchmark's label bias, as PDF and PNG."""

import argparse
import json
from pathlib import Path

from maple.benchmarks import DECLARED
from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, benchmark, source")
    parser.add_argument("--table", required=True, type=Path, help="table of labels, CSV")
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="figures to write, by suffix")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    from maple import figure_label_bias, plots

    spec = json.loads(args.spec)
    table = pd.read_csv(args.table)
    cells = table.drop_duplicates(["system", "language"])
    bias, by_chance = (cells[f"total_variation{part}"].mean() * 100 for part in ("", "_by_chance"))
    notes = [
        "Right of zero an option is predicted more often than it is right. One dot is a system; languages run from the "
        "strongest mean bias of the untuned bases (total variation) down.",
        f"By total variation a system errs by {bias:.1f} % in the mean over systems and languages; a guesser without "
        f"bias would err by {by_chance:.1f} %. A distance near that is no evidence of bias.",
    ]
    left_out = table["language"].nunique() - figure_label_bias.MOST
    if left_out > 0:
        notes.insert(1, f"{left_out} languages with less bias are left out here; the table of labels has them.")
    if spec["source"] == "sample":
        notes.insert(0, plots.SAMPLE)
    notes += spec["notes"]
    title = f"{DECLARED[spec['benchmark']].name}, label bias: {spec['study']}"
    plots.save(figure_label_bias.draw(table, title, notes), *args.out)
    return 0


if __name__ == "__main__":
    run(main)
