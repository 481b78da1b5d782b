"""Which figures a study has, and what their specs hold."""

import copy
import json

import pytest
from workspace import ROOT, TINY

from maple import config
from maple.errors import UserError
from maple.figure_specs import Figures
from maple.study import Study

SAMPLE = config.load(ROOT / "config/config.yaml")
PAPER = config.load(ROOT / "config/maple.yaml")


def figures(raw, **changes):
    return Figures(Study(config.resolve(copy.deepcopy(raw) | changes, "test")))


ALWAYS = {"heatmap", "tokenizer_fertility"}
OF_ADAPTERS = {"training_curves", "by_resource_class", "english_forgetting", "tradeoff", "forest", "cost"}


def names(found):
    return set(found.names())


def test_the_default_study_has_all_but_published_scores():
    by_benchmark = {f"{name}_{kind}" for name in SAMPLE["benchmarks"] for kind in ("by_lang", "by_rank", "by_bits")}
    assert names(figures(SAMPLE)) == by_benchmark | OF_ADAPTERS | ALWAYS


def test_the_papers_study_has_published_scores_too():
    assert {"gap_to_references", "belebele_by_bits", "xcopa_by_rank"} <= names(figures(PAPER))


def test_one_precision_has_no_figure_by_bits():
    assert names(figures(TINY)) == {"xnli_by_lang", "xnli_by_rank"} | OF_ADAPTERS | ALWAYS


def test_untuned_bases_have_only_what_needs_no_adapter():
    found = figures(PAPER, grid=[{"models": ["llama-2-7b"], "bits": [4, 16]}])
    assert {name.partition("_")[2] for name in names(found) - ALWAYS} == {"by_lang", "by_bits"}
    for spec in (found.english_forgetting, found.by_resource_class, found.gap_to_references):
        with pytest.raises(UserError, match="untuned bases only: add"):
            spec()
    with pytest.raises(UserError, match="add `ranks`"):
        found.by_rank("xnli")


def test_without_english_there_is_nothing_to_forget():
    raw = copy.deepcopy(PAPER)
    raw["benchmarks"] = {"xcopa": raw["benchmarks"]["xcopa"]}
    assert "english_forgetting" not in names(figures(raw))
    with pytest.raises(UserError, match="add en to one"):
        figures(raw).english_forgetting()


def test_sample_data_are_never_held_against_published_scores():
    assert figures(SAMPLE).with_references() == []
    with pytest.raises(UserError, match="sample data are never compared"):
        figures(SAMPLE).gap_to_references()


def test_the_caveat_stands_where_bits_are_compared():
    found = figures(SAMPLE)
    for spec in (found.by_rank("xnli"), found.by_bits("xnli"), found.by_lang("xnli"), found.english_forgetting()):
        assert "about 4.8 bits" in "".join(json.loads(spec)["notes"])


def test_specs_name_things_in_words():
    spec = json.loads(figures(PAPER).by_rank("xnli"))
    assert spec["models"] == {"llama-2-7b": "Llama-2-7B", "mistral-7b": "Mistral-7B"}
    assert spec["data"]["bactrian-x"] == "Bactrian-X" and spec["methods"] == {"lora": "LoRA"}
    assert spec["title"].startswith("XNLI by rank")


def test_a_spec_holds_only_what_its_figure_draws():
    renamed = copy.deepcopy(PAPER)
    renamed["instructions"]["bactrian-x"]["name"] = "Renamed"
    before, after = figures(PAPER), figures(renamed)
    assert before.by_rank("xnli") != after.by_rank("xnli")
    assert before.by_resource_class() == after.by_resource_class()
    assert before.gap_to_references() == after.gap_to_references()
    assert before.by_lang("xnli") == after.by_lang("xnli")


def test_methods_without_a_rank_have_no_figure_by_rank():
    raw = copy.deepcopy(TINY)
    raw["methods"]["full"] = {"kind": "full", "learning_rate": 1.0e-4, "epochs": 1, "batch_size": 4, "max_length": 64}
    raw["grid"][0]["methods"] = ["full"]
    assert "xnli_by_rank" not in names(figures(raw))
    raw["grid"][0]["methods"] = ["lora", "full"]
    assert json.loads(figures(raw).by_rank("xnli"))["rankless"] == ["full"]
