"""What is said in the export: names of tasks, licences, and which rule makes what."""

import copy
import json
import re

import export_adapter
import pandas as pd
import pyarrow as pa
import pytest
from workspace import TINY

from maple import harness_results, licences, model_card
from maple.config import resolve
from maple.export_study import Export
from maple.study import Study

PUBLISHED = {"source": "hub", "revision": "main"}


def study(**benchmarks):
    config = copy.deepcopy(TINY)
    config["benchmarks"] = benchmarks or config["benchmarks"]
    full = {"name": "Full", "kind": "full", "learning_rate": 1.0e-4, "epochs": 1, "batch_size": 4, "max_length": 64}
    config["methods"]["full"] = full
    config["grid"][0]["methods"] = ["lora", "full"]
    return Study(resolve(config))


def task(name, language, code, **settings):
    found = study(**{name: PUBLISHED | {"languages": [language]} | settings})
    (benchmark,) = json.loads(Export(found).scores_spec("tiny/16bit/base"))["benchmarks"]
    assert benchmark["languages"][0][2] == code
    return harness_results.task_of(benchmark, code)[0]


def test_the_harness_name_stands_for_the_harness_task_only():
    # These also fail when a shipped prompt set changes: then it must be compared with the harness again.
    assert task("xnli", "sw", "sw", split="validation") == "xnli_sw"
    assert task("xcopa", "id", "id") == "xcopa_id"
    assert task("xstorycloze", "zh", "zh") == "xstorycloze_zh"
    assert task("belebele", "en", "eng_Latn", prompts="harness") == "belebele_eng_Latn"
    assert task("xnli", "sw", "sw") == "maple_xnli_sw"  # its test split
    assert task("xnli", "ar", "ar", split="validation") == "maple_xnli_ar"  # another word for "no"
    assert task("xcopa", "en", "en") == "maple_xcopa_en"
    assert task("xcopa", "th", "th", question_from="en") == "maple_xcopa_th"
    assert task("xcopa", "id", "id", shots=4) == "maple_xcopa_id"
    assert task("xcopa", "id", "id", scoring="generation") == "maple_xcopa_id"
    assert task("belebele", "en", "eng_Latn") == "maple_belebele_eng_Latn"  # our default prompts
    assert task("xquad", "de", "de") == "maple_xquad_de"
    assert task("xnli", "sw", "sw", split="validation", source="sample") == "maple_xnli_sw"


def test_standard_errors_are_the_harness_ones():
    spec = json.loads(Export(study()).scores_spec("tiny/16bit/base"))
    part = pa.table({"credit": [1.0, 0.0, 0.0, 1.0, 1.0]})
    found = harness_results.results(spec, {"xnli": {"en": part, "sw": part.slice(0, 1)}}, {})
    english, swahili = found["results"]["maple_xnli_en"], found["results"]["maple_xnli_sw"]
    # The harness's mean_stderr: sample standard deviation over the root of n.
    assert english["acc_stderr,none"] == pytest.approx(pd.Series([1, 0, 0, 1, 1]).sem(), abs=1e-6)
    assert (english["acc,none"], swahili["acc_stderr,none"]) == (0.6, "N/A")
    assert found["n-samples"]["maple_xnli_en"] == {"effective": 5}


def test_licences():
    assert licences.of({"source": "sample"}).startswith("CC0")
    assert licences.of({"source": "hub", "id": "MBZUAI/Bactrian-X"}) == "CC BY-NC 4.0"
    assert licences.of({"source": "hub", "id": "someone/else"}).startswith("unknown")
    assert licences.of({"source": "local"}).startswith("unknown")


def test_each_system_is_exported_by_one_rule():
    found = study()
    adapter, model = (re.compile(Export(found).systems(full)) for full in (False, True))
    kinds = [(bool(adapter.fullmatch(s.path)), bool(model.fullmatch(s.path))) for s in found.systems]
    assert kinds == [(False, False), (False, True), (True, False), (True, False)]
    assert len(Export(found).cards()) == 3


def test_a_card_names_only_what_decides_it():
    one = json.loads(Export(study()).card_spec("tiny/16bit/sample/lora-r4/seed0"))
    assert one["data"]["sources"] == [{"source": "sample", "languages": ["en", "sw"]}]
    assert one["method"] == {"name": "LoRA", "ranked": True} and "systems" not in one


def test_a_base_from_the_hub_is_named_with_its_commit(tmp_path):
    from huggingface_hub import ModelCard

    manifest = {"hub": "meta-llama/Llama-2-7b-hf", "commit": "c" * 40}
    base, revision = export_adapter.base_of(tmp_path / "manifest.json", manifest)
    assert (base, revision) == (manifest["hub"], manifest["commit"])
    assert export_adapter.base_of(tmp_path / "m/manifest.json", {}) == (str(tmp_path / "m"), None)
    spec = json.loads(
        Export(study(xnli=PUBLISHED | {"languages": ["en"]})).card_spec("tiny/16bit/sample/lora-r4/seed0")
    )
    spec["model"] = {"name": "Llama-2-7B", "source": "hub", "id": manifest["hub"], "note": ""}
    trained = {"spec": {"bits": 4, "rank": 4, "seed": 0, "method": {"alpha": 8}}, "code": "c",
               "records": {"learned": 8},
               "inputs": {"model": "m", "data": "d"}, "trainable_parameters": 10, "trainable_share": 0.01}  # fmt: skip
    facts = {"base": base, "revision": revision, "published": True, "adapter": trained, "weights": "w", "versions": {},
             "scores": {"xnli": {"inputs": {"predictions": "p"}, "code": "c"}}}  # fmt: skip
    score = {"score": 0.5, "low": 0.4, "high": 0.6, "items": 96, "unparsed": 0}
    cells = {"xnli": {"en": {"tuned": score, "base": score, "difference": (0.0, -0.1, 0.1)}}}
    card = ModelCard(model_card.card(spec, facts, cells), ignore_metadata_errors=False)
    assert card.data.base_model == manifest["hub"]
    (result,) = card.data.eval_results
    assert (result.dataset_type, result.dataset_config, result.dataset_revision) == ("facebook/xnli", "en", "main")
    assert f'revision="{"c" * 40}"' in card.text and "load_in_4bit=True" in card.text
    assert "Llama 2 Community License" in card.text and "50.0 (40.0 to 60.0)" in card.text
    assert "The base lies in" not in card.text and "unmerged on its base at 4 bit" in card.text
