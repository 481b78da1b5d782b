"""Print where the results are, and a small table of the scores."""

import argparse
from pathlib import Path

from maple.logs import run


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True, type=Path, help="long table of scores")
    parser.add_argument("--figure", required=True, type=Path, help="the figure")
    parser.add_argument("--report", required=True, type=Path, help="the report")
    args = parser.parse_args(argv)
    import pandas as pd

    table = pd.read_csv(args.table)
    order = list(dict.fromkeys(table["label"]))
    mean = table.groupby("label")["score"].mean()
    english = table[table["language"] == "en"].set_index("label")
    chance = f" (chance {table['chance'].iloc[0] * 100:.0f})" if table["chance"].notna().any() else ""
    print(f"\n{table['metric'].iloc[0].capitalize()} in %{chance}; English with its 95 % interval")
    print(f"{'':40}{'mean of ' + str(table['language'].nunique()) + ' languages':>22}   English")
    for label in order:
        row = english.loc[label]
        print(
            f"{label:40}{mean[label] * 100:22.1f}   "
            f"{row['score'] * 100:.1f} ({row['low'] * 100:.0f} to {row['high'] * 100:.0f}, n = {row['items']})"
        )
    if (table["data_source"] == "sample").any():
        print("Sample data: this shows that the line works and measures nothing else.")
    for name, path in (("figure", args.figure), ("table", args.table), ("report", args.report)):
        print(f"{name:8}{path}")
    return 0


if __name__ == "__main__":
    run(main)
