"""The guides in docs/guides, followed to the letter: every block of commands and every patch, in order."""

import re
import subprocess

import pytest
from workspace import ROOT, Workspace

GUIDES = {
    "benchmark": "results/my-benchmark/figures/polar_by_lang.pdf",
    "model": "results/random/tables/xnli_scores.csv",
    "method": "results/my-method/adapters/tiny/16bit/sample/lora-qv-r4/seed0/adapter_model.safetensors",
    "language": "results/my-language/tables/xnli_scores.csv",
}
RUN = {"bash": ["bash", "-euo", "pipefail"], "diff": ["git", "apply", "-"]}


def blocks(text):
    """Return kind and content of the fenced blocks."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)


def test_every_guide_is_followed():
    assert {path.stem for path in (ROOT / "docs/guides").glob("*.md")} == set(GUIDES)


@pytest.mark.parametrize("name", GUIDES)
def test_guide(name, tmp_path):
    folder = Workspace.create(tmp_path / "maple").folder
    found = blocks((ROOT / f"docs/guides/{name}.md").read_text(encoding="utf-8"))
    assert len(found) >= 3 and {kind for kind, _ in found} <= set(RUN)
    for kind, content in found:
        done = subprocess.run(RUN[kind], input=content, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, f"{content}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
    assert (folder / GUIDES[name]).stat().st_size
    if name == "language":
        assert "Mae hi'n bwrw glaw., yn wir?" in done.stdout
