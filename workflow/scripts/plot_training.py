"""Draw training and held-out loss: one panel per model, precision, data, method and seed, one line per rank."""

import argparse
import json
from pathlib import Path

from maple import manifests
from maple.files import read_jsonl
from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: title, and panel and line of each adapter")
    parser.add_argument("--adapters", required=True, nargs="+", type=Path, help="manifests, in the order of the spec")
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="figures to write, by suffix")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)

    from maple import figure_training, plots

    spec = json.loads(args.spec)
    panels = {}
    for (panel, line), path in zip(spec["adapters"], args.adapters, strict=True):
        manifests.read(path, only=["training_log.jsonl"])
        panels.setdefault(panel, {})[line] = read_jsonl(path.parent / "training_log.jsonl")
    plots.save(figure_training.draw(panels, f"Loss while finetuning: {spec['study']}", spec["sample"]), *args.out)
    return 0


if __name__ == "__main__":
    run(main)
