"""What holds on a cluster and needs none to be checked."""

import os
import re
import resource
import subprocess
import sys
import tomllib

import yte
from packaging.requirements import Requirement
from workspace import ROOT

from maple import leases


def profile(name):
    with open(ROOT / f"profiles/{name}/config.yaml") as stream:
        return yte.process_yaml(stream, require_use_yte=True)


def test_the_slurm_profile_is_as_safe_as_the_default(monkeypatch):
    for name in ("SBATCH_ACCOUNT", "SBATCH_PARTITION"):
        monkeypatch.delenv(name, raising=False)
    found = profile("slurm")
    assert profile("default").items() <= found.items()
    assert found["executor"] == "slurm" and found["retries"] > 0
    # Nobody's account, and how software is provided is the user's business.
    assert not {"default-resources", "software-deployment-method", "sdm"} & set(found)


def test_account_and_partition_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("SBATCH_ACCOUNT", "somebody")
    monkeypatch.delenv("SBATCH_PARTITION", raising=False)
    assert profile("slurm")["default-resources"] == {"slurm_account": "somebody"}
    monkeypatch.setenv("SBATCH_PARTITION", "gpu")
    assert profile("slurm")["default-resources"] == {"slurm_account": "somebody", "slurm_partition": "gpu"}


def test_a_rule_asks_for_a_gpu_memory_and_a_runtime_or_runs_locally():
    rules = {}
    for file in [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")]:
        for text in re.split(r"(?m)^ *(?=rule\b.*:$)", file.read_text())[1:]:
            rules[f"{file.name}: {text.splitlines()[0]}", text] = {"gpu=1,", "mem_mb=", "runtime="} - {
                word for word in ("gpu=1,", "mem_mb=", "runtime=") if word in text
            }
    assert len(rules) > 15
    for (name, text), lacking in rules.items():
        local = "localrule: True" in text or "rule all:" in name
        assert local != (not lacking), f"{name}: neither a local rule nor one that asks {lacking}"


def test_the_plugin_pins_fit_the_range():
    lines = (ROOT / "envs/slurm.lock.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in map(Requirement, project["optional-dependencies"]["slurm"]):
        assert requirement.specifier.contains(pins[requirement.name])


def seconds(*arguments):
    """Return the processor time of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "snakemake", *arguments], cwd=ROOT, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_every_job_parses_the_snakefile_so_that_is_cheap():
    arguments = ["--list-rules", "--configfile", "config/maple.yaml"]
    assert min(seconds(*arguments) for _ in range(2)) - seconds("--version") <= 1.5


def test_what_the_snakefile_imports_is_light():
    code = (
        "import sys; from maple import adoption, alpaca_eval_study, budget, config, devices, study; print(*sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT / "workflow/scripts")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not {"torch", "pandas", "numpy", "transformers", "requests"} & set(found.stdout.split())


def test_a_device_that_slurm_gave_is_left_alone_where_there_is_no_driver(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with leases.lease(1) as ids:
        assert ids == [] and os.environ["CUDA_VISIBLE_DEVICES"] == "1"
