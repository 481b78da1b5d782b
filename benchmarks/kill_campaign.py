"""Kill a training job again and again at random moments, let it finish once, compare with a run left alone.

    python benchmarks/kill_campaign.py --results results --kills 20 --out benchmarks/results/kill_campaign.json

A kill counts only if it struck: the job was still running, and died of it. SIGKILL and SIGTERM take turns. A job that
was done before its signal came begins anew, so that every kill finds something to do. Model and instructions are those
that the default study has prepared in the results folder; training is cut down to a few short steps.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))


def command(folder: Path, spec: dict, model: Path, data: Path, threads: int = 1) -> list[str]:
    """Return the finetune command that works in a folder and checkpoints every step."""
    from maple.canonical import canonical

    return [
        sys.executable, str(ROOT / "workflow/scripts/finetune.py"), "--spec", canonical(spec), "--code", "c",
        "--model", str(model), "--data", str(data), "--out", str(folder / "out/adapter.json"),
        "--scratch", str(folder / ".scratch"), "--threads", str(threads), "--checkpoint-seconds", "0",
    ]  # fmt: skip


def newest_step(folder: Path) -> int:
    """Return the step of the newest checkpoint below a scratch folder; 0 if there is none."""
    return max((int(path.stem.split("-")[1]) for path in folder.glob("*/checkpoint-*.json")), default=0)


def same_payload(folder: Path, whole: Path) -> bool:
    """Whether a run wrote what the undisturbed one did, but for times and devices."""
    names = {file.name for file in whole.iterdir()}
    return names == {file.name for file in folder.iterdir()} and all(
        (folder / name).read_bytes() == (whole / name).read_bytes() for name in names - {"provenance.json"}
    )


def campaign(folder: Path, spec: dict, model: Path, data: Path, kills: int, threads: int = 1) -> dict:
    """Return what became of a job that was killed ``kills`` times and then finished.

    Args:
        folder: An empty folder.
        spec: The finetune rule's spec.
        model: The base model's manifest.
        data: The instruction set's index.
        kills: How many.
        threads: CPU threads of the job.
    """
    # Whatever the job writes beside its targets and its scratch folder would be found here.
    home = folder / "elsewhere"
    home.mkdir(parents=True)
    around = os.environ | {"TMPDIR": str(home), "HOME": str(home)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": home, "env": around}
    whole, words = folder / "whole", command(folder, spec, model, data, threads)
    begin = time.monotonic()
    subprocess.run(command(whole, spec, model, data, threads), check=True, **quiet)
    length, chance, rows, finished = time.monotonic() - begin, random.Random(kills), [], []
    while len(rows) < kills:
        process = subprocess.Popen(words, **quiet)
        # What is left of the training grows shorter with every kill.
        wait = chance.uniform(0.1, 0.9) * length
        begin = time.monotonic()
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            kind = (signal.SIGKILL, signal.SIGTERM)[len(rows) % 2]
            step = newest_step(folder / ".scratch")
            process.send_signal(kind)
            if process.wait(120):
                after = time.monotonic() - begin
                row = {"signal": kind.name, "after_seconds": round(wait, 1), "died_seconds": round(after, 1)}
                rows.append(row | {"newest_step": step, "status": process.returncode})
        if (folder / "out/adapter.json").exists():
            finished.append(same_payload(folder / "out", whole / "out"))
            shutil.rmtree(folder / "out")
    begin = newest_step(folder / ".scratch")
    subprocess.run(words, check=True, **quiet)
    journal = [json.loads(line) for line in (folder / "out/training_log.jsonl").open()]
    return {
        "kills": rows,
        "steps": max(entry["step"] for entry in journal),
        "whole_seconds": round(length, 1),
        "last_run_resumed_after_step": begin,
        "finished_on_the_way": len(finished),
        "identical": all([*finished, same_payload(folder / "out", whole / "out")]),
        "files_elsewhere": sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()),
        "left_in_folder": sorted(path.name for path in folder.iterdir() if path not in (home, whole)),
        "left_in_scratch": sorted(p.name for p in (folder / ".scratch").iterdir() if p.suffix != ".lock"),
    }


def main() -> None:
    """Run the command."""
    import torch
    from run_facts import run_facts

    from maple.files import write_json

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", required=True, type=Path, help="results folder of the default study")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--bits", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args()
    method = {"alpha": 16, "batch_size": 4, "dropout": 0.1, "epochs": 0.5, "held_out": 0.05, "learning_rate": 2e-4,
              "max_grad_norm": 1.0, "max_length": 96, "schedule": "linear", "target_modules": "all-linear"}  # fmt: skip
    spec = {"bits": args.bits, "rank": 8, "seed": 0, "method": method}
    results = args.results.resolve()
    inputs = results / "models/gemma-3-270m/manifest.json", results / "instructions/sample/index.json"
    with tempfile.TemporaryDirectory() as folder:
        found = campaign(Path(folder) / "job", spec, *inputs, args.kills, args.threads)
    write_json(args.out, run_facts(torch.device("cpu")) | {"spec": spec} | found)
    print(json.dumps({key: value for key, value in found.items() if key != "kills"}))
    if not found["identical"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
