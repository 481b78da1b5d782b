"""What a run through Slurm plans, and what its jobs find when they parse the rules again. It needs no Slurm."""

import json
import os
import re
import stat
import subprocess

import pytest
from test_failures import BASE, FAILING, TUNED, standing
from test_what_reruns import (
    AFTER_ONE_ADAPTER,
    AFTER_SCORES,
    ALL_PREDICTIONS,
    LIBRARY,
    NEW_ITEMS,
    NEW_PREDICTIONS,
    OF_COMPARISONS,
    SUMMARY,
    TRAINED,
    grid,
)

PROFILE = ["--profile", "profiles/slurm"]
# Writes down what it is asked to submit, and refuses.
SBATCH = """#!/bin/sh
for last; do :; done
printf '%s\\n' "${last#--wrap=}" >> "$SUBMITTED"
exit 1
"""
# Runs a job's step here.
SRUN = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
exec "$@"
"""
# As a node of a cluster might have it.
NODE = {
    "SLURM_JOB_ID": "7",
    "CUDA_VISIBLE_DEVICES": "1",
    "OMP_NUM_THREADS": "3",
    "LANG": "C",
    "LC_ALL": "C",
    "TZ": "Asia/Tokyo",
    "PYTHONHASHSEED": "5",
    "HF_TOKEN": "another",
}


@pytest.fixture
def cluster(slurm_plugin, tmp_path):
    """The environment of a machine with the executor for Slurm, and a Slurm that takes no job."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in {
        "sbatch": SBATCH,
        "srun": SRUN,
        "sinfo": "#!/bin/sh\necho main\n",
        "squeue": "#!/bin/sh\n",
    }.items():
        (programs / name).write_text(text)
        (programs / name).chmod(stat.S_IRWXU)
    return {
        "PYTHONPATH": str(slurm_plugin),
        "SBATCH_PARTITION": "main",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "SUBMITTED": str(tmp_path / "submitted"),
    }


def refused(study, cluster, *arguments):
    """Return the commands that a run through Slurm gave to Slurm, which took none."""
    status = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"]
    done = study.command("-m", "snakemake", *PROFILE, *status, "--retries", "0", *arguments, env=cluster)
    assert done.returncode != 0 and "sbatch failed" in done.stdout + done.stderr, done.stdout + done.stderr
    with open(cluster["SUBMITTED"]) as stream:
        # Jobs wait for a folder that Snakemake has while it runs; it has ended here.
        return re.sub(r"'\S+/\.snakemake/tmp\.\w+'", "", stream.read()).splitlines()


def in_job(study, cluster, command, **environment):
    """Run what Slurm was given as Slurm would, in a job's environment."""
    return subprocess.run(
        command, shell=True, cwd=study.folder, env=os.environ | cluster | NODE | environment,
        capture_output=True, text=True,
    )  # fmt: skip


def params(done):
    """Return spec and code by log file, from a dry run that prints commands."""
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.findall(r"(?:finetune|predict)\.py --spec (.+?) --code (\w+) .*--log (\S+)", done.stdout + done.stderr)
    return {log: (spec, code) for spec, code, log in found}


def edit(name, old, new):
    return lambda study: study.edit(name, old, new)


def configure(change):
    return lambda study: study.edit_config(change)


def lose_records(study):
    (study.folder / ".snakemake").rename(study.folder / ".lost")


