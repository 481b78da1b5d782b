"""Put a benchmark's items beside the report: prompts, options, answers of every system, gold."""

import argparse
import json
import os
from pathlib import Path

from maple import item_tables, manifests, shown_items
from maple.benchmarks import DECLARED
from maple.errors import UserError
from maple.files import read_json, read_jsonl
from maple.logs import add_log_argument, log, run, setup_logging
from maple.prompts import PromptSet


def make(args, spec: dict, languages: list[str], keys: dict[str, str], systems: dict[str, Path]) -> dict:
    """Write the files of some languages and return their entries."""
    names = [f"{language}.jsonl" for language in languages]
    shots = [name for name in read_json(args.items)["files"] if name.startswith("shots/")]
    manifests.read(args.items, only=names + shots)
    for index in systems.values():
        manifests.read(index, only=names)
    graded = item_tables.load(args.scores, languages)
    options, prompts, entries = list(DECLARED[spec["benchmark"]].options), PromptSet(args.prompts), {}
    for language in languages:
        demonstrations, items = shown_items.asked(args.items.parent, language, prompts)
        answered = []
        for place, index in enumerate(systems.values()):
            path = index.parent / f"{language}.jsonl"
            credits = graded[language].credits[:, place]
            answered.append(shown_items.answers(read_jsonl(path), items, options, credits, path))
        content = {
            "benchmark": spec["benchmark"],
            "language": language,
            "options": options,
            "demonstrations": demonstrations,
            "systems": list(systems),
            "items": items,
            "answers": answered,
        }
        path = args.index.parent / f"{language}.js"
        entries[path.name] = shown_items.write(path, content) | {"key": keys[language]}
    return entries


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: benchmark, systems, prompt set")
    parser.add_argument("--code", required=True, help="code digest to record")
    parser.add_argument("--items", required=True, type=Path, help="index of the benchmark's items")
    parser.add_argument("--prompts", required=True, type=Path, help="YAML prompt set")
    for name in ("predictions", "scores"):
        words = f"{name} of each system, in the order of the spec's systems"
        parser.add_argument(f"--{name}", required=True, nargs="+", type=Path, help=words)
    parser.add_argument("--index", required=True, type=Path, help="index to write")
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="one script per language, named <code>.js")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    spec = json.loads(args.spec)
    systems = dict(zip(spec["systems"], args.predictions, strict=True))
    predictions = {system: read_json(path) for system, path in systems.items()}
    scores = {system: read_json(path) for system, path in zip(systems, args.scores, strict=True)}
    keys = shown_items.keys(read_json(args.items), predictions, scores, PromptSet(args.prompts), args.code)
    earlier = read_json(args.index)["files"] if args.index.is_file() else {}
    kept = {}
    for language, key in keys.items():
        name = f"{language}.js"
        entry = earlier.get(name)
        if entry and entry["key"] == key and not manifests.damage(args.index.parent, {name: entry}):
            kept[name] = entry
            os.utime(args.index.parent / name)
    missing = [path.stem for path in args.out if path.name not in kept]
    for language in missing:
        if language not in keys:
            raise UserError(f"{args.items}: no items or no predictions for {language!r}: run the predictions first")
    log.info("writing %s; keeping %s", ", ".join(missing) or "none", ", ".join(sorted(kept)) or "none")
    made = make(args, spec, missing, keys, systems) if missing else {}
    inputs = {"items": manifests.identity(read_json(args.items))}
    inputs |= {f"predictions of {system}": manifests.identity(index) for system, index in predictions.items()}
    manifests.write(args.index, spec=args.spec, code=args.code, inputs=inputs, files=kept | made)
    return 0


if __name__ == "__main__":
    run(main)
