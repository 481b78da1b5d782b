"""The lock, the conda files and the ranges say the same."""

import re
import tomllib

import yaml
from packaging.requirements import Requirement
from workspace import ROOT


def lock(name):
    lines = (ROOT / "envs" / name).read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_conda_pins_equal_the_lock():
    for name, locked in (("torch", "cpu"), ("analysis", "cpu"), ("judge", "judge")):
        listed = yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text())["dependencies"][-1]["pip"]
        for package, version in (line.split("==") for line in listed):
            assert lock(f"{locked}.lock.txt")[package] == version


def test_locks_fit_the_ranges():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name in ("cpu.lock.txt", "cuda.lock.txt"):
        pins = lock(name)
        for requirement in map(Requirement, project["dependencies"]):
            assert requirement.specifier.contains(pins[re.sub("[-_.]+", "-", requirement.name).lower()]), requirement


def test_cuda_lock_extends_the_cpu_lock():
    assert lock("cpu.lock.txt").items() <= lock("cuda.lock.txt").items()


def test_the_judges_lock_shares_the_pins_of_the_cpu_lock():
    main, judge = lock("cpu.lock.txt"), lock("judge.lock.txt")
    assert {name: main[name] for name in judge if name in main} == {n: v for n, v in judge.items() if n in main}
    # alpaca_eval imports pkg_resources, which setuptools dropped.
    assert int(judge["setuptools"].split(".")[0]) < 82
