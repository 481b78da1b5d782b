"""Draw the gain on low-resource languages against the change in English, one point per adapter."""

import argparse
import json
from pathlib import Path

from maple import manifests
from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, names, adapters, caveats")
    parser.add_argument("--comparisons", required=True, type=Path, help="table of comparisons, CSV")
    parser.add_argument("--adapters", default=[], nargs="*", type=Path, help="manifests, in the order of the spec")
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="figures to write, by suffix")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    import pandas as pd

    from maple import figure_tradeoff, plots

    spec = json.loads(args.spec)
    parameters = {
        system: manifests.read(path, only=[])["trainable_parameters"]
        for system, path in zip(spec["adapters"], args.adapters, strict=True)
    }
    comparisons = pd.read_csv(args.comparisons, low_memory=False)
    plots.save(figure_tradeoff.draw(comparisons, parameters, spec), *args.out)
    return 0


if __name__ == "__main__":
    run(main)
