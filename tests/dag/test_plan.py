"""The plan names the jobs that a run starts, no others, and what they cost."""

import re

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
