"""What jobs ask of a scheduler grows with the model, the data and the attempt, and is never more than allowed."""

import copy
import json

import pytest
from workspace import ROOT, TINY

from maple import budget
from maple.config import load, resolve
from maple.study import Study

LORA = "llama-2-7b/16bit/multialpaca/lora-r8/seed0"


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Study(load(ROOT / "config/maple.yaml"))


def test_more_bits_data_and_weights(study):
    minutes = budget.finetune_minutes(study, LORA)
    assert minutes < budget.finetune_minutes(study, LORA.replace("16bit", "4bit"))
    assert minutes < budget.finetune_minutes(study, LORA.replace("16bit", "8bit"))
    assert minutes < budget.finetune_minutes(study, LORA.replace("multialpaca", "bactrian-x"))
    assert minutes < budget.finetune_minutes(study, LORA.replace("llama-2-7b", "mistral-7b"))
    assert budget.model_mb(study, "llama-2-7b") < budget.model_mb(study, "mistral-7b")
    more = LORA.replace("multialpaca", "bactrian-x")
    assert budget.finetune_mb(study, LORA, gpu=True) < budget.finetune_mb(study, more, gpu=True)


def test_what_full_finetuning_holds_in_host_memory(study):
    study.config["methods"]["full"] = study.config["methods"]["lora"] | {"kind": "full"}
    full, weights = LORA.replace("lora-r8", "full-r1"), 6.74e9
    # On a GPU the host has the weights only on their way; an adapter's optimiser is nothing beside a model.
    assert budget.finetune_mb(study, full, gpu=True) == budget.finetune_mb(study, LORA, gpu=True)
    assert budget.finetune_mb(study, LORA, gpu=False) == budget.finetune_mb(study, LORA, gpu=True)
    # On a CPU: weights (4 bytes where it computes in fp32), masters, gradients and moments in fp32, temporaries.
    assert budget.finetune_mb(study, full, gpu=False) > (4 + 16 + 8) * weights / 2**20


def test_memory_of_full_finetuning_is_above_what_was_measured(study):
    config = load(ROOT / "config/config.yaml")
    config["methods"]["full"] = config["methods"]["lora"] | {"kind": "full"}
    asked = budget.finetune_mb(Study(config), "gemma-3-270m/16bit/sample/full-r1/seed0", gpu=False)
    # GiB at the peak on a CPU: in bf16, a step of 1,600 tokens; in fp32, two of 120 with a checkpoint between them.
    assert asked > 1024 * max(7.6, 7.9)


def test_a_walltime_is_above_what_was_measured_and_below_the_limit(study):
    # 18,500 tokens a second on an H200 at 16 bit (docs/finetuning.md).
    assert budget.finetune_minutes(study, LORA) > budget.finetune_tokens(study, LORA) / 18_500 / 60
    study.config["cluster"]["max_minutes"] = 100
    assert [budget.finetune_minutes(study, LORA, attempt) for attempt in (1, 4)] == [100, 100]


def test_attempts(study):
    first = budget.predict_minutes(study, LORA, 1_000_000)
    assert budget.predict_minutes(study, LORA, 1_000_000, 3) == 3 * first
    assert [budget.scaled_mb(1000, attempt) for attempt in (1, 2, 3)] == [1000, 1500, 2000]


def test_languages_limits_shots_and_generated_answers(study):
    whole = budget.predict_tokens(study, "xnli")
    part = study.config["benchmarks"]["xnli"]
    part["limits"] = {"sw": 10}
    assert budget.predict_tokens(study, "xnli") == whole - 150 * 5000
    part["limit"] = 100
    assert budget.predict_tokens(study, "xnli") == 150 * (14 * 100 + 10)
    part["shots"] = 8
    assert budget.predict_tokens(study, "xnli") > 150 * (14 * 100 + 10)
    likelihood = budget.predict_tokens(study, "xnli")
    part["scoring"] = "generation"
    assert budget.predict_tokens(study, "xnli") > likelihood


def test_prepared_data_are_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = Study(resolve(copy.deepcopy(TINY)))
    adapter = "tiny/16bit/sample/lora-r4/seed0"
    assert budget.finetune_tokens(study, adapter) == 8 * 250
    index = tmp_path / study.instructions_index("sample")
    index.parent.mkdir(parents=True)
    index.write_text(json.dumps({"files": {"records.jsonl": {"size": 5000}}, "records": {"en": 4, "sw": 4}}))
    assert budget.finetune_tokens(study, adapter) == 2000
    index.write_text(json.dumps({"files": {"records.jsonl": {"size": 5_000_000}}, "records": {"en": 4, "sw": 4}}))
    assert budget.finetune_tokens(study, adapter) == 8 * 1024  # no example is longer than max_length
    items = tmp_path / study.items_index("xnli")
    items.parent.mkdir(parents=True)
    items.write_text(
        json.dumps({"files": {"en.jsonl": {"items": 5}, "sw.jsonl": {"items": 2}, "zh.jsonl": {"items": 9}}})
    )
    assert budget.predict_tokens(study, "xnli") == 150 * 7


def test_local_instructions_are_weighed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/en.jsonl").write_text("x" * 25_000)
    config = copy.deepcopy(TINY)
    config["instructions"]["sample"] = {"name": "own", "source": "local", "path": "own", "languages": ["en"]}
    assert budget.instruction_tokens(Study(resolve(config)), "sample", "lora") == 10_000
