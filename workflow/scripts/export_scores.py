"""Export a system's scores in the JSON form of lm-evaluation-harness."""

import argparse
import json
from pathlib import Path

from maple import harness_results, item_tables
from maple.files import read_json, replaced
from maple.logs import add_log_argument, run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: system and benchmarks")
    parser.add_argument("--model", required=True, type=Path, help="manifest of the base model")
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="its scores, in the spec's order")
    parser.add_argument("--out", required=True, type=Path, help="JSON to write")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)

    spec, model = json.loads(args.spec), read_json(args.model)
    parts = {}
    for benchmark, path in zip(spec["benchmarks"], args.scores, strict=True):
        columns = ["credit"] if harness_results.DECLARED[benchmark["name"]].golds else ["credit", "exact_match"]
        parts[benchmark["name"]] = item_tables.slices(path, [code for code, *_ in benchmark["languages"]], columns)
    system = spec["system"]
    pretrained = model.get("hub") or model.get("folder") or str(args.model.parent)
    model_args = {"pretrained": pretrained, "revision": model.get("commit"), "system": system}
    with replaced(args.out) as stream:
        stream.write(json.dumps(harness_results.results(spec, parts, model_args), indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    run(main)
