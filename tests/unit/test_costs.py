import copy
import random
from dataclasses import replace

import plan
import plan_against_reality as reality
import pytest
from workspace import ROOT

from maple import calibration, config, costs
from maple.study import Study

PAPER = Study(config.load(ROOT / "config/maple.yaml"))


def jobs_of(study):
    for system in study.systems:
        if not system.is_base:
            yield costs.Job("finetune", system)
        for name in study.benchmarks:
            yield costs.Job(name, system, tuple(study.config["benchmarks"][name]["languages"]))


def finetuning(**wanted):
    return next(
        costs.Job("finetune", system)
        for system in PAPER.adapters
        if all(getattr(system, key) == value for key, value in wanted.items())
    )


@pytest.mark.parametrize(
    ("rank", "targets", "millions"),
    [(8, ["q_proj", "v_proj"], 4.2), (64, ["q_proj", "k_proj", "v_proj", "o_proj"], 67.1), (128, "all-linear", 319.8)],
)
def test_size_of_llamas_adapters(rank, targets, millions):
    method = PAPER.config["methods"]["lora"]
    before, method["target_modules"] = method["target_modules"], targets
    try:
        size = costs.adapter_bytes(PAPER, finetuning(model="llama-2-7b", rank=rank).system)
    finally:
        method["target_modules"] = before
    assert size == pytest.approx(4e6 * millions, rel=0.06)


def test_training_time_is_that_of_the_measured_speed(monkeypatch):
    # 18,763 tokens a second were measured (benchmarks/results/finetune_throughput_h200.json).
    monkeypatch.setattr(costs.budget, "finetune_tokens", lambda *_: 18_763 * 3600)
    seconds = costs.seconds(PAPER, finetuning(model="llama-2-7b", bits=16), on_gpu=True)
    assert seconds == pytest.approx(3600, rel=0.03)


def test_fewer_languages_cost_less():
    base = PAPER.systems[0]
    one, all_of_them = (
        costs.seconds(PAPER, costs.Job("belebele", base, tuple(languages)), True)
        for languages in (["en"], PAPER.config["benchmarks"]["belebele"]["languages"])
    )
    assert one < 0.3 * all_of_them


def planted(seed):
    """Return all jobs of the paper's grid with seconds from another machine than the cost model's."""
    draw = random.Random(seed)
    kinds = {kind: draw.uniform(0.3, 3) for kind in ["finetune", *PAPER.benchmarks]}
    bits = {bits: draw.uniform(0.7, 1.5) for bits in (4, 8, 16)}
    for job in jobs_of(PAPER):
        seconds = (
            costs.seconds(PAPER, job, True) * kinds[job.kind] * bits[job.system.bits] * draw.lognormvariate(0, 0.15)
        )
        yield calibration.Finished(job, "GPU", seconds, 0, None)


@pytest.mark.parametrize("seed", range(5))
def test_a_tenth_of_the_jobs_foretells_the_rest(seed):
    done = list(planted(seed))
    random.Random(seed).shuffle(done)
    tenth, rest = done[: len(done) // 10], done[len(done) // 10 :]
    found = calibration.calibrate(PAPER, tenth)
    foretold = sum(costs.seconds(PAPER, one.job, True) * found.factor(one.job) for one in rest)
    actual = sum(one.seconds for one in rest)
    blind = sum(costs.seconds(PAPER, one.job, True) for one in rest)
    assert abs(foretold / actual - 1) < 0.25
    assert abs(foretold / actual - 1) < abs(blind / actual - 1) + 0.05
    assert found.jobs == len(tenth) and abs(found.total_error) < 0.25 and found.job_error < 0.6


def test_error_is_shown_once_there_are_three():
    done = list(planted(0))
    assert calibration.calibrate(PAPER, []).jobs == 0
    assert calibration.calibrate(PAPER, done[:2]).total_error is None
    assert calibration.calibrate(PAPER, done[:3]).total_error is not None


def test_jobs_of_another_device_do_not_calibrate():
    done = list(planted(0))[:10]
    others = [calibration.Finished(one.job, "cpu", 1e6, 0, None) for one in done[:4]]
    assert calibration.calibrate(PAPER, done + others).jobs == 10


@pytest.mark.parametrize(
    ("chains", "devices", "expected"),
    [
        ({1: (10, [1, 1]), 2: (0, [5])}, 1, 17),
        ({1: (10, [1, 1]), 2: (0, [5])}, 2, 11),
        ({1: (10, [1, 1]), 2: (0, [5])}, 9, 11),
        ({}, 4, 0),
    ],
)
def test_wall_time(chains, devices, expected):
    assert plan.wall_seconds(chains, devices) == expected


def test_scratch_holds_three_checkpoints_for_a_moment():
    config = copy.deepcopy(PAPER.config)
    config["methods"]["full"] = config["methods"]["lora"] | {"kind": "full"}
    config["grid"] = [config["grid"][0] | {"bits": [16], "methods": ["full"]}]
    study = Study(config)
    job = costs.Job("finetune", study.adapters[0])
    assert costs.scratch_bytes(study, job) == 3 * 12 * config["models"][job.system.model]["parameters"]
    lora = finetuning(model="llama-2-7b", rank=8)
    assert costs.scratch_bytes(PAPER, lora) == 3 * 3 * costs.adapter_bytes(PAPER, lora.system)


def test_seconds_in_which_any_job_ran():
    assert reality.busy([(0, 10), (2, 5), (8, 12), (20, 21)]) == 13


def test_errors_of_forecasts_are_those_of_the_jobs_that_were_not_known():
    done = list(planted(0))
    found = reality.errors(PAPER, done, 0.1, draws=3, seed=0)
    assert found["known_jobs"] == round(len(done) / 10) and found["rest"]["share_within_goal"] == 1
    # Nine of ten jobs a hundred times as long as any that is like them: nothing can foretell that.
    wild = [
        calibration.Finished(one.job, one.device, one.seconds * (100 if place % 10 else 1), 0, None)
        for place, one in enumerate(done)
    ]
    assert reality.errors(PAPER, wild, 0.1, draws=3, seed=0)["rest"]["largest"] > found["rest"]["largest"]


def test_jobs_that_differ_in_their_seed_alone_are_compared():
    job = finetuning(model="llama-2-7b", rank=8, bits=16)
    other = costs.Job("finetune", replace(job.system, seed=1))
    done = [calibration.Finished(one, "GPU", seconds, 0, None) for one, seconds in ((job, 100.0), (other, 125.0))]
    assert reality.apart(done) == {"sets": 1, "median": 0.25}
