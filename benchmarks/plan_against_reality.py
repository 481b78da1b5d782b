"""A finished study's real cost held against what the plan foretells after a tenth of its jobs.

    python benchmarks/plan_against_reality.py --configfile config/maple.yaml --out benchmarks/results/plan_error.json

Nothing is run. The finished jobs of the study are read from its results; many times a tenth of them is drawn, the cost
model calibrated on these, and the seconds of all others foretold. Also with the tenth that really ended first, which is
what somebody has who stops to look: it holds whatever Snakemake started with.

What a job took is its own time from start to end. Where several share a device, each takes longer than it would alone;
`jobs_at_once` says how many did so on average, and a plan calibrated on such jobs foretells such jobs, not device time:
the device was busy for `busy_seconds` only. Jobs that were resumed, or ran on another device than most, do not count.
"""

import argparse
import calendar
import json
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

from maple import calibration, config, costs  # noqa: E402
from maple.files import read_json  # noqa: E402
from maple.study import Study  # noqa: E402

# What the plan is meant to keep.
_GOAL = 0.25


def ends(study, done: list) -> dict:
    """Return when each finished job began and ended, in seconds."""
    found = {}
    for one in done:
        system, kind = one.job.system.path, one.job.kind
        path = study.adapter(system) if kind == "finetune" else study.predictions_index(system, kind)
        started = read_json(Path(path).parent / "provenance.json")["started"]
        begin = calendar.timegm(time.strptime(started, "%Y-%m-%dT%H:%M:%SZ"))
        found[one] = (begin, begin + one.seconds)
    return found


def busy(spans) -> float:
    """Return for how many seconds at least one job ran."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def foretell(study, known: list, others: list) -> float:
    """Return the seconds foretold for jobs after calibration on others."""
    found = calibration.calibrate(study, known)
    on_gpu = others[0].device != "cpu"
    return sum(costs.seconds(study, one.job, on_gpu) * found.factor(one.job) for one in others)


def errors(study, done: list, share: float, draws: int, seed: int) -> dict:
    """Return how far the total of the other jobs is foretold wrongly, over many draws of some that are known."""
    number = max(1, round(share * len(done)))
    rest, whole = [], []
    for draw in range(draws):
        mixed = list(done)
        random.Random(f"{seed} {draw}").shuffle(mixed)
        known, others = mixed[:number], mixed[number:]
        actual, spent = sum(one.seconds for one in others), sum(one.seconds for one in known)
        foretold = foretell(study, known, others)
        rest.append(foretold / actual - 1)
        whole.append((spent + foretold) / (spent + actual) - 1)
    return {"known_jobs": number, "draws": draws, "rest": spread(rest), "total": spread(whole)}


def spread(values: list[float]) -> dict:
    """Return the distribution of errors: with signs in the middle, without signs elsewhere."""
    sizes = sorted(abs(value) for value in values)
    return {
        "median_signed": round(statistics.median(values), 3),
        "median": round(statistics.median(sizes), 3),
        "percentile_90": round(sizes[min(len(sizes) - 1, int(0.9 * len(sizes)))], 3),
        "largest": round(sizes[-1], 3),
        "share_within_goal": round(sum(size <= _GOAL for size in sizes) / len(sizes), 3),
    }


def apart(done: list) -> dict:
    """Return by how much jobs differ that differ in their seed alone: no forecast can be nearer than that."""
    alike = {}
    for one in done:
        system = one.job.system
        if system.seed is not None:
            alike.setdefault((one.job.kind, system.base.path, system.data, system.method, system.rank), []).append(
                one.seconds
            )
    ratios = [max(found) / min(found) - 1 for found in alike.values() if len(found) > 1]
    return {"sets": len(ratios), "median": round(statistics.median(ratios), 3) if ratios else None}


def evaluate(study, share: float, draws: int, seed: int) -> dict:
    """Return the figures of a finished study.

    Raises:
        SystemExit: Too few jobs have finished to leave any out.
    """
    done = calibration.finished(study)
    devices = Counter(one.device for one in done)
    if not done or devices.most_common(1)[0][1] < 10:
        raise SystemExit(f"{len(done)} jobs have finished: too few to say anything")
    device = devices.most_common(1)[0][0]
    others, done = len(done), [one for one in done if one.device == device]
    spans = ends(study, done)
    actual = sum(one.seconds for one in done)
    blind = sum(costs.seconds(study, one.job, device != "cpu") for one in done)
    jobs = len(study.adapters) + len(study.systems) * len(study.benchmarks)
    in_order = sorted(done, key=lambda one: spans[one][1])
    number = max(1, round(share * len(done)))
    late = in_order[number:]
    held_out = calibration.calibrate(study, done)
    return {
        "device": device,
        "jobs_of_the_study": jobs,
        "finished_jobs": len(done),
        "finished_on_other_devices": others - len(done),
        "job_seconds": round(actual, 1),
        "busy_seconds": round(busy(spans.values()), 1),
        "jobs_at_once": round(actual / busy(spans.values()), 2),
        "uncalibrated_error": round(blind / actual - 1, 3),
        "drawn": errors(study, done, share, draws, seed),
        "first_to_end": {
            "known_jobs": number,
            "rest": round(foretell(study, in_order[:number], late) / sum(one.seconds for one in late) - 1, 3),
        },
        "every_job_left_out_in_turn": {
            "total": round(held_out.total_error, 3),
            "median_job": round(held_out.job_error, 3),
        },
        "alike_but_for_the_seed": apart(done),
        "seconds_by_kind": {
            kind: [round(statistics.median(one.seconds for one in done if one.job.kind == kind), 1), number]
            for kind, number in sorted(Counter(one.job.kind for one in done).items())
        },
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", default="config/config.yaml", help="the study, whose results are here")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    parser.add_argument("--share", type=float, default=0.1, help="part of the jobs that is known")
    parser.add_argument("--draws", type=int, default=1000, help="how often a part is drawn")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    args = parser.parse_args()
    found = {"configfile": args.configfile, "share": args.share}
    found |= evaluate(Study(config.load(args.configfile)), args.share, args.draws, args.seed)
    args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
