"""Time and memory of the tables of a paper-sized study, on SYNTHETIC scores.

    python benchmarks/analysis_time.py --out benchmarks/results/analysis_time.json

The study is config/maple.yaml: 66 systems, six benchmarks, every language, as many items as the published test sets
have; and the same with three seeds, 186 systems. Scores are drawn (benchmarks/planted.py) into a temporary folder; then
the commands of rules/analyse.smk run, at most two at a time. Making item tables out of prediction JSON is not in it.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
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


def write(folder: str, seeds: int) -> int:
    """Write the scores into a folder; return the number of item records."""
    import planted

    os.chdir(folder)
    return planted.write(plan(), study_of(seeds))


def timed(command: list[str]) -> dict:
    """Run a command; return its wall time and peak memory."""
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, str(ROOT / "workflow/scripts" / command[0]), *command[1:]])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed")
    seconds = round(time.perf_counter() - start, 1)
    return {"command": command[0], "seconds": seconds, "peak_mb": round(usage.ru_maxrss / 1024)}


def measure(seeds: int) -> dict:
    """Write the tree, run the commands, return time and memory."""
    import planted

    study = study_of(seeds)
    with tempfile.TemporaryDirectory(prefix="synthetic-") as folder:
        # In a process of its own: what a child starts from counts towards its peak memory.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            records = pool.submit(write, folder, seeds).result()
        os.chdir(folder)
        start, steps = time.perf_counter(), []
        with ThreadPoolExecutor(2) as pool:
            for stage in planted.commands(study):
                steps += pool.map(timed, stage)
        seconds = time.perf_counter() - start
        tables = Path("synthetic/tables")
        rows = {f"{name}.csv": sum(1 for _ in (tables / f"{name}.csv").open()) - 1 for name in TABLES}
        size = sum(path.stat().st_size for path in tables.iterdir())
        os.chdir(ROOT)
    peaks = sorted((step["peak_mb"] for step in steps), reverse=True)
    return {
        "systems": len(study.systems),
        "seeds": seeds,
        "language_files": sum(len(study.items(name)) for name in study.benchmarks),
        "item_records": records,
        "resamples": study.config["statistics"]["resamples"],
        "seconds": round(seconds, 1),
        "peak_mb_of_the_two_largest_steps": sum(peaks[:2]),
        "tables_mb": round(size / 2**20),
        "rows": rows,
        "steps": steps,
    }


def main() -> None:
    """Measure the grid with one seed and with three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path, help="results, JSON")
    args = parser.parse_args()
    from maple.files import write_json

    out = args.out.resolve()
    os.environ["OMP_NUM_THREADS"] = "1"
    facts = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    processor = next((line.partition(":")[2].strip() for line in facts if line.startswith("model name")), "unknown")
    machine = {"processor": processor, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}
    runs = [measure(seeds) for seeds in (1, 3)]
    write_json(out, {"data": "synthetic", "machine": machine, "runs": runs})
    for run in runs:
        print(f"{run['item_records']:,} records: {run['seconds']} s, {run['peak_mb_of_the_two_largest_steps']} MB")


if __name__ == "__main__":
    main()
