"""The real thing: published XNLI items and Gemma-3-270M. The data's folder is named by MAPLE_REAL_DATA."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from workspace import ROOT

from maple import benchmark_sources, benchmarks, files, model_sources, models, prediction
from maple.canonical import canonical
from maple.config import load
from maple.prompts import PromptSet

REAL = os.environ.get("MAPLE_REAL_DATA")
pytestmark = pytest.mark.skipif(not REAL, reason="MAPLE_REAL_DATA is not set")


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    index = tmp_path_factory.mktemp("xnli") / "index.json"
    settings = {"benchmark": "xnli", "source": "local", "path": f"{REAL}/xnli", "split": "validation"}
    benchmark_sources.prepare(canonical(settings), "code", index, ["ar", "en", "sw", "zh"])
    return index


def test_every_published_item_is_read(items):
    golds = []
    for language in ("ar", "en", "sw", "zh"):
        records = files.read_jsonl(items.parent / f"{language}.jsonl")
        assert Counter(record["gold"] for record in records) == dict.fromkeys(benchmarks.DECLARED["xnli"].options, 830)
        golds.append([record["gold"] for record in records])
    assert golds.count(golds[0]) == 4


def test_gemma_is_above_chance_on_english(items, tmp_path):
    import torch

    from maple.engine import Engine

    settings = json.loads(canonical(load(ROOT / "config/config.yaml")["models"]["gemma-3-270m"]))
    spec = canonical({key: settings[key] for key in ("source", "package", "sha256")})
    manifest = Path(tmp_path) / "gemma/manifest.json"
    model_sources.prepare(spec, "code", manifest)
    device = torch.device("cpu")
    model, tokenizer = models.load_base(manifest, 16, device)
    records = files.read_jsonl(items.parent / "en.jsonl")[:300]
    files.write_jsonl(tmp_path / "en.jsonl", records)
    prompts = PromptSet(ROOT / "config/prompts/xnli/native.yaml")
    questions = prediction.Questions.read(tmp_path, "en", prompts, "likelihood")
    ready = Engine(*models.causal_parts(model), model.config, device)
    found, _ = prediction.predict_language(questions, ready, tokenizer, None)
    right = sum(record["gold"] == record["prediction"] for record in found)
    # Chance is 100 of 300 with a standard deviation of 8.
    assert right >= 116
    assert sum(len(record["tied"]) > 1 for record in found) <= 3
