"""Normalise a benchmark's items, one file per language."""

import argparse
from pathlib import Path

from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON of the benchmark's source")
    parser.add_argument("--code", required=True, help="code digest to record")
    parser.add_argument("--index", required=True, type=Path, help="index to write")
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="one file per language, named <code>.jsonl")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    from maple import benchmark_sources

    benchmark_sources.prepare(args.spec, args.code, args.index, [path.stem for path in args.out])
    return 0


if __name__ == "__main__":
    run(main)
