"""Predict one benchmark with one system: load the model once, write one file per language."""

import argparse
import json
from pathlib import Path

from maple import manifests, prediction
from maple.files import read_json, sha256_file
from maple.logs import add_log_argument, log, run, setup_logging
from maple.prompts import PromptSet


def parse_args(argv=None):
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: benchmark, bits, prompt set")
    parser.add_argument("--code", required=True, help="code digest to record")
    parser.add_argument("--model", required=True, type=Path, help="manifest of the base model")
    parser.add_argument("--adapter", type=Path, help="manifest of the adapter; the untuned base when left out")
    parser.add_argument("--items", required=True, type=Path, help="index of the benchmark's items")
    parser.add_argument("--prompts", required=True, type=Path, help="YAML prompt set")
    parser.add_argument("--index", required=True, type=Path, help="index to write")
    parser.add_argument("--out", required=True, nargs="+", type=Path, help="one file per language, named <code>.jsonl")
    parser.add_argument("--scratch", required=True, type=Path, help="folder for languages finished by a killed job")
    parser.add_argument("--threads", type=int, help="CPU threads")
    add_log_argument(parser)
    return parser.parse_args(argv)


def compute(args, spec: dict, missing: list[str], keys: dict, prompts: PromptSet, finished: Path) -> dict:
    """Load the system once, compute the missing languages, and return their entries."""
    from tqdm import tqdm

    from maple import devices, models
    from maple.provenance import Recorder

    recorder = Recorder()
    device = devices.setup(args.threads)
    items = manifests.read(args.items, only=[f"{language}.jsonl" for language in missing])
    model, tokenizer = models.load_base(args.model, spec["bits"], device)
    if args.adapter:
        model = models.attach(model, args.adapter)
    parts = models.causal_parts(model)
    budget = 16384 if device.type == "cuda" else 1024
    entries, tokens = {}, 0
    total = sum(items["files"][f"{language}.jsonl"]["items"] for language in missing)
    with tqdm(total=total, unit="item", mininterval=2.0) as progress:
        for language in missing:
            progress.set_postfix_str(language, refresh=False)
            source = args.items.parent / f"{language}.jsonl"
            records, count = prediction.predict_language(
                source, prompts, tokenizer, parts, model.config, device, budget, progress
            )
            entries[f"{language}.jsonl"] = prediction.publish(args.index, finished, language, records, keys[language])
            tokens += count
    recorder.write(args.index.parent / "provenance.json", device=str(device), languages=missing, tokens=tokens)
    return entries


def main(argv=None) -> int:
    """Run the command."""
    args = parse_args(argv)
    setup_logging(args.log)
    from maple.scratch import scratch

    spec = json.loads(args.spec)
    prompts = PromptSet(args.prompts)
    items, model = read_json(args.items), read_json(args.model)
    adapter = read_json(args.adapter) if args.adapter else None
    keys = {}
    for name, entry in items["files"].items():
        language = Path(name).stem
        if prompts.has(language):
            keys[language] = prediction.language_key(
                spec, args.code, model, adapter, entry["sha256"], prompts.digest(language)
            )
    languages = [path.stem for path in args.out]
    inputs = {"model": sha256_file(args.model)} | ({"adapter": sha256_file(args.adapter)} if adapter else {})
    args.index.parent.mkdir(parents=True, exist_ok=True)
    with scratch(args.scratch, ["predict", str(args.index), args.spec, args.code, inputs]) as finished:
        kept, missing = prediction.plan(args.index, languages, keys, finished)
        log.info("computing %s; keeping %s", ", ".join(missing) or "none", ", ".join(sorted(kept)) or "none")
        entries = compute(args, spec, missing, keys, prompts, finished) if missing else {}
        manifests.write(args.index, spec=args.spec, code=args.code, inputs=inputs, files=kept | entries)
    return 0


if __name__ == "__main__":
    run(main)
