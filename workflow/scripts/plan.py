"""Say what a run would do and cost before it starts: jobs, what is kept, GPU-hours, wall time, disk."""

import argparse
import heapq
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from maple.errors import UserError
from maple.logs import run, setup_logging

_RULE = re.compile(r"(?:local)?rule (\w+):")
_WILDCARDS = re.compile(r" {4}wildcards: (.*)")
_OUTPUT = re.compile(r" {4}output: ([^,]*?)(?: \(update\))?(?:, .*)?")
# What each command of a rule without a model took on two cores, import of its libraries included.
_CPU_JOB_SECONDS, _STARTING_SECONDS = 10, 8


@dataclass(frozen=True)
class Pending:
    """A job of the dry run; its first output names it."""

    rule: str
    wildcards: dict[str, str]
    outputs: list[str]


def dry_run(configfile: str, targets: list[str]) -> list[Pending]:
    """Return the jobs that Snakemake would start, from its own dry run."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--dry-run",
        "--cores",
        "1",
        "--configfile",
        configfile,
        "--",
        *targets,
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise UserError(f"snakemake cannot plan this: {' '.join(lines[-3:])}")
    jobs = []
    for line in (done.stdout + done.stderr).splitlines():
        if match := _RULE.fullmatch(line):
            jobs.append(Pending(match[1], {}, []))
        elif jobs and (match := _OUTPUT.fullmatch(line)):
            jobs[-1].outputs.append(match[1])
        elif jobs and (match := _WILDCARDS.fullmatch(line)):
            jobs[-1].wildcards.update(pair.split("=", 1) for pair in match[1].split(", "))
    return [job for job in jobs if job.rule != "all"]


def heavy(study, jobs: list[Pending]) -> list:
    """Return the jobs that hold a device, each with the languages it has to compute."""
    from maple.costs import Job
    from maple.systems import System

    found, remade = [], {path for job in jobs for path in job.outputs}
    for job in jobs:
        kind = job.rule.removeprefix("predict_")
        if job.rule == "finetune" or kind != job.rule:
            system = System.parse(job.wildcards["system"])
            languages = _to_compute(study, system, kind, remade) if kind in study.benchmarks else ()
            found.append(Job(kind, system, tuple(languages)))
    return found


def _to_compute(study, system, benchmark: str, remade: set[str]) -> list[str]:
    """Return the languages that a prediction computes: all, unless what is there was made from what will be there."""
    from maple.manifests import canonical_spec, earlier, identity

    index, items = earlier(study.predictions_index(system.path, benchmark)), study.items_index(benchmark)
    languages = study.languages(benchmark)
    if not index or index["code"] != study.code("predict"):
        return languages
    if canonical_spec(index) != study.predict_spec(system.path, benchmark):
        return languages
    made_from = {"model": study.model_manifest(system.model)}
    if not system.is_base:
        made_from["adapter"] = study.adapter(system.path)
    for name, path in made_from.items():
        source = earlier(path)
        if path in remade or not source or index["inputs"].get(name) != identity(source):
            return languages
    # A new language remakes the index too, and leaves the items of the others as they are.
    prepared = earlier(items)
    changed = not prepared or canonical_spec(prepared) != study.items_spec(benchmark)
    if changed or prepared["code"] != study.code("prepare_benchmark"):
        return languages
    return [language for language in languages if f"{language}.jsonl" not in index["files"]]


def wall_seconds(chains: dict, devices: int) -> float:
    """Return how long the devices are busy: each system's adapter first, then its predictions, the longest first.

    Args:
        chains: System -> (seconds of training, seconds of each prediction).
        devices: How many run at once.
    """
    free = [0.0] * devices
    ready, end = [], 0.0
    for training, predictions in sorted(chains.values(), key=lambda chain: -chain[0]):
        begin = heapq.heappop(free) if training else 0.0
        if training:
            heapq.heappush(free, begin + training)
        ready += [(begin + training, length) for length in predictions]
        end = max(end, begin + training)
    for possible, length in sorted(ready, key=lambda pair: (pair[0], -pair[1])):
        begin = max(heapq.heappop(free), possible)
        heapq.heappush(free, begin + length)
        end = max(end, begin + length)
    return end


def hours(seconds: float) -> str:
    """Return a duration in words."""
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def gigabytes(size: float) -> str:
    """Return a size in words."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"


