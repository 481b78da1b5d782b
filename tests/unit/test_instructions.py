import gzip
import json
from collections import Counter

import pytest

from maple import chat, files, instructions, mixing
from maple.canonical import canonical
from maple.conversations import conversations, read
from maple.errors import UserError
from maple.instructions import records_of
from maple.overlap import Overlap, grams

LONG = "the river ferry leaves the old harbour every morning at nine and comes back before the lamps are lit"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"instruction": "Add.", "input": "1 2", "output": "3"}, [["Add.\n\n1 2", "3"]]),
        ({"instruction": "Hi", "input": "", "output": "Ho"}, [["Hi", "Ho"]]),
        ({"instruction": "N", "instances": [{"input": "a", "output": "b"}, {"input": "", "output": "c"}]},
         [["N\n\na", "b"], ["N", "c"]]),
        ({"Definition": ["Do."], "Instances": [{"input": "x", "output": ["y", "z"]}]}, [["Do.\n\nx", "y"]]),
        # Found in review: a definition that is no list was spelt out, letter by letter.
        ({"Definition": "Do.", "Instances": [{"input": "x", "output": "y"}]}, [["Do.\n\nx", "y"]]),
        ({"prompt": ["P"], "response": "R"}, [["P", "R"]]),
        ({"utterances": [{"name": "user", "text": "a"}, {"name": "agent", "text": "b"}]}, [["a", "b"]]),
        ({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}, [["a", "b"]]),
        ({"messages": [{"role": r, "content": c} for r, c in
                       (("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e"))]},
         [["a", "b", "c", "d"]]),
    ],
    ids=["alpaca", "no input", "seed", "natural", "one definition", "pair", "utterances", "sharegpt", "chat"],
)  # fmt: skip
def test_shapes(record, expected):
    found = conversations(record, "f, record 1")
    assert [[message["content"] for message in messages] for messages in found] == expected
    assert all([m["role"] for m in part] == ["user", "assistant"] * (len(part) // 2) for part in found)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"output": "b"}, "'instruction' is missing"),
        ({"id": 1, "prompt": "only"}, "the fields id, prompt are of no known shape"),
        ({"messages": [{"role": "assistant", "content": "b"}]}, "beginning with the user's"),
        ({"messages": [{"role": "narrator", "content": "b"}]}, "a turn of 'narrator'"),
        ({"messages": [{"role": ["user"], "content": "b"}]}, "a turn of ['user']"),
        ({"messages": None}, "the field 'messages' is not a list of objects"),
        ({"conversations": {"from": "human"}}, "the field 'conversations' is not a list of objects"),
        ({"instruction": "a", "instances": [3]}, "the field 'instances' is not a list of objects"),
        ({"Definition": ["Do."], "Instances": "x"}, "the field 'Instances' is not a list of objects"),
        ({"Instances": [{"input": "x", "output": "y"}]}, "the field 'Definition' is missing or not text"),
        ({"Definition": [5], "Instances": []}, "the field 'Definition' is missing or not text"),
    ],
)
def test_broken_records_are_named(record, expected):
    with pytest.raises(UserError, match="f, record 7: ") as error:
        conversations(record, "f, record 7")
    assert expected in str(error.value)


def test_files_of_every_kind_are_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('[{"a": 1}, {"a": 2}]')
    assert read(path) == [{"a": 1}, {"a": 2}]
    path.write_text('{"a": 1}')
    assert read(path) == [{"a": 1}]
    path.write_text('{"a": 1}\n{"a": 2}\n')  # JSON lines in spite of the suffix
    assert len(read(path)) == 2
    path.write_text("[]")
    with pytest.raises(UserError, match="the file is empty"):
        read(path)


def test_input_and_answer_become_training_text():
    (messages,) = conversations({"instruction": "Add.", "input": "1 2", "output": "3"}, "f")
    assert [learn for _, learn in chat.render(messages)] == [False, False, False, True]


def test_allocation_is_proportional_capped_and_complete():
    assert mixing.allocate({"a": 100, "b": 300}, {"a": 1, "b": 3}, 40) == {"a": 10, "b": 30}
    assert mixing.allocate({"a": 5, "b": 300}, {"a": 1, "b": 1}, 100) == {"a": 5, "b": 95}
    assert mixing.allocate({"a": 5, "b": 6}, {"a": 1, "b": 1}, 100) == {"a": 5, "b": 6}
    assert sum(mixing.allocate({"a": 50, "b": 50, "c": 50}, {"a": 1, "b": 1, "c": 1}, 100).values()) == 100


def test_temperature_evens_out():
    counts = {"en": 10_000, "sw": 100}
    assert mixing.by_temperature(counts, 1010, 1) == {"en": 1000, "sw": 10}
    assert mixing.by_temperature(counts, 110, 2) == {"en": 100, "sw": 10}
    assert mixing.by_temperature(counts, 110, 1e9) == {"en": 55, "sw": 55}


def test_replay_sets_the_share_of_english():
    assert mixing.with_replay(1000, 1000, 0.2, 500) == (100, 400)
    assert mixing.with_replay(100, 1000, 0.2, None) == (100, 400)
    assert mixing.with_replay(1000, 100, 0.2, None) == (25, 100)


