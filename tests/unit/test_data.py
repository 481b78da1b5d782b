import json

import pytest

from maple import benchmark_sources, files
from maple.canonical import canonical
from maple.errors import UserError

GOOD = [
    {"id": str(n), "premise": f"p{n}", "hypothesis": f"h{n}", "label": label}
    for n, label in enumerate(["entailment", "neutral", "contradiction"])
]


def prepare(tmp_path, text, languages=("en",), **settings):
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / "en.jsonl").write_text(text, encoding="utf-8")
    spec = canonical({"benchmark": "xnli", "source": "local", "path": str(source), "split": "test", **settings})
    index = tmp_path / "out/index.json"
    benchmark_sources.prepare(spec, "code", index, list(languages))
    return index


def lines(records):
    return "".join(json.dumps(record) + "\n" for record in records)


def test_items_are_normalised(tmp_path):
    index = prepare(tmp_path, lines(GOOD), limit=2)
    items = files.read_jsonl(index.parent / "en.jsonl")
    assert [item["gold"] for item in items] == ["entailment", "neutral"]
    assert items[0]["fields"] == {"premise": "p0", "hypothesis": "h0"}
    assert json.loads(index.read_text())["files"]["en.jsonl"]["items"] == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (lines(GOOD)[:-10], "line 3: not valid JSON"),
        (lines([GOOD[0], GOOD[1] | {"label": "maybe"}]), "record 2: label 'maybe' is not one of"),
        (lines([GOOD[0], GOOD[1] | {"id": "0"}]), "record 2: the id '0' occurs twice"),
        (lines([GOOD[0] | {"premise": " "}]), "record 1: the field 'premise' is missing or empty"),
        ("", "the file is empty"),
        ("[1]\n", "line 1: expected a JSON object"),
    ],
    ids=["truncated", "label", "duplicate", "empty field", "empty file", "not an object"],
)
def test_bad_items_are_named(tmp_path, text, expected):
    with pytest.raises(UserError) as error:
        prepare(tmp_path, text)
    assert expected in str(error.value) and "en.jsonl" in str(error.value)
    assert not (tmp_path / "out/en.jsonl").exists() and not (tmp_path / "out/index.json").exists()


def test_missing_language_file(tmp_path):
    with pytest.raises(UserError, match="has neither sw.jsonl nor test-sw.tsv"):
        prepare(tmp_path, lines(GOOD), languages=["sw"])


def test_publishers_tsv_with_quotes(tmp_path):
    (tmp_path / "dev-en.tsv").write_text('He said "yes.\tHe spoke.\tentailment\n', encoding="utf-8")
    spec = canonical({"benchmark": "xnli", "source": "local", "path": str(tmp_path), "split": "validation"})
    benchmark_sources.prepare(spec, "code", tmp_path / "out/index.json", ["en"])
    assert files.read_jsonl(tmp_path / "out/en.jsonl")[0]["fields"]["premise"] == 'He said "yes.'


def test_an_index_keeps_other_languages_of_the_same_spec(tmp_path):
    index = prepare(tmp_path, lines(GOOD))
    before = index.read_text()
    (tmp_path / "source/sw.jsonl").write_text(lines(GOOD), encoding="utf-8")
    spec = canonical(json.loads(before)["spec"])
    benchmark_sources.prepare(spec, "code", index, ["sw"])
    assert set(json.loads(index.read_text())["files"]) == {"en.jsonl", "sw.jsonl"}
    benchmark_sources.prepare(spec, "other code", index, ["sw"])
    assert set(json.loads(index.read_text())["files"]) == {"sw.jsonl"}


def test_a_failed_write_leaves_nothing(tmp_path):
    target = tmp_path / "file.txt"
    with pytest.raises(RuntimeError), files.replaced(target) as stream:
        stream.write("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_unchanged_json_is_not_rewritten(tmp_path):
    assert files.write_json(tmp_path / "a.json", {"a": 1})
    inode = (tmp_path / "a.json").stat().st_ino
    assert not files.write_json(tmp_path / "a.json", {"a": 1})
    assert (tmp_path / "a.json").stat().st_ino == inode
