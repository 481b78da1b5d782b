"""Bring a base model to safetensors + tokenizer and write its manifest."""

import argparse
from pathlib import Path

from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON of the model's source")
    parser.add_argument("--code", required=True, help="code digest to record")
    parser.add_argument("--out", required=True, type=Path, help="manifest to write")
    parser.add_argument("--tokenizer", type=Path, help="random models: manifest of the model to borrow it from")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    from maple import model_sources
    from maple.provenance import Recorder

    recorder = Recorder()
    model_sources.prepare(args.spec, args.code, args.out, args.tokenizer)
    recorder.write(args.out.parent / "provenance.json")
    return 0


if __name__ == "__main__":
    run(main)
