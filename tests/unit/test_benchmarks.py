import json

import pytest

from maple import answers, benchmark_sources, config, hub, manifests, prediction
from maple.benchmarks import DECLARED, normalise
from maple.errors import UserError
from maple.files import write_jsonl
from maple.requests import Sequence

XCOPA = {"premise": "p", "choice1": "a", "choice2": "b", "question": "cause", "label": 1, "idx": 7}
SQUAD = {
    "data": [{"paragraphs": [{"context": "c x", "qas": [{"id": "1", "question": "q", "answers": [{"text": "x"}]}]}]}]
}


def test_a_choice_item():
    (item,) = normalise([XCOPA], DECLARED["xcopa"], "et", "f")
    assert item["id"] == "7" and item["gold"] == "choice2" and item["options"] == ["choice1", "choice2"]


def test_a_label_may_be_text_or_number():
    assert normalise([XCOPA | {"label": "1"}], DECLARED["xcopa"], "et", "f")[0]["gold"] == "choice2"


@pytest.mark.parametrize(
    ("name", "record", "expected"),
    [
        ("xcopa", XCOPA | {"question": "why"}, "question 'why' is not one of cause, effect"),
        ("xcopa", XCOPA | {"label": 2}, "label '2' is not one of 0, 1"),
        ("xcopa", XCOPA | {"choice2": ""}, "'choice2' is missing or empty"),
        ("xquad", {"id": "1", "context": "c", "question": "q", "answers": []}, "it has no answer"),
    ],
)
def test_bad_records_are_named(name, record, expected):
    with pytest.raises(UserError, match="f, record 1: .*") as error:
        normalise([record], DECLARED[name], "et", "f")
    assert expected in str(error.value)


def test_squads_layout(tmp_path):
    (tmp_path / "xquad.ro.json").write_text(json.dumps(SQUAD))
    settings = {"benchmark": "xquad", "source": "local", "path": str(tmp_path)}
    (item,) = benchmark_sources.read(settings, "ro", "validation")
    assert item["answers"] == ["x"] and item["fields"] == {"context": "c x", "question": "q"}
    (tmp_path / "xquad.ro.json").write_text(json.dumps({"data": [{"paragraphs": [{}]}]}))
    with pytest.raises(UserError, match="not in SQuAD's layout"):
        benchmark_sources.read(settings, "ro", "validation")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"benchmark": "belebele", "source": "sample", "split": "test"}, "Belebele has no other"),
        ({"benchmark": "xnli", "source": "local", "path": "x", "split": "validation"}, "another split than validation"),
        ({"benchmark": "xnli", "source": "sample", "split": "test"}, "the sample data have no second split"),
    ],
)
def test_shots_that_cannot_be(settings, expected):
    with pytest.raises(UserError, match=expected):
        benchmark_sources.demonstrations(settings | {"shots": 2}, "en")


def test_demonstrations_do_not_come_from_a_file_that_is_evaluated(tmp_path):
    """Found in review: of a file without a split in its name, items were shown and asked."""
    row = "p\th\tentailment\n"
    for name in ("dev-en.tsv", "test-en.tsv", "dev-sw.tsv"):
        (tmp_path / name).write_text(row * 3)
    settings = {"benchmark": "xnli", "source": "local", "path": str(tmp_path), "split": "test", "shots": 2}
    assert len(benchmark_sources.demonstrations(settings, "en")) == 2
    # Only the language that is asked needs a file of the evaluated split.
    assert len(benchmark_sources.demonstrations(settings, "sw")) == 2
    record = {"id": "1", "premise": "p", "hypothesis": "h", "label": "entailment"}
    (tmp_path / "en.jsonl").write_text("\n".join(json.dumps(record | {"id": str(n)}) for n in range(3)))
    for language, more in (("en", {}), ("sw", {"shots_language": "en"})):
        with pytest.raises(UserError, match=r"en.jsonl: its name says no split.*set benchmarks.xnli.shots: 0"):
            benchmark_sources.demonstrations(settings | more, language)
    assert len(benchmark_sources.demonstrations(settings, "sw")) == 2


