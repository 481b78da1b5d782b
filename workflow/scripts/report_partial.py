"""Report on what has been scored by now, and say what is missing; nothing is trained or predicted for it."""

import argparse
from pathlib import Path

import analyse
import compare
import gather
import report
import report_items

from maple.alpaca_eval_study import AlpacaEval
from maple.errors import UserError
from maple.existing import Existing
from maple.logs import run, setup_logging
from maple.words import listed


def tables(study: Existing, folder: str) -> list[str]:
    """Make the tables of what exists and return the options that name them."""
    for name in study.benchmarks:
        scores = [study.scores(system.path, name) for system in study.scored(name)]
        gather.main(["--spec", study.table_spec(name), "--scores", *scores, "--out", f"{folder}/{name}_scores.csv"])
        outputs = ["--out", f"{folder}/{name}_comparisons.csv", "--gaps", f"{folder}/{name}_gaps.csv"]
        outputs += ["--resampled", f"{folder}/{name}_resampled.npy"]
        compare.main(["--spec", study.compare_spec(name), "--scores", *scores, *outputs])
    options = ["--spec", study.analyse_spec(), "--out", f"{folder}/effects.csv"]
    for kind, suffix in (("scores", "csv"), ("comparisons", "csv"), ("gaps", "csv"), ("resampled", "npy")):
        options += [f"--{kind}", *(f"{folder}/{name}_{kind}.{suffix}" for name in study.benchmarks)]
    analyse.main(options)
    return [part for kind in report.TABLES for part in (f"--{kind}", f"{folder}/{kind}.csv")]


def items(study: Existing) -> list[str]:
    """Put the items of what exists beside the page and return the options that name them."""
    for name in study.benchmarks:
        systems = [system.path for system in study.scored(name)]
        options = ["--spec", study.shown_items_spec(name), "--code", study.code("report_items")]
        options += ["--items", study.items_index(name), "--prompts", study.prompts(name)]
        options += ["--predictions", *(study.predictions_index(system, name) for system in systems)]
        options += ["--scores", *(study.scores(system, name) for system in systems)]
        report_items.main([*options, "--index", study.shown_items_index(name), "--out", *study.shown_items(name)])
    return ["--items", *(study.shown_items_index(name) for name in study.benchmarks)]


def figures_missing(figures: list[Path]) -> list[str]:
    """Return what is to be said about figures: they are shown as they are, not drawn for a partial report."""
    missing = [path.stem for path in figures if not path.is_file()]
    said = [f"Figures not drawn yet: {listed(missing)}."] if missing else []
    return said + (["Figures are shown as they were last drawn."] if len(missing) < len(figures) else [])


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", default="config/config.yaml", help="the study")
    parser.add_argument("--out", required=True, type=Path, help="page to write")
    args = parser.parse_args(argv)
    setup_logging()
    from maple import config
    from maple.study import Study

    whole = Study(config.load(args.configfile))
    study = Existing(whole)
    if not study.benchmarks:
        raise UserError(f"{whole.results}/scores: nothing has been scored yet: ask for a figure first")
    options = [*tables(study, f"{study.results}/{study.page}/tables"), *items(study)]
    figures = [Path(f"{study.results}/figures/{name}.png") for name in whole.figures()]
    options += ["--figures", *(str(path) for path in figures if path.is_file())]
    options += ["--manifests", *(path for path in whole.sources() if Path(path).is_file())]
    options += ["--missing", *study.missing(), *figures_missing(figures)]
    alpaca = AlpacaEval(whole)
    if alpaca.configured and Path(alpaca.table).is_file():
        options += ["--alpaca", alpaca.table]
    return report.main(["--spec", study.report_spec(), *options, "--out", str(args.out)])


if __name__ == "__main__":
    run(main)
