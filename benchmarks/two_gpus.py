"""What a second GPU gives finetuning: two adapters at once, and one adapter over both.

    python benchmarks/two_gpus.py run --inputs FOLDER --out results.json

`FOLDER` is what `finetune_throughput.py prepare` wrote. A Llama-2-7B shape with random weights, LoRA of rank 8 on all
linear layers, 32 examples of 512 tokens a step. Each job is a process that leases its GPUs as the finetune command
does. Times are of whole jobs, from start to last step, building the model included, and of their steps alone.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow/scripts"), str(ROOT / "benchmarks")]
BATCH, RANK = 32, 8


def job(args) -> None:
    """Train one adapter on leased GPUs."""
    from maple import leases

    with leases.lease(args.gpus) as held:
        from maple import devices, workers

        args.held = held
        workers.run(train, (args,), devices.granted(args.gpus), args.out.with_suffix(".meeting"))


def train(team, args) -> None:
    """Build the model and take the steps, as one of a team; its first process writes the row."""
    from finetune_throughput import Clock, load_examples, load_model

    from maple import adapters, device_batch, devices, models, packed_attention, training
    from maple.files import write_json

    device = devices.setup(number=team.rank, exact=True)
    model = load_model(16, args.tiny, device)
    models.fuse(model)
    packed_attention.prepare(model)
    batch = 4 if args.tiny else BATCH
    method = {"target_modules": "all-linear", "alpha": 2 * RANK, "learning_rate": 2e-4, "batch_size": batch,
              "epochs": 1, "schedule": "constant", "max_grad_norm": 1.0}  # fmt: skip
    spec = {"rank": RANK, "seed": args.seed, "method": method}
    model = adapters.attach_new(model, spec)
    parts, data = models.causal_parts(model), load_examples(args.inputs, "fixed", batch * args.steps)
    settings = team.agree(device_batch.choose(model, parts, data, adapters.count(model), device))
    clock, check = Clock(device), training._checked

    def timed(loss, norm, step, examples, *rest):
        clock.tick((clock.moments[-1][1] if clock.moments else 0) + sum(len(e.tokens) for e in examples))
        check(loss, norm, step, examples, *rest)

    training._checked = timed
    journal, _ = training.train(
        model, parts, data, spec, Path("/nonexistent"), settings, device, 1e9, team=team
    )  # fmt: skip
    if team.rank == 0:
        losses = [entry["loss"] for entry in journal]
        row = {"gpus": args.held, "processes": team.count, "settings": settings, "losses": losses}
        write_json(args.out, row | {"tokens_per_second": clock.rate(), "ended": time.time()})


def start(args, folder: Path, name: str, gpus: int, seed: int):
    """Start a job and return its process and the file it will write."""
    out = folder / f"{name}-{seed}.json"
    words = [sys.executable, __file__, "job", "--inputs", str(args.inputs), "--out", str(out), "--gpus", str(gpus)]
    words += ["--seed", str(seed), "--steps", str(args.steps)] + (["--tiny"] if args.tiny else [])
    return subprocess.Popen(words, stderr=(folder / f"{name}-{seed}.log").open("w")), out


def run(args) -> None:
    """Run the cases and write the results."""
    import tempfile

    from run_facts import run_facts

    from maple.files import write_json

    rows = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)

        def measure(name, jobs, gpus):
            begin = time.time()
            started = [start(args, folder, name, gpus, seed) for seed in range(jobs)]
            for process, out in started:
                if process.wait():
                    sys.exit(f"{name} failed:\n{out.with_suffix('.log').read_text()[-3000:]}")
            parts = [json.loads(out.read_text()) for _, out in started]
            rows[name] = {"seconds": max(part.pop("ended") for part in parts) - begin, "jobs": parts}
            speeds = [round(part["tokens_per_second"]) for part in parts]
            print(name, round(rows[name]["seconds"], 1), "s", speeds, "tokens/s", flush=True)

        measure("one adapter, one GPU", 1, 1)
        measure("two adapters at once, a GPU each", 2, 1)
        measure("one adapter, two GPUs", 1, 2)
    alone, both, shared = rows.values()
    speed = alone["jobs"][0]["tokens_per_second"]
    ratios = {
        "two adapters at once, whole jobs": 2 * alone["seconds"] / both["seconds"],
        "two adapters at once, steps": sum(job["tokens_per_second"] for job in both["jobs"]) / speed,
        "one adapter over two, steps": shared["jobs"][0]["tokens_per_second"] / speed,
        "one adapter over two, whole job": alone["seconds"] / shared["seconds"],
    }
    print(json.dumps(ratios), flush=True)
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = {"devices": torch.cuda.device_count(), "steps": args.steps, "ratios": ratios, "rows": rows}
    write_json(args.out, run_facts(device) | found)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, function in (("run", run), ("job", job)):
        part = commands.add_parser(name)
        part.add_argument("--inputs", required=True, type=Path)
        part.add_argument("--out", required=True, type=Path)
        part.add_argument("--steps", type=int, default=20)
        part.add_argument("--tiny", action="store_true", help="a small shape, to try the script on a CPU")
        part.set_defaults(function=function)
        if name == "job":
            part.add_argument("--gpus", required=True, type=int)
            part.add_argument("--seed", required=True, type=int)
    args = parser.parse_args()
    args.function(args)


if __name__ == "__main__":
    main()