def test_generated_answers_are_read_or_unparsed():
    letters = {"A": " A", "B": " B"}
    words = {"entailment": " True", "neutral": " Neither", "contradiction": " False"}
    for options, text, expected in (
        (letters, " B", "B"),
        (letters, "(b) because", "B"),
        (letters, " Bananas", None),
        (letters, "", None),
        (letters, "I think B", None),
        (words, "\nneither.", "neutral"),
        (words, "Trueish", None),
        ({"c": " choice1", "d": " choice10"}, "choice10", "d"),
    ):
        found = answers.from_text(options, text)
        assert found["prediction"] == expected and found["tied"] == ([expected] if expected else []), text
    assert answers.from_text({}, " in 1998 ")["prediction"] == "in 1998"
    assert answers.from_text({}, "  ")["prediction"] is None


def test_likelihood_keeps_every_score_and_reports_ties():
    options = {"a": " é", "b": " xyz"}
    scored = [(Sequence((0, 0), (1, 2, 3), 1), -4.0), (Sequence((0, 1), (1, 2), 1), -4.0)]
    found = answers.by_likelihood(options, scored)
    assert found["tied"] == ["a", "b"] and found["prediction"] == "a"
    assert found["options"]["a"] == {"sum": -4.0, "per_token": -2.0, "per_byte": pytest.approx(-4 / 3, abs=1e-6)}


def test_config_refuses_what_a_benchmark_cannot():
    raw = config.load("config/config.yaml")
    for name, part, expected in (
        ("xnli", {"question_from": "en"}, "only xcopa has that field"),
        ("xquad", {"scoring": "likelihood"}, "its answers are in words"),
    ):
        changed = json.loads(json.dumps(raw))
        changed["benchmarks"][name].update(part)
        with pytest.raises(UserError, match=expected):
            config.resolve(changed)


def test_demonstrations_of_an_earlier_spec_are_not_shown(tmp_path):
    """Found in review: an edit from two shots to none still showed two, under the digest of none."""
    data = tmp_path / "source/data/de"
    item = {"premise": "p", "choice1": "a", "choice2": "b", "question": "cause", "label": 0}
    for split in ("test", "val"):
        write_jsonl(data / f"{split}.de.jsonl", [item | {"idx": number} for number in range(3)])
    spec = {"benchmark": "xcopa", "source": "local", "path": str(tmp_path / "source"), "split": "test"}
    index = tmp_path / "items/index.json"
    for shots in (2, 0):
        benchmark_sources.prepare(json.dumps(spec | {"shots": shots}), "code", index, ["de"])
        files = manifests.read(index)["files"]
        assert len(prediction.Questions.read(index.parent, files, "de", None, "likelihood").shots) == shots


@pytest.mark.parametrize("content", ["[]", "null", "{}", '{"files": {}, "digest": "0"}'])
def test_a_manifest_that_is_none_is_one_line(tmp_path, content):
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(UserError, match="index.json: damaged or edited: run"):
        manifests.read(tmp_path / "index.json", only=())


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("test-de.tsv", b"\na\tb\tneutral\n", "record 1: 0 columns"),
        ("test-de.tsv", b"\xe9\tb\tneutral\n", "not a TSV file in UTF-8"),
        ("test-de.tsv", b"a" * 200_000 + b"\tb\tneutral\n", "not a TSV file in UTF-8"),
        ("de.jsonl", b'{"items": [{"question": "q", "answers": [{"text": "a"}]}]}\n', "record 1: not a passage"),
        ("de.jsonl", b'{"items": []}\n{"text": "a"}\n', "record 2: not a passage"),
    ],
)
def test_a_file_in_another_layout_is_one_line(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    settings = {"benchmark": "xnli", "source": "local", "path": str(tmp_path)}
    with pytest.raises(UserError, match=f"{name}.*{expected}"):
        benchmark_sources.read(settings, "de", "test")


def test_a_damaged_download_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
    monkeypatch.setattr(hub, "dataset_file", lambda *_: tmp_path / "x.parquet")
    with pytest.raises(UserError, match="x.parquet: not a Parquet file .*: delete it"):
        benchmark_sources.read({"benchmark": "xnli", "source": "hub", "revision": "main"}, "de", "test")
