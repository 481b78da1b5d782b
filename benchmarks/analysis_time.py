"""Time and memory of the tables of a paper-sized study, on SYNTHETIC scores.

    python benchmarks/analysis_time.py --folder F write --seeds 1
    python benchmarks/analysis_time.py --folder F measure --out benchmarks/results/analysis_time.json

The study is config/maple.yaml: 66 systems, six benchmarks, every language, as many items as the published test sets
have; with three seeds, 186 systems. `write` draws its scores (benchmarks/planted.py) into a folder; `measure` runs the
commands of the rules on them, at most two at a time. Measured apart: the tables of rules/analyse.smk (gather, compare,
analyse); the tables of errors; the figures that are drawn from tables alone; and one system's scores made out of
prediction JSON.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow/scripts"), str(ROOT / "benchmarks")]

ITEMS = {"xnli": 5010, "xcopa": 500, "xstorycloze": 1511, "belebele": 900, "xquad": 1190}
TABLES = ("scores", "comparisons", "gaps", "effects")
MLQA = {"ar": 5335, "de": 4517, "en": 11590, "es": 5253, "hi": 4918, "vi": 5495, "zh": 5137}


def plan():
    """Return scores with an effect of everything, so that no step is spared work."""
    import planted

    def score(system, benchmark: str, joshi: int | None) -> float:
        level = 0.4 + 0.03 * (joshi if joshi is not None else 2) + 0.002 * system.bits
        return level if system.is_base else level + 0.01 * (3 - (joshi or 0)) + 0.0002 * system.rank

    return planted.Plan(lambda name, code: ITEMS.get(name) or MLQA[code], score, seed_sd=0.01, cell_sd=0.005)


def study_of(seeds: int):
    """Return the study: the paper's grid."""
    from maple import config
    from maple.study import Study

    raw = config.load(ROOT / "config/maple.yaml")
    raw["results"] = "synthetic"
    raw["grid"][0]["seeds"] = list(range(seeds))
    return Study(raw)


def write(folder: Path, seeds: int) -> None:
    """Write the scores into a folder, and the predictions of one adapter."""
    import planted

    from maple.files import write_json

    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    study = study_of(seeds)
    records = planted.write(plan(), study)
    predicted = planted.write_predictions(plan(), study, study.adapters[0])
    write_json("drawn.json", {"seeds": seeds, "item_records": records, "predicted": predicted})


def timed(command: list[str]) -> dict:
    """Run a command; return its wall time and peak memory."""
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, str(ROOT / "workflow/scripts" / command[0]), *command[1:]])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed")
    seconds = round(time.perf_counter() - start, 1)
    return {"command": command[0], "seconds": seconds, "peak_mb": round(usage.ru_maxrss / 1024)}


def staged(stages: list[list[list[str]]]) -> dict:
    """Run commands stage by stage, at most two at a time; return wall time, memory and the steps."""
    start, steps = time.perf_counter(), []
    with ThreadPoolExecutor(2) as pool:
        for stage in stages:
            steps += pool.map(timed, stage)
    seconds = round(time.perf_counter() - start, 1)
    peaks = sorted((step["peak_mb"] for step in steps), reverse=True)
    return {"seconds": seconds, "peak_mb_of_the_two_largest_steps": sum(peaks[:2]), "steps": steps}


def measure(folder: Path) -> dict:
    """Run all commands in a folder that `write` made; return time and memory."""
    import planted

    from maple.files import read_json

    os.chdir(folder)
    drawn = read_json("drawn.json")
    study = study_of(drawn["seeds"])
    system, tables = study.adapters[0].path, Path("synthetic/tables")
    found = {"tables": staged(planted.commands(study))}
    rows = {f"{name}.csv": sum(1 for _ in (tables / f"{name}.csv").open()) - 1 for name in TABLES}
    size = sum(path.stat().st_size for path in tables.iterdir())
    found["errors"] = staged([planted.error_commands(study)])
    found["figures"] = staged([planted.figure_commands(study)])
    scoring = [
        ["score.py", "--spec", study.score_spec(name), "--code", "planted", "--predictions",
         study.predictions_index(system, name), "--out", f"scored/{name}.json"]
        for name in study.benchmarks
    ]  # fmt: skip
    found["scoring_one_system_from_json"] = staged([scoring]) | {"records": drawn["predicted"]}
    return {
        "systems": len(study.systems),
        "seeds": drawn["seeds"],
        "language_files": sum(len(study.items(name)) for name in study.benchmarks),
        "item_records": drawn["item_records"],
        "resamples": study.config["statistics"]["resamples"],
        "tables_mb": round(size / 2**20),
        "rows": rows,
        **found,
    }


def main() -> None:
    """Write the tree or measure on it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True, type=Path, help="where the synthetic study is")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("write").add_argument("--seeds", type=int, default=1)
    verbs.add_parser("measure").add_argument("--out", required=True, type=Path, help="results, JSON; one run is added")
    args = parser.parse_args()
    from maple.files import read_json, write_json

    os.environ["OMP_NUM_THREADS"] = "1"
    if args.verb == "write":
        write(args.folder, args.seeds)
        return
    out = args.out.resolve()
    facts = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    processor = next((line.partition(":")[2].strip() for line in facts if line.startswith("model name")), "unknown")
    machine = {"processor": processor, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}
    own = measure(args.folder) | {"machine": machine}
    before = read_json(out)["runs"] if out.is_file() else []
    runs = sorted([*(run for run in before if run["seeds"] != own["seeds"]), own], key=lambda run: run["seeds"])
    write_json(out, {"data": "synthetic", "runs": runs})
    for part in ("tables", "errors", "figures", "scoring_one_system_from_json"):
        print(f"{part}: {own[part]['seconds']} s, {own[part]['peak_mb_of_the_two_largest_steps']} MB", flush=True)


if __name__ == "__main__":
    main()
