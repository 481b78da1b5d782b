"""Time and memory of Snakemake itself on the paper's grid plus 80 languages, and on ten times that grid.

    python benchmarks/workflow_scale.py --out benchmarks/results/workflow_scale.json

The study is config/maple.yaml (66 systems, six benchmarks, its own languages) with 80 made-up languages added to every
benchmark; ten times the grid are eleven seeds (666 systems). Nothing is trained: for the run that finds nothing to do,
every output is an empty file that Snakemake was told to adopt. Each command runs several times; the fastest is
reported, with its CPU seconds, which a busy machine changes less.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow/scripts"), str(ROOT / "tests")]

LANGUAGES = [f"x{number:02d}" for number in range(80)]
SNAKEMAKE = ["-m", "snakemake", "--cores", "2"]


def workspace(folder: Path):
    """Return a copy of the workflow with the enlarged study in it."""
    from workspace import Workspace

    study = yaml.safe_load((ROOT / "config/maple.yaml").read_text(encoding="utf-8"))
    for part in study["benchmarks"].values():
        part["languages"] += LANGUAGES
    made = Workspace.create(folder, study)
    with open(folder / "config/languages.csv", "a", encoding="utf-8") as stream:
        columns = (ROOT / "config/languages.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
        for code in LANGUAGES:
            facts = {"code": code, "name": f"Language {code}", "script": "Latn", "joshi_class": "0", "family": "none"}
            stream.write(",".join(facts.get(column, code) for column in columns) + "\n")
    return made


def measure(folder: Path, *command: str) -> dict:
    """Return wall and CPU seconds of a command with its children, and the largest one's memory."""
    begin = time.perf_counter()
    with open(folder / "output.txt", "w", encoding="utf-8") as stream:
        child = subprocess.Popen(
            [sys.executable, *command], cwd=folder, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
        _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit((folder / "output.txt").read_text(encoding="utf-8")[-2000:])
    return {
        "wall_seconds": round(time.perf_counter() - begin, 2),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": round(used.ru_maxrss / 1024),
        "load_average": round(os.getloadavg()[0], 1),
    }


def fastest(folder: Path, repeat: int, *command: str) -> dict:
    """Return the run with the least wall time."""
    return min((measure(folder, *command) for _ in range(repeat)), key=lambda run: run["wall_seconds"])


def jobs(folder: Path) -> int:
    """Return how many jobs the last dry run printed."""
    return int(re.findall(r"^total +(\d+)", (folder / "output.txt").read_text(encoding="utf-8"), re.M)[0])


def finish(folder: Path) -> int:
    """Put an empty file where each output belongs and let Snakemake adopt them; return how many."""
    measure(folder, *SNAKEMAKE, "-n")
    made = set()
    for line in re.findall(r"^    output: (.*)$", (folder / "output.txt").read_text(encoding="utf-8"), re.M):
        made.update(re.sub(r" \(update\)", "", line).split(", "))
    for name in made:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}", encoding="utf-8")
    os.environ["MAPLE_ADOPTING"] = "1"
    measure(folder, *SNAKEMAKE, "--touch", "--forceall", "--quiet", "all", "--rerun-triggers", "mtime")
    del os.environ["MAPLE_ADOPTING"]
    return len(made)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each command")
    args = parser.parse_args()
    found = {
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "repeat": args.repeat,
        "rows": [],
    }

    def add(what: str, repeat: int, *command: str, **facts) -> None:
        found["rows"].append({"what": what, **fastest(folder, repeat, *command), **facts})
        if "-n" in command:
            found["rows"][-1]["jobs"] = jobs(folder)
        print(found["rows"][-1], flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        made = workspace(Path(temporary) / "maple")
        folder = made.folder
        dry, plan = [*SNAKEMAKE, "-n", "--quiet", "all"], ["workflow/scripts/plan.py", "--gpus", "8"]
        add("reading the rules", args.repeat, "-m", "snakemake", "--list-rules")
        add("dry run", args.repeat, *dry)
        add("plan", args.repeat, *plan)
        made.edit_config(lambda config: config["grid"][0].update(seeds=list(range(11))))
        add("dry run, 10 times the grid", 1, *dry)
        add("plan, 10 times the grid", 1, *plan)
        made.edit_config(lambda config: config["grid"][0].pop("seeds"))
        files = finish(folder)
        add("run with nothing to do", args.repeat, *SNAKEMAKE, files=files)
        text = (folder / "output.txt").read_text(encoding="utf-8")
        if "Nothing to be done" not in text:
            raise SystemExit(f"the adopted study is not finished: {text[-1000:]}")
    args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
