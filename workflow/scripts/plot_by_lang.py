"""Draw a benchmark's scores by language, as PDF and PNG."""

import argparse
import json
from pathlib import Path

from maple import spans, unparsed
from maple.logs import add_log_argument, run, setup_logging


def how(spec: dict, table) -> str:
    """Return one sentence on how the scores were taken."""
    shots = f"{spec['shots']} demonstrations" if spec["shots"] else "zero-shot"
    words = f"Split {spec['split']}, prompts {spec['prompts']}, {shots}, by {spec['scoring']}"
    if spec["scoring"] == "generation":
        words += f"; {unparsed.shares(table)} answers could not be parsed"
    if spec["benchmark"] == "xcopa":
        own = "as published for each language (in Thai always effect)"
        words += f"; cause or effect {own if spec['question_from'] == 'own' else 'as in English COPA'}"
    words += "."
    alone = table.loc[table["language"].str.partition("-")[0].isin(spans.CHARACTERS), "language_name"].unique()
    if table["metric"].iloc[0] == "f1" and len(alone):
        words += f" The tokens of F1 are words, but characters in {', '.join(alone)}."
    return words


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, benchmark, prompts, names, notes")
    parser.add_argument("--table", required=True, type=Path, help="long table of scores, CSV")
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="figures to write, by suffix")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    from maple import figure_by_lang, plots

    spec = json.loads(args.spec)
    table = pd.read_csv(args.table)
    notes = [
        how(spec, table),
        "Where intervals overlap, ask the paired tests of the comparisons table. Resource classes: Joshi et al. 2020.",
    ]
    if spec["source"] == "sample":
        notes.insert(0, plots.SAMPLE)
    notes += spec["notes"]
    figure = figure_by_lang.draw(table, spec["title"], notes, spec["models"])
    plots.save(figure, *args.out)
    return 0


if __name__ == "__main__":
    run(main)
