"""Whatever a config may ask for, the whole of it can be planned: tables, figures, report, errors, export."""

import copy

import pytest
from workspace import TINY, Workspace


def mixed(config):
    config["instructions"]["sample"] = {
        "name": "a mix",
        "sources": [
            {"source": "sample", "languages": ["en"]},
            {"source": "sample", "languages": ["sw"], "weight": 2},
        ],
    }


def untuned(config):
    config.update(instructions={}, methods={}, grid=[{"models": ["tiny"], "bits": [4, 16]}])


def rankless(config):
    config["methods"]["lora"] = {key: value for key, value in config["methods"]["lora"].items() if key != "alpha"}
    config["methods"]["lora"]["kind"] = "ia3"


def full(config):
    kept = {key: value for key, value in config["methods"]["lora"].items() if key not in ("alpha", "target_modules")}
    config["methods"]["full"] = kept | {"kind": "full"}
    config["grid"].append(config["grid"][0] | {"methods": ["full"], "ranks": [1], "seeds": [0, 1]})


def without_english(config):
    config["benchmarks"] = {"xcopa": {"source": "sample", "languages": ["sw", "th"]}}


def in_words(config):
    config["benchmarks"] = {"mlqa": {"source": "sample", "languages": ["en", "de"]}}


def judged(config):
    config["alpaca_eval"] = {"source": "sample", "judge": {"base_url": "http://localhost:1/v1", "model": "judge"}}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace.create(tmp_path_factory.mktemp("kinds") / "maple")


@pytest.mark.parametrize("kind", [mixed, untuned, rankless, full, without_english, in_words, judged])
def test_a_study_can_be_planned(workspace, kind):
    config = copy.deepcopy(TINY)
    kind(config)
    workspace.write_config(config)
    jobs = workspace.pending("all", "errors", "export")
    assert jobs["report"] == jobs["analyse"] == 1
    assert ("finetune" in jobs) == (kind is not untuned)
    assert ("judge" in jobs) == (kind is judged)
