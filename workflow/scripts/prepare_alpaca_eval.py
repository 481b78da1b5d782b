"""Bring AlpacaEval's instructions and reference outputs into one form."""

import argparse
from pathlib import Path

from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: source, reference, limit")
    parser.add_argument("--code", required=True, help="code digest to record")
    parser.add_argument("--out", required=True, type=Path, help="index to write; items.jsonl goes beside it")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    from maple import alpaca_eval_items

    alpaca_eval_items.prepare(args.spec, args.code, args.out)
    return 0


if __name__ == "__main__":
    run(main)
