"""Write a system's outputs for AlpacaEval's instructions."""

import argparse
import json
from pathlib import Path

from maple import alpaca_eval_outputs, leases, manifests, prediction
from maple.files import read_jsonl
from maple.logs import add_log_argument, log, run, setup_logging


def parse_args(argv=None):
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: benchmark, bits, max_new_tokens")
    parser.add_argument("--code", required=True, help="code digest to record")
    parser.add_argument("--model", required=True, type=Path, help="manifest of the base model")
    parser.add_argument("--adapter", type=Path, help="manifest of the adapter; the untuned base when left out")
    parser.add_argument("--items", required=True, type=Path, help="index of the instructions")
    parser.add_argument("--out", required=True, type=Path, help="index to write; en.jsonl goes beside it")
    parser.add_argument("--scratch", required=True, type=Path, help="folder for what a killed job finished")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--gpu-percent", type=int, default=100, help="share of the GPU's memory to take")
    add_log_argument(parser)
    return parser.parse_args(argv)


def compute(args, base, spec: dict, key: str, finished: Path) -> dict:
    """Load the system, write its outputs, and return their entry."""
    from tqdm import tqdm

    from maple import devices, models
    from maple.engine import Engine
    from maple.provenance import Recorder

    recorder = Recorder()
    device = devices.setup(args.threads)
    items = read_jsonl(args.items.parent / "items.jsonl")
    model = models.load(base, spec["bits"], device)
    if args.adapter:
        model = models.attach(model, args.adapter)
    engine = Engine(models.causal_parts(model), model.config.get_text_config(), device)
    with tqdm(total=len(items), unit="item", mininterval=2.0) as bar:
        records, tokens = alpaca_eval_outputs.compute(items, engine, base.tokenizer, spec["max_new_tokens"], bar.update)
    entry = prediction.publish(args.out, finished, "en", records, key)
    recorder.write(
        args.out.parent / "provenance.json",
        device=devices.name(device),
        gpu_percent=args.gpu_percent,
        tokens=tokens,
        peak_device_memory_bytes=devices.peak_memory(device),
    )
    return entry


def main(argv=None) -> int:
    """Run the command."""
    args = parse_args(argv)
    setup_logging(args.log)
    from maple import models
    from maple.scratch import scratch

    spec = json.loads(args.spec)
    # Without their payloads, which are checked when they are read.
    items, model = manifests.read(args.items, only=()), manifests.read(args.model, only=())
    adapter = manifests.read(args.adapter, only=()) if args.adapter else None
    parts = {"items": items, "model": model} | ({"adapter": adapter} if adapter else {})
    inputs = {name: manifests.identity(part) for name, part in parts.items()}
    items_digest = items["files"]["items.jsonl"]["sha256"]
    prompt = alpaca_eval_outputs.format_digest()
    keys = {"en": prediction.language_key(spec, args.code, model, adapter, [items_digest], prompt)}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with scratch(args.scratch, ["predict", str(args.out), args.spec, args.code, inputs]) as finished:
        kept, missing = prediction.plan(args.out, ["en"], keys, finished)
        log.info("computing %s; keeping %s", ", ".join(missing) or "none", ", ".join(kept) or "none")
        files = kept
        if missing:
            manifests.read(args.items)
            base = models.open_base(args.model)
            with leases.lease(1, args.gpu_percent):
                files = {"en.jsonl": compute(args, base, spec, keys["en"], finished)}
        manifests.write(args.out, spec=args.spec, code=args.code, inputs=inputs, files=files)
    return 0


if __name__ == "__main__":
    run(main)
