"""Train one adapter on one base model at one precision."""

import argparse
import json
import os
import shutil
import signal
from pathlib import Path

from maple import leases, manifests
from maple.errors import UserError
from maple.files import put, read_json, read_jsonl, write_json, write_jsonl
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
    parser.add_argument("--gpus", type=int, default=1, help="GPUs to train on together; none is needed on a CPU")
    parser.add_argument("--gpu-percent", type=int, default=100, help="share of each GPU's memory to take")
    parser.add_argument("--checkpoint-seconds", type=float, default=60, help="time between checkpoints")
    add_log_argument(parser)
    return parser.parse_args(argv)


def is_current(out: Path, expected: dict) -> bool:
    """Whether the adapter at ``out`` is undamaged and was made by exactly this spec, code and inputs."""
    found = manifests.earlier(out)
    same = all(found.get(key) == value for key, value in expected.items())
    return same and not manifests.damage(out.parent, found["files"])


def stop_flag():
    """Return a function that says whether SIGTERM has come, a scheduler's word before it takes a job away."""
    came = []
    signal.signal(signal.SIGTERM, lambda *_: came.append(True))
    return lambda: bool(came)


def read_examples(data: Path, tokenizer, method: dict):
    """Return the examples to learn from, those held out, and how many are too long."""
    from maple import examples

    index = manifests.read(data)
    records = read_jsonl(data.parent / next(iter(index["files"])))
    tokenised = [examples.tokenise(record, tokenizer) for record in records]
    # Split before any is dropped, so that every tokenizer holds out the same records.
    parts = examples.split(tokenised, method.get("held_out", 0))
    learned, held_out = ([e for e in part if len(e.tokens) <= method["max_length"]] for part in parts)
    if not learned:
        raise UserError(f"{data}: no record has at most {method['max_length']} tokens: raise max_length")
    return learned, held_out, len(tokenised) - len(learned) - len(held_out)


def remembered(scratch_folder: Path) -> dict | None:
    """Return the settings that this training began with, ``None`` if it has not begun.

    They decide how sums are rounded, so where the file is damaged those in the newest checkpoint count.
    """
    from maple import checkpoints

    found = manifests.earlier(scratch_folder / "settings.json")
    if found:
        return {key: value for key, value in found.items() if key != "digest"}
    kept = checkpoints.newest(scratch_folder)
    return kept[0]["settings"] if kept else None


def remember(scratch_folder: Path, settings: dict) -> None:
    """Keep the settings for a run that resumes."""
    write_json(scratch_folder / "settings.json", manifests.seal(settings))


def train(team, args, base, spec: dict, scratch_folder: Path) -> None:
    """Train in the scratch folder, as one of a team; its first process writes ``made`` and ``facts.json``."""
    from maple import adapters, checkpoints, device_batch, devices, models, packed_attention, training

    if team.count > 1:
        setup_logging(args.log, "a")
    asked_to_stop = stop_flag()
    settings = remembered(scratch_folder) or {"threads": args.threads}
    device = devices.setup(settings["threads"], team.rank, exact=True)
    model = models.load(base, spec["bits"], device)
    packed_attention.prepare(model)
    model = adapters.attach_new(model, spec)
    trained, parts = adapters.count(model), models.causal_parts(model)
    fitting, held_out, too_long = read_examples(args.data, base.tokenizer, spec["method"])
    # A run that has not come to a checkpoint may go on elsewhere, with what fits there.
    elsewhere = settings.get("device") != devices.name(device) and not checkpoints.newest(scratch_folder)
    if "tokens" not in settings or elsewhere:
        settings |= {"device": devices.name(device)} | device_batch.choose(model, parts, fitting, trained, device)
        if team.rank == 0:
            remember(scratch_folder, settings)
    settings = team.agree(settings)
    if settings["recompute"]:
        device_batch.recompute(model)
    counts = {"learned": len(fitting), "held_out": len(held_out), "too_long": too_long}
    if team.rank == 0:
        log.info("spec %s on %d x %s with %s", args.spec, team.count, device, settings)
        log.info("records %s; %d trainable weights", counts, trained)
    journal, facts = training.train(
        model, parts, fitting, spec, scratch_folder, settings, device,
        args.checkpoint_seconds, held_out, asked_to_stop, team,
    )  # fmt: skip
    if team.rank:
        return
    made = scratch_folder / "made"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    adapters.export(model, made, args.model.parent.name)
    write_jsonl(made / "training_log.jsonl", journal)
    learned = sum(len(example.tokens) for example in fitting)
    payload = {"records": counts, "tokens": {"learned_records": learned}, "trainable_parameters": trained}
    payload["trainable_share"] = round(adapters.share(model), 6)
    volatile = {"device": devices.name(device), "processes": team.count, "settings": settings, **facts}
    volatile["gpu_percent"] = args.gpu_percent
    volatile["peak_device_memory_bytes"] = devices.peak_memory(device)
    write_json(scratch_folder / "facts.json", {"payload": payload, "volatile": volatile})
    log.info("final loss %.4f after %d steps", [e["loss"] for e in journal if "loss" in e][-1], facts["steps"])


def train_with_room(args, base, spec: dict, scratch_folder: Path) -> None:
    """Train; where memory runs out before the first checkpoint, again with half the device batch.

    Afterwards it may not change any more: a resumed run must go on as it began.
    """
    import gc

    import torch

    from maple import checkpoints, device_batch, devices, workers

    count = devices.granted(args.gpus)
    while True:
        try:
            return workers.run(train, (args, base, spec, scratch_folder), count, scratch_folder / "meeting")
        except torch.OutOfMemoryError:
            settings = remembered(scratch_folder)
            if not settings or checkpoints.newest(scratch_folder):
                raise UserError("out of memory: free the device, or lower methods.*.max_length or the bits") from None
            remember(scratch_folder, device_batch.halved(settings, spec["method"]["max_length"]))
        gc.collect()
        torch.cuda.empty_cache()


def make(args, base, spec: dict, expected: dict, scratch_folder: Path) -> None:
    """Train in the scratch folder, then put the adapter in place, its manifest last."""
    from maple.provenance import Recorder

    recorder = Recorder()
    (scratch_folder / "facts.json").unlink(missing_ok=True)
    train_with_room(args, base, spec, scratch_folder)
    facts = read_json(scratch_folder / "facts.json")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    files = {}
    for file in sorted((scratch_folder / "made").iterdir()):
        files[file.name] = manifests.describe(file)
        put(file, args.out.parent / file.name)
    recorder.write(args.out.parent / "provenance.json", **facts["volatile"])
    manifests.write(args.out, **expected | {"spec": args.spec}, files=files, **facts["payload"])


def main(argv=None) -> int:
    """Run the command."""
    args = parse_args(argv)
    setup_logging(args.log)
    from maple import models
    from maple.scratch import scratch

    spec = json.loads(args.spec)
    given = {"model": args.model, "data": args.data}
    inputs = {name: manifests.identity(manifests.read(path, only=())) for name, path in given.items()}
    expected = {"spec": spec, "code": args.code, "inputs": inputs}
    with scratch(args.scratch, expected) as folder:
        # Another process may have finished this very adapter while we waited for its lock.
        if is_current(args.out, expected):
            log.info("the adapter is current: kept")
            for file in args.out.parent.iterdir():
                os.utime(file)
        else:
            base = models.open_base(args.model)
            with leases.lease(args.gpus, args.gpu_percent):
                make(args, base, spec, expected, folder)
    return 0


if __name__ == "__main__":
    run(main)
