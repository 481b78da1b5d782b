import pytest
from workspace import Workspace


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A tiny study that ran to its end; copy it before you touch it."""
    workspace = Workspace.create(tmp_path_factory.mktemp("finished") / "maple")
    workspace.run()
    return workspace


@pytest.fixture
def study(finished, tmp_path):
    """A private copy of the finished tiny study."""
    return finished.copy(tmp_path / "maple")
