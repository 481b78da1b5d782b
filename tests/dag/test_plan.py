"""The plan names the jobs that a run starts, no others, and what they cost."""

import json
import re

import pytest

CONFIG = "config/config.yaml"


def planned(study, *arguments):
    done = study.command("workflow/scripts/plan.py", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^(\w+) +(\d+) +(\d+)(?: +[\d.,]+)?$", done.stdout, re.M)
    return {rule: (int(asked), int(kept)) for rule, asked, kept in rows}, done.stdout


def test_a_finished_study(study):
    rows, text = planned(study)
    assert all(asked == 0 for asked, _ in rows.values())
    assert rows["finetune"] == (0, 2) and rows["predict_xnli"] == (0, 3)
    assert "\n0 jobs; 0.0" in text
    assert re.search(r"calibrated by 5 finished jobs on cpu; each left out in turn: total [+-]\d+%", text)
    assert "peak memory seen: tiny 16-bit, finetune" in text


def test_jobs_are_snakemakes_own(study):
    study.edit_config(lambda c: c["grid"][0].update(ranks=[4, 8, 16]))
    rows, text = planned(study)
    assert {rule: asked for rule, (asked, _) in rows.items() if asked} == study.pending()
    assert rows["finetune"] == (1, 2) and rows["predict_xnli"] == (1, 3)
    assert re.search(r"^tiny, lora, rank 16 +1 +1 ", text, re.M) and "rank 8" not in text


def test_only_what_a_target_needs(study):
    study.edit_config(lambda c: c["grid"][0].update(ranks=[4, 8, 16]))
    target = "results/adapters/tiny/16bit/sample/lora-r16/seed0/adapter.json"
    rows, text = planned(study, "--configfile", CONFIG, target)
    assert {rule: asked for rule, (asked, _) in rows.items() if asked} == {"finetune": 1}
    assert "\n1 job; " in text


def test_a_target_that_nothing_makes(study):
    done = study.command("workflow/scripts/plan.py", "results/nonsense")
    assert done.returncode == 1 and "error: snakemake cannot plan this" in done.stderr + done.stdout


LANGUAGES = """
import json, sys
sys.path.insert(0, "workflow/scripts")
import plan
from maple import config
from maple.study import Study

study = Study(config.load("config/config.yaml"))
jobs = plan.heavy(study, plan.dry_run("config/config.yaml", []))
print(json.dumps({job.system.path: job.languages for job in jobs if job.kind == "xnli"}))
"""
BASE, TUNED = "tiny/16bit/base", [f"tiny/16bit/sample/lora-r{rank}/seed0" for rank in (4, 8)]
ALL = ["en", "sw"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c["methods"]["lora"].update(learning_rate=2.0e-3), dict.fromkeys(TUNED, ALL)),
        (lambda c: c["benchmarks"]["xnli"].update(limit=5), dict.fromkeys([BASE, *TUNED], ALL)),
        (lambda c: c["benchmarks"]["xnli"].update(languages=[*ALL, "zh"]), dict.fromkeys([BASE, *TUNED], ["zh"])),
    ],
    ids=["a new adapter", "other items", "a new language"],
)
def test_languages_that_are_computed_anew_are_counted(study, change, expected):
    study.edit_config(change)
    done = study.command("-c", LANGUAGES)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == expected


def test_predictions_of_an_adapter_that_was_trained_meanwhile_are_counted(study):
    study.edit_config(lambda c: c["methods"]["lora"].update(learning_rate=2.0e-3))
    study.run(*(f"results/adapters/{system}/adapter.json" for system in TUNED))
    assert json.loads(study.command("-c", LANGUAGES).stdout.splitlines()[-1]) == dict.fromkeys(TUNED, ALL)