class Plan:
    """A dry run with what it costs."""

    def __init__(self, study, jobs: list[Pending]):
        """Estimate every job."""
        from maple import calibration, costs

        self.study, self.jobs = study, jobs
        self.done = calibration.finished(study)
        self.calibration = calibration.calibrate(study, self.done)
        self.on_gpu = self.calibration.device != "cpu"
        self.heavy = heavy(study, jobs)
        self.seconds = {
            job: costs.seconds(study, job, self.on_gpu) * self.calibration.factor(job) for job in self.heavy
        }
        self.disk = {job: costs.disk_bytes(study, job) for job in self.heavy}
        prepared = [job.wildcards["model"] for job in jobs if job.rule == "prepare_model"]
        self.models_disk = sum(2 * study.config["models"][model]["parameters"] for model in prepared)

    def by_rule(self) -> list[tuple]:
        """Return rule, jobs to run, results kept, device hours."""
        from maple import integrity

        asked, names = Counter(job.rule for job in self.jobs), []
        kept, remade = Counter(), {path for job in self.jobs for path in job.outputs}
        for node in integrity.nodes(self.study):
            kept[node.rule] += Path(node.path).is_file() and node.path not in remade
            names.append(node.rule)
        spent = Counter()
        for job, seconds in self.seconds.items():
            spent[job.kind if job.kind == "finetune" else f"predict_{job.kind}"] += seconds
        order = list(dict.fromkeys([*names, *asked]))
        rows = [(rule, asked[rule], kept[rule], spent[rule] / 3600) for rule in order]
        return [row for row in rows if row[1] or row[2]]

    def by_model(self) -> list[tuple]:
        """Return model and rank, adapters, predictions, device hours, disk."""
        rows = {}
        for job in self.heavy:
            system = job.system
            rank = "untuned" if system.is_base else f"{system.method}, rank {system.rank}"
            row = rows.setdefault((system.model, system.rank or 0, rank), [0, 0, 0.0, 0.0])
            row[0 if job.kind == "finetune" else 1] += 1
            row[2] += self.seconds[job] / 3600
            row[3] += self.disk[job]
        return [(f"{model}, {rank}", *row) for (model, _, rank), row in sorted(rows.items())]

    def wall(self, devices: int, cores: int) -> float:
        """Return seconds from start to end: what holds a device, and besides it all else on the cores."""
        chains = {}
        for job, seconds in self.seconds.items():
            chain = chains.setdefault(job.system, [0.0, []])
            if job.kind == "finetune":
                chain[0] = seconds + _STARTING_SECONDS
            else:
                chain[1].append(seconds + _STARTING_SECONDS)
        others = (len(self.jobs) - len(self.heavy)) * _CPU_JOB_SECONDS / cores
        busy = wall_seconds({key: tuple(chain) for key, chain in chains.items()}, devices)
        # On a machine without GPUs everything shares the cores.
        return max(busy, others) if self.on_gpu else busy + others

    def memory(self) -> list[tuple]:
        """Return model, bits and kind with the highest peaks seen, host and device."""
        peaks = {}
        for one in self.done:
            key = f"{one.job.system.model} {one.job.system.bits}-bit", one.job.kind == "finetune"
            host, device = peaks.get(key, (0, 0))
            peaks[key] = max(host, one.peak_memory), max(device, one.peak_device_memory or 0)
        return [(name, "finetune" if train else "predict", *both) for (name, train), both in sorted(peaks.items())]


def show(plan: Plan, devices: int, cores: int) -> None:
    """Print the plan."""
    from maple import costs, words

    unit = "GPU-hours" if plan.on_gpu else "job-hours on the CPU"
    print(f"{'rule':<32}{'to run':>8}{'kept':>8}   {unit}")
    for rule, asked, kept, spent in plan.by_rule():
        print(f"{rule:<32}{asked:>8}{kept:>8}" + (f"{spent:>12,.2f}" if spent else ""))
    print(f"\n{'model and rank':<40}{'adapters':>9}{'predictions':>12}{'hours':>10}{'disk':>12}")
    for name, adapters, predictions, spent, size in plan.by_model():
        print(f"{name:<40}{adapters:>9}{predictions:>12}{spent:>10,.2f}{gigabytes(size):>12}")
    total = sum(plan.seconds.values()) / 3600
    scratch = devices * max((costs.scratch_bytes(plan.study, job) for job in plan.heavy), default=0)
    size = sum(plan.disk.values()) + plan.models_disk
    where = words.count(devices, "GPU") if plan.on_gpu else "this machine, one job at a time"
    jobs = f"{len(plan.jobs)} job" + "s" * (len(plan.jobs) != 1)
    print(f"\n{jobs}; {total:,.1f} {unit}; {hours(plan.wall(devices, cores))} on {where}")
    print(f"disk: {gigabytes(size)}, and up to {gigabytes(scratch)} of scratch while it runs")
    for name, kind, host, device in plan.memory():
        print(f"peak memory seen: {name}, {kind}: {gigabytes(host)}" + (f", GPU {gigabytes(device)}" * bool(device)))
    found = plan.calibration
    if not found.jobs:
        print("not calibrated: no job has finished. Speeds are those measured on an H200, amounts those published")
        return
    print(f"calibrated by {found.jobs} finished jobs on {found.device}", end="")
    if found.total_error is None:
        print("; its error shows once three have finished")
    else:
        print(f"; each left out in turn: total {found.total_error:+.0%}, a job {found.job_error:.0%} off in the median")


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="what would be asked of snakemake; everything when left out")
    parser.add_argument("--configfile", default="config/config.yaml", help="the study")
    parser.add_argument("--gpus", type=int, default=1, help="GPUs that work at once")
    args = parser.parse_args(argv)
    setup_logging()
    from maple import config, devices
    from maple.study import Study

    if args.gpus < 1:
        raise UserError(f"--gpus is {args.gpus}: give at least 1; without a GPU jobs run one after the other")
    study = Study(config.load(args.configfile))
    show(Plan(study, dry_run(args.configfile, args.targets)), args.gpus, devices.real_cores())
    return 0


if __name__ == "__main__":
    run(main)
