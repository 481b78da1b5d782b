"""What contributors are told is there and agrees with the rest."""

import re
import shlex
import tomllib

import yaml
from workspace import ROOT


def test_the_citation_has_the_projects_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == "MIT" and "MIT License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_hooks_run_offline_with_tools_of_the_lock():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    lock = (ROOT / "envs/cpu.lock.txt").read_text(encoding="utf-8")
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        tool = shlex.split(hook["entry"])[0]
        if tool.startswith(".venv/bin/"):
            assert re.search(rf"^{tool.removeprefix('.venv/bin/')}==", lock, re.M), tool


def test_files_that_documents_point_to_exist():
    for document in [*ROOT.glob("*.md"), ROOT / "config/README.md", *(ROOT / "docs").rglob("*.md")]:
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)[^)]*\)", text):
            assert (document.parent / target).exists(), f"{document}: {target}"
