"""The real thing: published XNLI items and Gemma-3-270M. The data's folder is named by MAPLE_REAL_DATA."""

import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from workspace import ROOT

from maple import benchmark_sources, benchmarks, files, instructions, model_sources, models, prediction
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


COUNTS = {
    "xcopa": {"validation": (100, ["en", "et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh"]),
              "test": (500, ["en", "et", "ht", "id", "qu", "ta", "tr", "vi", "zh"])},
    "xstorycloze": {"validation": (1511, ["id", "sw", "zh"]), "train": (360, ["sw", "zh"])},
    "belebele": {"test": (900, ["af", "en", "ig", "sn"])},
    "belebele_grouped": {"test": (900, ["de"])},
    "xquad": {"validation": (1190, ["ar", "el", "en", "es", "ro", "ru", "th", "tr", "zh"])},
    "mlqa/dev": {"validation": (None, ["en", "es", "vi", "zh"])},
}  # fmt: skip
MLQA = {"en": 1148, "es": 500, "vi": 511, "zh": 504}


@pytest.mark.parametrize("folder", COUNTS)
def test_every_published_record_is_read(folder):
    name = re.split("[_/]", folder)[0]
    settings = {"benchmark": name, "source": "local", "path": f"{REAL}/{'mlqa' if name == 'mlqa' else folder}"}
    for split, (count, codes) in COUNTS[folder].items():
        for code in codes:
            items = benchmark_sources.read(settings, code, split)
            assert len(items) == (count or MLQA[code]), (folder, split, code)
            assert all(a in item["fields"]["context"] for item in items for a in item.get("answers", []))


def test_xcopas_question_can_come_from_english():
    settings = {"benchmark": "xcopa", "source": "local", "path": f"{REAL}/xcopa"}
    english = [item["fields"]["question"] for item in benchmark_sources.read(settings, "en", "validation")]
    for code in ("th", "sw", "tr"):
        own = [item["fields"]["question"] for item in benchmark_sources.read(settings, code, "validation")]
        mended = benchmark_sources.read({**settings, "question_from": "en"}, code, "validation")
        assert [item["fields"]["question"] for item in mended] == english != own
    assert {item["fields"]["question"] for item in benchmark_sources.read(settings, "th", "validation")} == {"effect"}


def test_demonstrations_come_from_another_split():
    settings = {"benchmark": "xstorycloze", "source": "local", "path": f"{REAL}/xstorycloze", "split": "validation"}
    four = benchmark_sources.demonstrations({**settings, "shots": 4}, "sw")
    eight = benchmark_sources.demonstrations({**settings, "shots": 8}, "sw")
    assert len(eight) == 8 and eight[:4] == four and {item["language"] for item in four} == {"sw"}
    evaluated = {item["id"] for item in benchmark_sources.read(settings, "sw", "validation")}
    assert not evaluated & {item["id"] for item in eight}
    # The benchmark is parallel: every language shows the same stories.
    other = benchmark_sources.demonstrations({**settings, "shots": 8}, "zh")
    assert [item["gold"] for item in other] == [item["gold"] for item in eight]


RECORDS = {
    "en": 999 + 175,
    "fi": 200 + 104 + 117,
    "fr": 256 + 175,
    "ja": 669,
    "ko": 252,
    "ru": 137,
    "vi": 1030,
    "zh": 1175,
}


def test_every_instruction_format_is_read(tmp_path):
    source = {"source": "local", "path": f"{REAL}/instructions", "languages": list(RECORDS)}
    spec = {
        "sources": [source],
        "overlap": {"xquad": {"source": "local", "path": f"{REAL}/xquad", "split": "validation"}},
    }
    instructions.prepare(canonical(spec), "code", tmp_path / "index.json")
    index = json.loads((tmp_path / "index.json").read_text())
    dropped = Counter()
    for by_language in index["dropped"].values():
        dropped.update(by_language)
    assert {code: index["records"][code] + dropped[code] for code in RECORDS} == RECORDS
    assert sum(dropped.values()) < 0.05 * sum(RECORDS.values())
    assert all(
        [message["role"] for message in record["messages"]] == ["user", "assistant"] * (len(record["messages"]) // 2)
        for record in files.read_jsonl(tmp_path / "records.jsonl")
    )


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
    questions = prediction.Questions.read(tmp_path, {}, "en", prompts, "likelihood")
    ready = Engine(models.causal_parts(model), model.config, device)
    found, _ = prediction.predict_language(questions, ready, tokenizer, None)
    right = sum(record["gold"] == record["prediction"] for record in found)
    # Chance is 100 of 300 with a standard deviation of 8.
    assert right >= 116
    assert sum(len(record["tied"]) > 1 for record in found) <= 3
    # Found late: what a model is tried with at loading refused this one at 8 bit, for rounding.
    for bits in (8, 4):
        models.load_base(manifest, bits, device)
