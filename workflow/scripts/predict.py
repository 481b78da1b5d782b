"""Predict one benchmark with one system: load the model once, write one file per language."""

import argparse
import json
from pathlib import Path

from maple import leases, manifests, prediction
from maple.errors import UserError
from maple.logs import add_log_argument, log, run, setup_logging
from maple.prompts import PromptSet


def parse_args(argv=None):
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, type=Path, help="manifest of the base model")
    parser.add_argument("--items", required=True, type=Path, help="index of the benchmark's items")
    parser.add_argument("--prompts", required=True, type=Path, help="YAML prompt set")
    parser.add_argument("--show-prompts", type=int, nargs="?", const=1, metavar="N", help="print N prompts a language")
    job = parser.add_argument_group("the job (not needed with --show-prompts)")
    job.add_argument("--spec", help="canonical JSON: benchmark, bits, scoring, prompt set")
    job.add_argument("--code", help="code digest to record")
    job.add_argument("--adapter", type=Path, help="manifest of the adapter; the untuned base when left out")
    job.add_argument("--index", type=Path, help="index to write")
    job.add_argument("--out", nargs="+", type=Path, help="one file per language, named <code>.jsonl")
    job.add_argument("--scratch", type=Path, help="folder for languages finished by a killed job")
    job.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--gpu-percent", type=int, default=100, help="share of the GPU's memory to take")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    needed = (
        {} if args.show_prompts else {name: getattr(args, name) for name in ("spec", "code", "index", "out", "scratch")}
    )
    if None in needed.values():
        parser.error(f"--{next(name for name, value in needed.items() if value is None)} is required")
    return args


def show(args) -> None:
    """Print the first prompts of each language, demonstrations included, with their token counts."""
    from maple import models

    prompts, tokenizer = PromptSet(args.prompts), models.load_tokenizer(args.model)
    files = manifests.read(args.items)["files"]
    for name in sorted(files):
        language = Path(name).stem
        if "/" in name or not prompts.has(language):
            continue
        asked = prediction.Questions.read(args.items.parent, files, language, prompts, "likelihood")
        shown = "".join(prompts.demonstration(shot) for shot in asked.shots)
        for item in asked.items[: args.show_prompts]:
            context, options = prompts.render(item)
            print(f"--- {language}, item {item['id']}: context of {len(tokenizer.encode(shown + context))} tokens")
            print(shown + context)
            for option, text in options.items():
                count = len(tokenizer.encode(text, add_special_tokens=False))
                print(f"    [{option}, {count} tokens]{text}")


def prepare(args, files: dict, missing: list[str], keys: dict):
    """Do all that needs no GPU, and return the base model's files."""
    from maple import models

    for language in missing:
        if language not in keys:
            raise UserError(f"{args.prompts} has no words for {language!r}: add them or choose another prompt set")
    manifests.read(args.items, only=[name for name in files if Path(name).stem in missing])
    return models.open_base(args.model)


def compute(args, base, spec: dict, files: dict, keys: dict, prompts: PromptSet, finished: Path) -> tuple:
    """Load the system once, compute the languages of the keys, and return their entries and what it took."""
    from tqdm import tqdm

    from maple import devices, models
    from maple.engine import Engine

    device = devices.setup(args.threads)
    model = models.load(base, spec["bits"], device)
    if args.adapter:
        model = models.attach(model, args.adapter)
    engine = Engine(models.causal_parts(model), model.config.get_text_config(), device)
    entries, tokens = {}, 0
    total = sum(files[f"{language}.jsonl"]["items"] for language in keys)
    with tqdm(total=total, unit="item", mininterval=2.0) as bar:
        for language, key in keys.items():
            bar.set_postfix_str(language, refresh=False)
            questions = prediction.Questions.read(args.items.parent, files, language, prompts, spec["scoring"])
            each = len(questions.items[0].get("options", [0])) if spec["scoring"] == "likelihood" else 1
            records, count = prediction.predict_language(
                questions, engine, base.tokenizer, lambda done, each=each: bar.update(done / each)
            )
            entries[f"{language}.jsonl"] = prediction.publish(args.index, finished, language, records, key)
            tokens += count
    return entries, {
        "device": devices.name(device),
        "tokens": tokens,
        "peak_device_memory_bytes": devices.peak_memory(device),
    }


def language_keys(args, spec: dict, items: dict, model: dict, adapter: dict | None, prompts: PromptSet) -> dict:
    """Return, for each prepared language that the prompts know, the digest of what decides its predictions."""
    keys = {}
    for name, entry in items["files"].items():
        language = Path(name).stem
        if "/" in name or not prompts.has(language):
            continue
        shots = items["files"].get(f"shots/{language}.jsonl")
        shown = "en" if items["spec"].get("shots_language") == "en" else language
        payload = [entry["sha256"]] + ([shots["sha256"]] if shots else [])
        prompt = prompts.digest(*({language, shown} if shots else {language}))
        keys[language] = prediction.language_key(spec, args.code, model, adapter, payload, prompt)
    return keys


def main(argv=None) -> int:
    """Run the command."""
    args = parse_args(argv)
    setup_logging(args.log)
    if args.show_prompts:
        show(args)
        return 0
    from maple.provenance import Recorder, earlier_runs
    from maple.scratch import scratch

    spec = json.loads(args.spec)
    prompts = PromptSet(args.prompts)
    # Without their payloads, which are checked when they are read.
    items, model = manifests.read(args.items, only=()), manifests.read(args.model, only=())
    adapter = manifests.read(args.adapter, only=()) if args.adapter else None
    keys = language_keys(args, spec, items, model, adapter, prompts)
    languages = [path.stem for path in args.out]
    parts = {"model": model} | ({"adapter": adapter} if adapter else {})
    inputs = {name: manifests.identity(part) for name, part in parts.items()}
    args.index.parent.mkdir(parents=True, exist_ok=True)
    with scratch(args.scratch, ["predict", str(args.index), args.spec, args.code, inputs]) as finished:
        kept, missing = prediction.plan(args.index, languages, keys, finished)
        log.info("computing %s; keeping %s", ", ".join(missing) or "none", ", ".join(sorted(kept)) or "none")
        entries = {}
        if missing:
            files = items["files"]
            base = prepare(args, files, missing, keys)
            wanted = {language: keys[language] for language in missing}
            record = args.index.parent / "provenance.json"
            before = earlier_runs(record, {Path(name).stem: entry["key"] for name, entry in kept.items()})
            with leases.lease(1, args.gpu_percent):
                recorder = Recorder()
                entries, facts = compute(args, base, spec, files, wanted, prompts, finished)
                facts |= {"languages": wanted, "gpu_percent": args.gpu_percent}
                recorder.write(record, **facts, earlier=before)
        manifests.write(args.index, spec=args.spec, code=args.code, inputs=inputs, files=kept | entries)
    return 0


if __name__ == "__main__":
    run(main)