EDITS = {
    "nothing": (lambda study: None, {}),
    "layout": (edit(f"{LIBRARY}/response_loss.py", '"cpu": 64', '"cpu": (64)'), {}),
    "a rank": (configure(grid(ranks=[4, 8, 16])), AFTER_ONE_ADAPTER),
    "a rank less": (configure(grid(ranks=[4])), TRAINED),
    "a language": (
        configure(lambda c: c["benchmarks"]["xnli"].update(languages=["en", "sw", "zh"])),
        NEW_ITEMS | ALL_PREDICTIONS,
    ),
    "a language less": (
        configure(lambda c: c["benchmarks"]["xnli"].update(languages=["en"])),
        AFTER_SCORES | {"tokenize_benchmarks": 1},
    ),
    "a prompt": (edit("config/prompts/xnli/native.yaml", "question: sahihi", "question: kweli"), ALL_PREDICTIONS),
    "a hyper-parameter": (
        configure(lambda c: c["methods"]["lora"].update(learning_rate=2.0e-3)),
        {"finetune": 2, "predict_xnli": 2, "score_xnli": 2} | TRAINED,
    ),
    "a metric": (
        edit("workflow/metrics/choice_scores/choice_scores.py", "sum(credits)", "1.0 * sum(credits)"),
        {"score_xnli": 3} | NEW_PREDICTIONS,
    ),
    "a figure": (
        edit(f"{LIBRARY}/plots.py", '"axes.titlesize": 9', '"axes.titlesize": 10'),
        {"plot_by_lang": 1, "plot_training": 1, "report": 1} | OF_COMPARISONS | SUMMARY,
    ),
    "a constant of training": (
        edit(f"{LIBRARY}/response_loss.py", '"cpu": 64', '"cpu": 32'),
        {"finetune": 2, "predict_xnli": 2, "score_xnli": 2} | TRAINED,
    ),
}


@pytest.mark.parametrize("kind", EDITS)
def test_a_plan_through_slurm_has_the_jobs_of_a_local_one(study, cluster, kind):
    change, expected = EDITS[kind]
    change(study)
    assert study.pending(*PROFILE, env=cluster) == expected


def test_lost_records_are_refused_through_slurm_too(study, cluster):
    lose_records(study)
    done = study.command("-m", "snakemake", *PROFILE, "-n", env=cluster)
    assert done.returncode != 0 and "adopt.py" in done.stdout + done.stderr


def test_a_job_that_parses_the_rules_again_finds_the_same_params(study, cluster):
    before = params(study.snakemake("-n", "-p", "-F"))
    study.edit_config(lambda c: c["methods"]["lora"].update(learning_rate=2.0e-3))
    study.edit("config/prompts/xnli/native.yaml", "question: sahihi", "question: kweli")
    study.edit(f"{LIBRARY}/response_loss.py", '"cpu": 64', '"cpu": 32')
    study.edit(f"{LIBRARY}/likelihood.py", "import torch\n", "import torch\n\nMUTATION = 1\n")
    planned = params(study.command("-m", "snakemake", *PROFILE, "-n", "-p", env=cluster))
    assert len(planned) == 5 and planned == params(study.snakemake("-n", "-p"))
    # Each of the edits counts: specs and code of training and prediction.
    changed = {log for log in planned if all(new != old for new, old in zip(planned[log], before[log], strict=True))}
    assert changed == set(planned)
    commands = refused(study, cluster)
    assert len(commands) == 3
    of_jobs = {}
    for command in commands:
        of_jobs |= params(in_job(study, cluster, f"{command} --dry-run --printshellcmds"))
    # The others come once adapters are there; until then the old ones stand in.
    waiting = " ".join(f"'predict_xnli:system=tiny/16bit/sample/lora-r{rank}/seed0'" for rank in (4, 8))
    again = re.sub(
        r"--target-jobs \S+ --allowed-rules \S+", f"--target-jobs {waiting} --allowed-rules predict_xnli", command
    )
    of_jobs |= params(in_job(study, cluster, f"{again} --dry-run --printshellcmds"))
    assert of_jobs == planned


def test_results_outlive_a_job_that_slurm_refuses_and_one_that_fails_in_slurm(study, cluster):
    before = {folder: standing(study, folder) for folder in (BASE, TUNED)}
    study.edit("config/prompts/xnli/native.yaml", "question: sahihi", "question: kweli")
    commands = refused(study, cluster, *FAILING)
    assert {folder: standing(study, folder) for folder in before} == before
    assert len(commands) == 3
    (command,) = (one for one in commands if "bit/base" in one)
    done = in_job(study, cluster, command)
    assert done.returncode != 0 and "argument --threads" in done.stdout + done.stderr, done.stdout + done.stderr
    assert {folder: standing(study, folder) for folder in before} == before
    assert study.pending() == ALL_PREDICTIONS
    records = [
        json.loads(path.read_text()) for path in (study.folder / ".snakemake/incomplete").rglob("*") if path.is_file()
    ]
    assert records == []
