import json
import unicodedata
from collections import Counter

import pytest
from workspace import ROOT

from maple import languages

SAMPLE = ROOT / "resources/sample"
NAMES = {"Arab": "ARABIC", "Cyrl": "CYRILLIC", "Grek": "GREEK", "Deva": "DEVANAGARI", "Thai": "THAI", "Hans": "CJK",
         "Latn": "LATIN"}  # fmt: skip
XNLI = ["ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh"]
INSTRUCTIONS = ["ar", "de", "en", "es", "hi", "ht", "sw", "th", "zh"]


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def assert_script(text, language):
    wanted = NAMES[languages.load()[language].script]
    letters = [unicodedata.name(c) for c in text if unicodedata.category(c).startswith("L")]
    foreign = [name for name in letters if not name.startswith(wanted) and "MODIFIER" not in name]
    assert not foreign, (language, text, foreign[:3])


def test_every_language_is_there():
    assert sorted(p.stem for p in (SAMPLE / "xnli").glob("*.jsonl")) == XNLI
    assert sorted(p.stem for p in (SAMPLE / "instructions").glob("*.jsonl")) == INSTRUCTIONS
    assert sum(languages.load()[code].joshi_class <= 2 for code in INSTRUCTIONS) >= 2


@pytest.mark.parametrize("language", XNLI)
def test_xnli_items(language):
    items, english = read(SAMPLE / f"xnli/{language}.jsonl"), read(SAMPLE / "xnli/en.jsonl")
    assert Counter(item["label"] for item in items) == {"entailment": 8, "neutral": 8, "contradiction": 8}
    assert [(i["id"], i["label"]) for i in items] == [(i["id"], i["label"]) for i in english]
    assert len({(i["premise"], i["hypothesis"]) for i in items}) == 24
    for item in items:
        assert_script(item["premise"] + item["hypothesis"], language)


@pytest.mark.parametrize("language", INSTRUCTIONS)
def test_instructions(language):
    records, english = read(SAMPLE / f"instructions/{language}.jsonl"), read(SAMPLE / "instructions/en.jsonl")
    assert [r["id"] for r in records] == [r["id"] for r in english] and len(records) == 40
    assert len({(r["instruction"], r["input"]) for r in records}) == 40
    assert [bool(r["input"]) for r in records] == [bool(r["input"]) for r in english]
    for record in records:
        assert record["instruction"] and record["output"]
        assert_script(record["instruction"] + record["input"] + record["output"], language)