def test_a_larger_draw_keeps_a_smaller_one():
    records = list(range(100))
    few, many = mixing.draw(records, 10, "seed"), mixing.draw(records, 30, "seed")
    assert set(few) < set(many) and few == sorted(few) and few != records[:10]
    assert mixing.draw(records, 10, "other") != few


def test_overlap_is_a_long_repetition_only():
    overlap = Overlap()
    overlap.add("xnli", [{"fields": {"premise": LONG.upper() + "!", "hypothesis": "It rains."}}])

    def found(text):
        return overlap.benchmark([{"role": "user", "content": text}])

    assert found(f"Translate: {LONG}.") == "xnli"
    assert found("It rains.") is None  # too short to tell a copy from a coincidence
    assert found(LONG.replace("morning", "evening").replace("harbour", "port")) is None
    assert grams("渡" * 31) == {"渡" * 30} and not grams("渡" * 29)


def prepared(tmp_path, data, **settings):
    for language, part in data.items():
        (tmp_path / f"{language}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in part))
    source = {"source": "local", "path": str(tmp_path), "languages": list(data)}
    spec = canonical({"sources": [source], **settings})
    instructions.prepare(spec, "code", tmp_path / "out/index.json")
    return files.read_jsonl(tmp_path / "out/records.jsonl"), json.loads((tmp_path / "out/index.json").read_text())


def alpaca(count, word):
    return [{"id": n, "instruction": f"{word} {n}", "output": "o"} for n in range(count)]


def test_what_is_dropped_is_counted(tmp_path):
    copied = {"id": "c", "instruction": f"Say: {LONG}", "output": "o"}
    part = alpaca(3, "say") + [{"id": "e", "instruction": None, "output": "x"}, copied,
                               {"id": "d", "instruction": "SAY  1", "output": "o"}]  # fmt: skip
    bench = tmp_path / "bench"
    bench.mkdir()
    (bench / "en.jsonl").write_text(json.dumps({"premise": LONG, "hypothesis": "h", "label": "neutral"}) + "\n")
    overlap = {"xnli": {"source": "local", "path": str(bench), "split": "test"}}
    records, index = prepared(tmp_path, {"en": part, "sw": alpaca(2, "sema")}, overlap=overlap)
    assert index["dropped"] == {"duplicate": {"en": 1}, "empty": {"en": 1}, "overlap with XNLI": {"en": 1}}
    assert index["records"] == {"en": 3, "sw": 2} and len(records) == 5
    assert len({record["id"] for record in records}) == 5


def test_a_mixture_has_the_shares_asked_for(tmp_path):
    data = {"en": alpaca(100, "say"), "sw": alpaca(20, "sema"), "de": alpaca(80, "sag")}
    records, _ = prepared(tmp_path, data, records=50, replay=0.2, temperature=1e9)
    assert Counter(record["language"] for record in records) == {"en": 10, "sw": 20, "de": 20}
    again, _ = prepared(tmp_path, data, records=50, replay=0.2, temperature=1e9)
    assert again == records
    with pytest.raises(UserError, match="no English records"):
        prepared(tmp_path, {"sw": data["sw"]}, replay=0.2)


def test_sources_are_mixed_by_weight(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        lines = [json.dumps(record) + "\n" for record in alpaca(60, name)]
        (tmp_path / name / "en.jsonl").write_text("".join(lines))
    sources = [{"source": "local", "path": str(tmp_path / name), "languages": ["en"]} for name in ("one", "two")]
    sources[0]["weight"] = 3
    instructions.prepare(canonical({"sources": sources}), "code", tmp_path / "out/index.json")
    records = files.read_jsonl(tmp_path / "out/records.jsonl")
    assert Counter(record["id"][0] for record in records) == {"1": 60, "2": 20}


def test_an_id_that_occurs_twice(tmp_path):
    with pytest.raises(UserError, match="record 2: the id 0 occurs twice"):
        prepared(tmp_path, {"en": [alpaca(1, "a")[0], alpaca(1, "b")[0]]})


def test_an_id_that_is_another_records_number():
    raw = [("f", "f, record 1", {"id": 2, "prompt": "a", "response": "b"})]
    raw.append(("f", "f, record 2", {"prompt": "a", "response": "c"}))
    with pytest.raises(UserError, match="f, record 2: the id 2 occurs twice"):
        records_of(raw, "de", "")


@pytest.mark.parametrize(
    "content",
    [b"no", gzip.compress(b"[{}]" * 99)[:-9], gzip.compress(b"\xff"), gzip.compress(b"[")],
    # The compressed bytes hold the second in which they were made, and processes that share tests compare names.
    ids=["not gzip", "cut off", "not UTF-8", "not JSON"],
)
def test_a_damaged_archive_is_one_line(tmp_path, content):
    (tmp_path / "x.json.gz").write_bytes(content)
    with pytest.raises(UserError, match="x.json.gz: not gzipped JSON"):
        read(tmp_path / "x.json.gz")
