import json
import unicodedata
from collections import Counter

import pytest
from workspace import ROOT

from maple import benchmark_sources, languages
from maple.benchmarks import DECLARED

SAMPLE = ROOT / "resources/sample"
NAMES = {"Arab": "ARABIC", "Cyrl": "CYRILLIC", "Grek": "GREEK", "Deva": "DEVANAGARI", "Thai": "THAI", "Hans": "CJK",
         "Latn": "LATIN", "Taml": "TAMIL"}  # fmt: skip
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


OTHERS = [
    ("xcopa", 16, ["en", "et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh"]),
    ("xstorycloze", 12, ["ar", "en", "es", "hi", "id", "ru", "sw", "zh"]),
    ("belebele", 18, ["ar", "de", "en", "es", "hi", "sw", "th", "vi", "zh"]),
    ("xquad", 18, ["ar", "de", "en", "es", "hi", "th", "vi", "zh"]),
    ("mlqa", 9, ["ar", "de", "en", "es", "hi", "vi", "zh"]),
]


@pytest.mark.parametrize(("benchmark", "count", "codes"), OTHERS, ids=[name for name, *_ in OTHERS])
def test_other_benchmarks(benchmark, count, codes):
    assert sorted(path.stem for path in (SAMPLE / benchmark).iterdir()) == codes
    settings, declared = {"benchmark": benchmark, "source": "sample"}, DECLARED[benchmark]
    english = benchmark_sources.read(settings, "en", declared.split)
    for language in codes:
        items = benchmark_sources.read(settings, language, declared.split)
        assert len(items) == count and [item["id"] for item in items] == [item["id"] for item in english]
        assert len({json.dumps(item["fields"]) for item in items}) == count
        for item in items:
            for name, text in item["fields"].items():
                if name not in declared.values:
                    assert_mostly_script(text, language)
            for answer in item.get("answers", []):
                assert answer in item["fields"]["context"]
        if declared.golds:
            assert [item["gold"] for item in items] == [item["gold"] for item in english]
            golds = Counter(item["gold"] for item in items).values()
            assert len(golds) == len(declared.golds) and max(golds) - min(golds) <= 1


def assert_mostly_script(text, language):
    """Numbers with units and the odd Latin name are everybody's."""
    wanted = NAMES[languages.load()[language].script]
    letters = [unicodedata.name(c) for c in text if unicodedata.category(c).startswith("L")]
    own = [name for name in letters if name.startswith(wanted) or "MODIFIER" in name]
    assert len(own) >= 0.7 * len(letters), (language, text)


@pytest.mark.parametrize("language", INSTRUCTIONS)
def test_instructions(language):
    records, english = read(SAMPLE / f"instructions/{language}.jsonl"), read(SAMPLE / "instructions/en.jsonl")
    assert [r["id"] for r in records] == [r["id"] for r in english] and len(records) == 40
    assert len({(r["instruction"], r["input"]) for r in records}) == 40
    assert [bool(r["input"]) for r in records] == [bool(r["input"]) for r in english]
    for record in records:
        assert record["instruction"] and record["output"]
        assert_script(record["instruction"] + record["input"] + record["output"], language)
