import os
import shutil
import subprocess
import sys
from functools import lru_cache

import pytest
from filelock import FileLock
from workspace import ROOT, SECRETS, Workspace


@lru_cache
def _is_one_piece(file):
    return 'scope="module"' in (ROOT / file).read_text(encoding="utf-8")


# `--dist loadgroup` would say the same, but xdist 3.8 forgets groups with pytest 9.2.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep the tests of a file in one process if fixtures serve them all; any other test goes where there is room."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::")[0]
            return file if _is_one_piece(file) else nodeid

    return Scheduling(config, log)


def shared(tmp_path_factory, name, make):
    """Return a folder that the first test process in need of it makes, for all of them."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, done = base / name, base / f"{name}.done"
    with FileLock(base / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A tiny study that ran to its end, with secrets in its environment; copy it before you touch it."""

    def make(folder):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in SECRETS.items():
                patch.setenv(name, value)
            Workspace.create(folder / "maple").run()

    return Workspace(shared(tmp_path_factory, "finished", make) / "maple")


@pytest.fixture
def study(finished, tmp_path):
    """A private copy of the finished tiny study."""
    return finished.copy(tmp_path / "maple")


@pytest.fixture(scope="session")
def slurm_plugin(tmp_path_factory):
    """Where Snakemake's executor for Slurm is installed, which no other test should load."""

    def make(folder):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--target", str(folder), "-r", str(ROOT / "envs/slurm.lock.txt")], check=True)

    return shared(tmp_path_factory, "slurm_plugin", make)


@pytest.fixture(scope="session")
def judge_environment():
    """Where `alpaca_eval` is installed; making it takes half a minute, once."""
    # Tests run in two processes, and both may need it.
    with FileLock(ROOT / ".venv-judge.lock"):
        done = subprocess.run(["make", "judge"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / ".venv-judge"
