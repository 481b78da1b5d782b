"""A small study through a real Slurm: two GPU slots, a cancelled job, a walltime hit, and the bytes of a local run."""

import contextlib
import copy
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter

import psutil
import pytest
import slurm_server
from workspace import TINY, Workspace

ADAPTERS = "results/adapters/tiny/16bit/sample"
SYSTEMS = ["base", "sample/lora-r4/seed0", "sample/lora-r8/seed0"]
TARGETS = [
    *(f"results/scores/tiny/16bit/{system}/xnli.json" for system in SYSTEMS),
    "results/tables/xnli_scores.csv",
    "results/figures/xnli_by_lang.pdf",
]
# DESIGN contract 4: what equal runs write alike to the byte. The small files that name it must then agree as well.
PAYLOAD = {".safetensors", ".jsonl", ".parquet", ".csv", ".pdf", ".json"}
# Bits may differ between numbers of CPU threads, and a cluster's jobs have more.
ONE_THREAD = ["--set-resources", "finetune:cpu_threads=1", "predict_xnli:cpu_threads=1"]
# Polls often, and never asks the accounting that this Slurm does not keep.
PROFILE = [
    "--profile",
    "profiles/slurm",
    "--slurm-init-seconds-before-status-checks",
    "3",
    "--slurm-status-command",
    "squeue",
    "--latency-wait",
    "10",
]

pytestmark = pytest.mark.skipif(slurm_server.unavailable() is not None, reason=str(slurm_server.unavailable()))


