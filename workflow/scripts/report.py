"""Write one self-contained HTML page: findings in words, figures, and the tables behind them."""

import argparse
import base64
import json
from pathlib import Path

from maple.benchmarks import DECLARED
from maple.files import replaced
from maple.groups import NAMES
from maple.logs import add_log_argument, run, setup_logging
from maple.pairs import ADAPTERS

TEMPLATE = Path(__file__).resolve().parents[1] / "report/report.html.j2"


def findings(scores, comparisons) -> list[str]:
    """Return sentences computed from the tables, each with its uncertainty."""
    sentences = []
    for benchmark, table in scores.groupby("benchmark", sort=False):
        name = DECLARED[benchmark].name
        if table["unparsed"].any():
            share = table["unparsed"].sum() / table["items"].sum()
            sentences.append(f"{name}: {share:.1%} of the generated answers could not be parsed; they count as wrong.")
        if table["chance"].isna().all():
            best = table.loc[table["score"].idxmax()]
            sentences.append(
                f"{name}: the highest F1 is {best['score']:.0%} ({best['low']:.0%} to {best['high']:.0%}), "
                f"{best['label']}, {best['language_name']}."
            )
            continue
        above = (table["low"] > table["chance"]).sum()
        sentences.append(
            f"{name}: {above} of {len(table)} system-language cells lie above chance "
            f"({table['chance'].iloc[0]:.0%}) by their 95 % interval."
        )
    # Adapters with their bases, language by language; the means and the other comparisons have their own rows.
    own = comparisons[
        (comparisons["kind"] == "base") & (comparisons["about"] == ADAPTERS) & ~comparisons["language"].isin(NAMES)
    ]
    for benchmark, table in own.groupby("benchmark", sort=False):
        real = table[table["p_holm"] < 0.05]
        better, worse = (real["difference"] > 0).sum(), (real["difference"] < 0).sum()
        sentences.append(
            f"{DECLARED[benchmark].name}: of {len(table)} paired comparisons of an adapter with its base, {better} "
            f"are better and {worse} worse at Holm-adjusted p < 0.05; {len(table) - better - worse} are undecided."
        )
        english = table[table["language"] == "en"]
        for row in english.itertuples():
            sentences.append(
                f"{DECLARED[benchmark].name} English, {row.label}: {row.difference * 100:+.1f} points against its base "
                f"(95 % interval {row.low * 100:+.1f} to {row.high * 100:+.1f}, n = {row.items})."
            )
    return sentences


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, sources, caveats")
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="long tables of scores")
    parser.add_argument("--comparisons", required=True, nargs="+", type=Path, help="tables of paired comparisons")
    parser.add_argument("--figures", required=True, nargs="+", type=Path, help="figures, PNG")
    parser.add_argument("--out", required=True, type=Path, help="page to write")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd
    from jinja2 import Environment, FileSystemLoader

    spec = json.loads(args.spec)
    scores = pd.concat([pd.read_csv(path) for path in args.scores])
    comparisons = pd.concat([pd.read_csv(path, low_memory=False) for path in args.comparisons])
    scores["cell"] = scores.apply(
        lambda row: f"{row['score'] * 100:.0f} ({row['low'] * 100:.0f} to {row['high'] * 100:.0f})", axis=1
    )
    tables = {}
    for benchmark, part in scores.groupby("benchmark", sort=False):
        wide = part.pivot(index="language_name", columns="label", values="cell")
        tables[DECLARED[benchmark].name] = wide[list(dict.fromkeys(part["label"]))].loc[
            list(dict.fromkeys(part["language_name"]))
        ]
    images = [base64.b64encode(path.read_bytes()).decode() for path in args.figures]
    environment = Environment(loader=FileSystemLoader(TEMPLATE.parent), autoescape=True)
    page = environment.get_template(TEMPLATE.name).render(
        spec=spec,
        findings=findings(scores, comparisons),
        figures=list(zip([path.stem for path in args.figures], images, strict=True)),
        tables=tables,
        missing=[DECLARED[name].name for name in spec["missing"]],
        sample=[DECLARED[name].name for name, source in spec["benchmarks"].items() if source == "sample"],
    )
    with replaced(args.out) as stream:
        stream.write(page)
    return 0


if __name__ == "__main__":
    run(main)
