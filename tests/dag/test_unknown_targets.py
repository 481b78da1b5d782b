"""A path that this study has nothing for ends in a line that says so."""

import pytest
from workspace import Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace.create(tmp_path_factory.mktemp("targets") / "maple")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("adapters/tiny/16bit/samle/lora-r8/seed0/adapter.json", "samle/lora-r8/seed0 is not in this study's grid"),
        ("adapters/tiny/16bit/sample/lora-r08/seed0/adapter.json", "lora-r08/seed0 is not in this study's grid"),
        ("adapters/tiny/16bit/base/adapter.json", "tiny/16bit/base is untuned and has no adapter"),
        ("figures/training/tiny/16bit/base.pdf", "tiny/16bit/base is untuned and has no adapter"),
        ("predictions/tiny/4bit/base/xnli/index.json", "tiny/4bit/base is not in this study's grid"),
        ("export/tiny/4bit/base/results_maple.json", "tiny/4bit/base is not in this study's grid"),
        ("predictions/tiny/16bit/base/xcopa/index.json", "No rule to produce"),
    ],
)
def test_a_target_that_is_not_of_this_study(workspace, target, words):
    done = workspace.snakemake("-n", f"results/{target}")
    assert done.returncode != 0 and words in done.stdout + done.stderr, done.stdout + done.stderr


def test_records_that_are_no_files_are_refused(workspace):
    done = workspace.snakemake("-n", "--persistence-backend", "db")
    assert done.returncode != 0 and "leave --persistence-backend out" in done.stdout + done.stderr


def test_a_key_that_stands_twice_is_named(workspace):
    text = (workspace.folder / "config/config.yaml").read_text()
    (workspace.folder / "twice.yaml").write_text(text + "statistics: {resamples: 200}\n")
    done = workspace.snakemake("-n", "--configfile", "twice.yaml")
    assert done.returncode != 0 and "the key 'statistics' stood in line" in done.stdout + done.stderr
