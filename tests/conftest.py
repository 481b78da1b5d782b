import subprocess

import pytest
from filelock import FileLock
from workspace import ROOT, SECRETS, Workspace


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A tiny study that ran to its end, with secrets in its environment; copy it before you touch it."""
    workspace = Workspace.create(tmp_path_factory.mktemp("finished") / "maple")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        workspace.run()
    return workspace


@pytest.fixture
def study(finished, tmp_path):
    """A private copy of the finished tiny study."""
    return finished.copy(tmp_path / "maple")


@pytest.fixture(scope="session")
def judge_environment():
    """Where `alpaca_eval` is installed; making it takes half a minute, once."""
    # Tests run in two processes, and both may need it.
    with FileLock(ROOT / ".venv-judge.lock"):
        done = subprocess.run(["make", "judge"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / ".venv-judge"
