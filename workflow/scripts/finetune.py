"""Train one adapter on one base model at one precision."""

import argparse
import json
import os
import shutil
import signal
from pathlib import Path

from maple import manifests
from maple.errors import UserError
from maple.files import read_json, read_jsonl, write_json, write_jsonl
from maple.logs import add_log_argument, log, run, setup_logging


def parse_args(argv=None):
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: bits, rank, seed, method")
    parser.add_argument("--code", required=True, help="code digest to record")
    parser.add_argument("--model", required=True, type=Path, help="manifest of the base model")
    parser.add_argument("--data", required=True, type=Path, help="index of the instruction set")
    parser.add_argument("--out", required=True, type=Path, help="adapter.json to write; the adapter goes beside it")
    parser.add_argument("--scratch", required=True, type=Path, help="folder for checkpoints")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--checkpoint-seconds", type=float, default=60, help="time between checkpoints")
    add_log_argument(parser)
    return parser.parse_args(argv)


def is_current(out: Path, expected: dict) -> bool:
    """Whether the adapter at ``out`` is undamaged and was made by exactly this spec, code and inputs."""
    if not out.is_file():
        return False
    found = read_json(out)
    same = all(found.get(key) == value for key, value in expected.items())
    return same and not manifests.damage(out.parent, found["files"])


def stop_flag():
    """Return a function that says whether SIGTERM has come, a scheduler's word before it takes a job away."""
    came = []
    signal.signal(signal.SIGTERM, lambda *_: came.append(True))
    return lambda: bool(came)


def make(args, spec: dict, expected: dict, scratch_folder: Path) -> None:
    """Train in the scratch folder, then put the adapter in place, its manifest last."""
    from maple import adapters, devices, models, training
    from maple.provenance import Recorder

    recorder = Recorder()
    remembered = scratch_folder / "settings.json"
    settings = read_json(remembered) if remembered.is_file() else {"threads": args.threads}
    device = devices.setup(settings["threads"])
    settings.setdefault("tokens", 8192 if device.type == "cuda" else 512)
    write_json(remembered, settings)
    log.info("spec %s on %s with %s", args.spec, device, settings)

    model, tokenizer = models.load_base(args.model, spec["bits"], device)
    model = adapters.attach_new(model, spec)
    trained = adapters.count(model)
    index = manifests.read(args.data)
    records = read_jsonl(args.data.parent / next(iter(index["files"])))
    examples = [training.tokenise(record, tokenizer) for record in records]
    fitting = [example for example in examples if len(example.tokens) <= spec["method"]["max_length"]]
    if not fitting:
        raise UserError(f"{args.data}: no record has at most {spec['method']['max_length']} tokens: raise max_length")
    too_long = len(examples) - len(fitting)
    fitting, held_out = training.split(fitting, spec["method"].get("held_out", 0))
    log.info(
        "%d records, %d held out, %d too long; %d trainable weights", len(fitting), len(held_out), too_long, trained
    )

    parts = models.causal_parts(model)
    journal, facts = training.train(
        model, fitting, spec, scratch_folder, settings, device, parts, args.checkpoint_seconds, held_out, stop_flag()
    )
    made = scratch_folder / "made"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    training.export(model, made, args.model.parent.name)
    write_jsonl(made / "training_log.jsonl", journal)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    files = {}
    for file in sorted(made.iterdir()):
        files[file.name] = manifests.describe(file)
        os.replace(file, args.out.parent / file.name)
    recorder.write(args.out.parent / "provenance.json", device=str(device), settings=settings, **facts)
    manifests.write(
        args.out,
        **expected | {"spec": args.spec},
        files=files,
        records={"learned": len(fitting), "held_out": len(held_out), "too_long": too_long},
        tokens={"learned_records": sum(len(example.tokens) for example in fitting)},
        trainable_parameters=trained,
    )
    losses = [entry["loss"] for entry in journal if "loss" in entry]
    log.info("final loss %.4f after %d steps", losses[-1], facts["steps"])


def main(argv=None) -> int:
    """Run the command."""
    args = parse_args(argv)
    setup_logging(args.log)
    from maple.scratch import scratch

    spec = json.loads(args.spec)
    inputs = {name: manifests.identity(read_json(path)) for name, path in (("model", args.model), ("data", args.data))}
    expected = {"spec": spec, "code": args.code, "inputs": inputs}
    with scratch(args.scratch, expected) as folder:
        # Another process may have finished this very adapter while we waited for its lock.
        if is_current(args.out, expected):
            log.info("the adapter is current: kept")
            for file in args.out.parent.iterdir():
                os.utime(file)
        else:
            make(args, spec, expected, folder)
    return 0


if __name__ == "__main__":
    run(main)