@pytest.fixture(scope="module")
def environment(slurm_plugin):
    """The environment with the executor plugin."""
    return {"PYTHONPATH": str(slurm_plugin), "SBATCH_PARTITION": "main"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A study whose training dawdles as long as there is a file `slow`."""
    config = copy.deepcopy(TINY)
    config["methods"]["lora"].update(epochs=30, batch_size=1)
    study = Workspace.create(tmp_path_factory.mktemp("slurm") / "maple", config)
    study.edit("rules/finetune.smk", "finetune.py --spec", "finetune.py --checkpoint-seconds 2 --spec")
    dawdle = '        time.sleep(1.0 * __import__("os").path.exists("slow"))\n        tokens += sum('
    study.edit("workflow/scripts/maple/training.py", "        tokens += sum(", dawdle)
    return study


def of(jobs, rule, system=""):
    """Return the jobs of a rule and a system, in the order they came."""
    comment = re.compile(rf"rule_{rule}_wildcards_.*{system}(_|$)")
    return [job for job in jobs if comment.match(job.get("Comment", ""))]


def states(jobs, rule, system=""):
    return [job["JobState"] for job in of(jobs, rule, system)]


def until(what, seconds, run):
    """Wait for something true."""
    end = time.monotonic() + seconds
    while not what():
        assert run.poll() is None, "the run ended early"
        assert time.monotonic() < end, f"nothing came in {seconds} s"
        time.sleep(0.5)


def training(study):
    """The device of each training process, by adapter, once every one has a checkpoint."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ValueError):
            words = process.cmdline()
            if "finetune.py" in " ".join(words) and "python" in words[0] and process.cwd() == str(study.folder):
                adapter = words[words.index("--out") + 1].split("/")[-3]
                found[adapter] = process.environ()["CUDA_VISIBLE_DEVICES"]
    begun = {path.parent for path in study.folder.glob("results/.scratch/*/checkpoint-*.json")}
    return found if len(begun) == len(found) else {}


@contextlib.contextmanager
def started(study, *arguments, environment=None):
    """Run Snakemake beside the block, and end it if the block fails."""
    command = [sys.executable, "-m", "snakemake", *arguments, *ONE_THREAD, "--", *TARGETS]
    with open(study.folder / "output", "w") as output:
        run = subprocess.Popen(
            command, cwd=study.folder, env=os.environ | {"HF_HUB_OFFLINE": "1"} | (environment or {}),
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield run
        finally:
            if run.poll() is None:
                run.kill()


@pytest.fixture(scope="module")
def ran(workspace, environment, tmp_path_factory):
    """The study after its run through Slurm, the same study after a local run, and what was seen."""
    twin = workspace.copy(tmp_path_factory.mktemp("local") / "maple")
    slow, seen = workspace.folder / "slow", {}
    slow.touch()
    with contextlib.ExitStack() as stack:
        stack.enter_context(slurm_server.running(tmp_path_factory.mktemp("server")))
        run = stack.enter_context(started(workspace, *PROFILE, environment=environment))
        until(lambda: len(training(workspace)) == 2, 300, run)
        seen["slots"], seen["at once"] = training(workspace), slurm_server.jobs()
        cancelled, late = (of(seen["at once"], "finetune", f"lora-{rank}_seed0")[0]["JobId"] for rank in ("r4", "r8"))
        subprocess.run(["scancel", cancelled], check=True)
        subprocess.run(["scontrol", "update", f"JobId={late}", "TimeLimit=1"], check=True)
        # While training dawdles there is time for the other run.
        local = stack.enter_context(started(twin, "--cores", "2"))
        until(lambda: "TIMEOUT" in states(slurm_server.jobs(), "finetune", "lora-r8_seed0"), 200, run)
        slow.unlink()
        seen["status"], seen["jobs"] = run.wait(400), slurm_server.jobs()
        assert local.wait(400) == 0, (twin.folder / "output").read_text()[-3000:]
        dry = ["-n", "--", *TARGETS]
        for name, ran_so in (("through Slurm", workspace), ("here", twin)):
            seen[name, "planned through Slurm"] = ran_so.command("-m", "snakemake", *PROFILE, *dry, env=environment)
            seen[name, "planned here"] = ran_so.snakemake(*dry)
    return workspace, twin, seen


def resumed(study, adapter):
    return json.loads((study.folder / ADAPTERS / adapter / "seed0/provenance.json").read_text())["resumed_at"]


def test_the_run_succeeds_and_everything_heavy_went_through_slurm(ran):
    study, _, seen = ran
    output = (study.folder / "output").read_text()
    assert seen["status"] == 0, output[-3000:]
    assert states(seen["jobs"], "predict_xnli") == ["COMPLETED"] * 3
    through = Counter(job["Comment"].split("_wildcards_")[0] for job in seen["jobs"] if "Comment" in job)
    assert through == {"rule_finetune": 4, "rule_predict_xnli": 3}
    assert {job["Partition"] for job in seen["jobs"]} == {"main"}
    here = set(re.findall(r"^localrule (\w+):", output, re.MULTILINE))
    assert {"prepare_model", "prepare_instructions", "prepare_xnli", "score_xnli", "gather", "plot_by_lang"} == here


def test_two_at_a_time_on_distinct_devices(ran):
    _, _, seen = ran
    assert sorted(seen["slots"].values()) == ["0", "1"]
    granted = [job["GRES"] for job in of(seen["at once"], "finetune") if job["JobState"] == "RUNNING"]
    assert sorted(granted) == ["gpu:a100:1(IDX:0)", "gpu:a100:1(IDX:1)"]


def test_a_cancelled_job_is_retried_with_more_memory_and_time(ran):
    study, _, seen = ran
    first, second = of(seen["jobs"], "finetune", "lora-r4_seed0")
    assert (first["JobState"], second["JobState"]) == ("CANCELLED", "COMPLETED")
    memory = [int(re.search(r"mem=(\d+)M", job["TRES"])[1]) for job in (first, second)]
    assert memory[1] == pytest.approx(1.5 * memory[0], abs=1)
    assert (first["TimeLimit"], second["TimeLimit"]) == ("00:11:00", "00:22:00")
    assert resumed(study, "lora-r4") > 0


def test_a_walltime_hit_goes_on_from_the_checkpoint_written_at_sigterm(ran):
    study, _, seen = ran
    first, second = of(seen["jobs"], "finetune", "lora-r8_seed0")
    assert (first["JobState"], second["JobState"]) == ("TIMEOUT", "COMPLETED")
    (log,) = study.folder.glob(f".snakemake/slurm_logs/rule_finetune/*/{first['JobId']}.log")
    # A progress bar that was killed may end in half a character.
    text = log.read_text(encoding="utf-8", errors="replace")
    assert int(re.search(r"asked to stop: step (\d+) of", text)[1]) == resumed(study, "lora-r8")


def test_the_payload_is_that_of_a_local_run(ran):
    study, twin, _ = ran

    def payload(workspace):
        files = {
            path.relative_to(workspace.folder): path
            for path in (workspace.folder / "results").rglob("*")
            if path.suffix in PAYLOAD and "provenance" not in path.name and ".scratch" not in path.parts
        }
        return {str(name): path.read_bytes() for name, path in files.items()}

    ours, theirs = payload(study), payload(twin)
    assert {"adapter_model.safetensors", "training_log.jsonl", "xnli.parquet", "en.jsonl", "xnli_scores.csv"} <= {
        name.split("/")[-1] for name in ours
    }
    assert sorted(ours) == sorted(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []


@pytest.mark.parametrize("planned", ["planned through Slurm", "planned here"])
@pytest.mark.parametrize("done", ["through Slurm", "here"])
def test_nothing_is_left_to_do(ran, done, planned):
    _, _, seen = ran
    said = seen[done, planned].stdout + seen[done, planned].stderr
    assert "Nothing to be done" in said, said[-2000:]
