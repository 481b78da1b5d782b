"""kill -9 of a training job and of snakemake itself: the same command continues, to the same bytes."""

import copy
import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest
from workspace import TINY, Workspace

ADAPTER = "results/adapters/tiny/16bit/sample/lora-r4/seed0"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A study with one adapter that takes some seconds to train, data and model ready."""
    config = copy.deepcopy(TINY)
    config["methods"]["lora"].update(epochs=60, batch_size=1)
    config["grid"][0]["ranks"] = [4]
    workspace = Workspace.create(tmp_path_factory.mktemp("kills") / "maple", config)
    workspace.edit("rules/finetune.smk", "finetune.py --spec", "finetune.py --checkpoint-seconds 0.5 --spec")
    workspace.run("results/models/tiny/manifest.json", "results/instructions/sample/index.json")
    return workspace


@pytest.fixture(scope="module")
def expected(prepared, tmp_path_factory):
    whole = prepared.copy(tmp_path_factory.mktemp("whole") / "maple")
    whole.run(f"{ADAPTER}/adapter.json")
    return payload(whole)


def payload(workspace):
    names = ("adapter.json", "adapter_model.safetensors", "adapter_config.json", "training_log.jsonl")
    return {name: (workspace.folder / ADAPTER / name).read_bytes() for name in names}


def start(workspace):
    """Start a run and return it with its training process, once a checkpoint is written."""
    run = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", f"{ADAPTER}/adapter.json"],
        cwd=workspace.folder,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(600):
        if list(workspace.folder.glob("results/.scratch/*/checkpoint-*.json")):
            break
        assert run.poll() is None, "the run ended before its first checkpoint"
        time.sleep(0.1)
    jobs = [p for p in psutil.Process(run.pid).children(recursive=True) if "finetune.py" in " ".join(p.cmdline())]
    return run, [p for p in jobs if p.name().startswith("python")][-1]


def log(workspace):
    return (workspace.folder / "results/logs/finetune/tiny/16bit/sample/lora-r4/seed0.log").read_text()


def test_a_killed_job_continues(prepared, expected, tmp_path):
    study = prepared.copy(tmp_path / "maple")
    run, job = start(study)
    job.send_signal(signal.SIGKILL)
    assert run.wait(60) != 0
    assert not (study.folder / ADAPTER / "adapter.json").exists()
    study.run(f"{ADAPTER}/adapter.json")
    assert "resuming after step" in log(study)
    assert payload(study) == expected


def test_sigterm_keeps_the_step_and_asks_for_a_retry(prepared, expected, tmp_path):
    study = prepared.copy(tmp_path / "maple")
    run, job = start(study)
    job.send_signal(signal.SIGTERM)
    assert run.wait(60) != 0
    text = log(study)
    kept = int(re.search(r"asked to stop: step (\d+) of", text)[1])
    study.run(f"{ADAPTER}/adapter.json")
    assert f"resuming after step {kept} of" in log(study)
    assert payload(study) == expected


def test_a_job_that_outlives_snakemake_is_waited_for(prepared, expected, tmp_path):
    study = prepared.copy(tmp_path / "maple")
    run, job = start(study)
    run.kill()
    run.wait(10)
    assert job.is_running()
    locked = study.snakemake(f"{ADAPTER}/adapter.json")
    assert locked.returncode != 0 and "--unlock" in locked.stdout + locked.stderr
    study.run("--unlock")
    study.run(f"{ADAPTER}/adapter.json")
    job.wait(20)  # it has released its lock and only has to exit
    assert payload(study) == expected
    assert "waiting for it" in log(study) or "is current: kept" in log(study)
    assert study.command("workflow/scripts/verify.py").returncode == 0


def test_languages_finished_before_a_kill_are_kept(tmp_path):
    config = copy.deepcopy(TINY)
    config["grid"] = [{"models": ["tiny"], "bits": [16]}]
    config["benchmarks"]["xnli"]["languages"] = ["ar", "en", "sw", "th", "zh"]
    study = Workspace.create(tmp_path / "maple", config)
    # Messages are not part of the code digest, so the killing one leaves predictions comparable.
    message, deadly = "language, len(records))", "language, len(records), language == 'sw' and os.kill(os.getpid(), 9))"
    study.edit("workflow/scripts/maple/prediction.py", message, deadly)
    index = "results/predictions/tiny/16bit/base/xnli/index.json"
    assert study.snakemake(index).returncode != 0
    assert not (study.folder / index).exists()
    study.edit("workflow/scripts/maple/prediction.py", deadly, message)
    study.run(index)
    log = (study.folder / "results/logs/predict/tiny/16bit/base/xnli.log").read_text()
    assert "computing th, zh; keeping ar.jsonl, en.jsonl, sw.jsonl" in log
