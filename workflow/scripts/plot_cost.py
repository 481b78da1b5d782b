"""Draw what adapters cost, by their provenance files, against what they gain."""

import argparse
import json
from pathlib import Path

from maple.files import read_json
from maple.logs import add_log_argument, run, setup_logging


def provenance(manifest: Path) -> dict | None:
    """Return the provenance beside a manifest, ``None`` if there is none."""
    path = manifest.parent / "provenance.json"
    return read_json(path) if path.is_file() else None


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, names, adapters, languages, caveats")
    parser.add_argument("--comparisons", required=True, type=Path, help="table of comparisons, CSV")
    parser.add_argument("--adapters", default=[], nargs="*", type=Path, help="manifests, in the order of the spec")
    parser.add_argument(
        "--predictions", default=[], nargs="*", type=Path, help="indexes, by adapter and in it by benchmark"
    )
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="figures to write, by suffix")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    from maple import figure_cost, plots

    spec = json.loads(args.spec)
    languages = [codes for _, codes in spec["languages"]]
    costs = {}
    for place, (system, path) in enumerate(zip(spec["adapters"], args.adapters, strict=True)):
        own = args.predictions[place * len(languages) : (place + 1) * len(languages)]
        made = [(provenance(index), set(codes)) for index, codes in zip(own, languages, strict=True)]
        costs[system] = figure_cost.read(provenance(path), made)
    comparisons = pd.read_csv(args.comparisons, low_memory=False)
    plots.save(figure_cost.draw(comparisons, costs, spec), *args.out)
    return 0


if __name__ == "__main__":
    run(main)
