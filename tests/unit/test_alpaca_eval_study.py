"""AlpacaEval without a model and without the judge's environment: items, specs, kept answers."""

import copy
import json
import re
import sys
import threading

import pytest
from workspace import ROOT, TINY

from maple import adoption, alpaca_eval_items, chat, config, files, integrity, judge_answers, judge_environment
from maple.alpaca_eval_study import AlpacaEval
from maple.canonical import canonical
from maple.errors import UserError
from maple.study import Study

GOOD = [{"instruction": f"Do {n}.", "output": f"Done {n}.", "generator": "me"} for n in range(3)]
SECTION = {"source": "sample", "judge": {"base_url": "http://127.0.0.1:1/v1", "model": "j"}}


def prepare(tmp_path, content, reference="me", **settings):
    folder = tmp_path / "data/results/me"
    folder.mkdir(parents=True)
    (folder / "model_outputs.json").write_text(content, encoding="utf-8")
    spec = {"source": "local", "path": str(tmp_path / "data"), "reference": reference, **settings}
    alpaca_eval_items.prepare(canonical(spec), "code", tmp_path / "out/index.json")
    return files.read_jsonl(tmp_path / "out/items.jsonl")


def test_items_keep_texts_to_the_letter(tmp_path):
    records = [{"instruction": " Do it.\n", "output": " Done. "}, {"instruction": "Say nothing.", "output": ""}]
    assert prepare(tmp_path, json.dumps(records + GOOD), limit=2) == [
        {"id": "00001", "language": "en", "instruction": " Do it.\n", "reference": " Done. "},
        {"id": "00002", "language": "en", "instruction": "Say nothing.", "reference": ""},
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (json.dumps(GOOD)[:-5], "not valid JSON"),
        ("[]", "expected a list of records"),
        (json.dumps(GOOD[:1] + [{"instruction": "x"}]), "record 2: the field 'output' is missing"),
        (json.dumps(GOOD[:1] + [3]), "record 2: the field 'instruction' is missing"),
        (json.dumps(GOOD[:1] + [GOOD[1] | {"instruction": " "}]), "record 2: the instruction is empty"),
        (json.dumps(GOOD + GOOD[:1]), "record 4: the instruction of record 1 again"),
        ('[{"instruction": "a", "output": "\\ud83d"}]', "record 1: the field 'output' has half a surrogate"),
    ],
    ids=["truncated", "empty", "no output", "not an object", "empty instruction", "repeated", "surrogate"],
)
def test_bad_records_are_named(tmp_path, content, expected):
    with pytest.raises(UserError) as error:
        prepare(tmp_path, content)
    assert expected in str(error.value) and "model_outputs.json" in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_reference_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="alpaca_eval.reference"):
        prepare(tmp_path, json.dumps(GOOD), reference="gpt9")
    with pytest.raises(UserError, match="text_davinci_003 and gpt4_1106_preview"):
        alpaca_eval_items.read({"source": "hub", "revision": "main", "reference": "gpt9"})


@pytest.mark.parametrize(
    ("reference", "name"),
    [("text_davinci_003", "alpaca_eval.json"), ("gpt4_1106_preview", "alpaca_eval_gpt4_baseline.json")],
)
def test_the_hub_is_read_as_files(tmp_path, monkeypatch, reference, name):
    asked = []
    (tmp_path / name).write_text(json.dumps(GOOD))
    monkeypatch.setattr("maple.hub.dataset_file", lambda *what: asked.append(what) or tmp_path / what[1])
    items = alpaca_eval_items.read({"source": "hub", "revision": "abc", "reference": reference})
    assert asked == [("tatsu-lab/alpaca_eval", name, "abc")] and len(items) == 3


def words(text):
    return re.findall(r"\w+", text.casefold())


def test_the_sample_set_is_none_of_the_sample_training_data():
    items = alpaca_eval_items.read({"source": "sample", "reference": "sample"})
    assert len(items) == 24 and all(item["reference"] for item in items)
    trained = files.read_jsonl(ROOT / "resources/sample/instructions/en.jsonl")
    pairs = {tuple(w[n : n + 6]) for r in trained for w in [words(r["instruction"])] for n in range(len(w) - 5)}
    for item in items:
        own = words(item["instruction"])
        assert not pairs & {tuple(own[n : n + 6]) for n in range(len(own) - 5)}, item


# -- the study --------------------------------------------------------------------------------


def study(**section):
    raw = copy.deepcopy(TINY)
    if section:
        raw["alpaca_eval"] = copy.deepcopy(SECTION) | section
    return AlpacaEval(Study(config.resolve(raw, "config.yaml")))


def judged(**judge):
    return study(judge=SECTION["judge"] | judge)


def test_it_is_off_unless_configured():
    alpaca = study()
    assert not alpaca.configured and alpaca.manifests() == []
    assert not any("alpaca" in node.path for node in integrity.nodes(alpaca.study))
    for ask in (
        alpaca.items_spec,
        alpaca.judge_spec,
        alpaca.table_spec,
        lambda: alpaca.predict_spec("tiny/16bit/base"),
    ):
        with pytest.raises(UserError, match="no section alpaca_eval"):
            ask()
    for name in ("config.yaml", "maple.yaml"):
        assert not AlpacaEval(Study(config.load(ROOT / "config" / name))).configured


def test_what_decides_annotations():
    base = judged().judge_spec()
    assert judged(model="k").judge_spec() != base != judged(annotator="chatgpt").judge_spec()
    assert judged(base_url="https://other.example/v1", parallel=9).judge_spec() == base
    path = "tiny/16bit/base"
    assert study(max_new_tokens=5).predict_spec(path) != judged().predict_spec(path)
    assert judged(model="k").predict_spec(path) == judged().predict_spec(path)
    assert study(limit=None).items_spec() == judged().items_spec() != study(limit=3).items_spec()


def test_verify_and_adopt_know_every_file():
    alpaca = judged()
    nodes = {node.path: node for node in integrity.nodes(alpaca.study)}
    path = "tiny/16bit/sample/lora-r4/seed0"
    assert nodes[alpaca.annotations_index(path)].inputs == {
        "items": alpaca.items_index,
        "predictions": alpaca.outputs_index(path),
    }
    assert "adapter" in nodes[alpaca.outputs_index(path)].inputs
    assert {alpaca.outputs_index(path), alpaca.annotations_index(path)} <= set(adoption.manifests_of(alpaca.study))


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"judge": {"base_url": "https://me:secret@host/v1", "model": "j"}}, "OPENAI_API_KEY"),
        ({"judge": {"base_url": "https://host/v1?key=secret", "model": "j"}}, "OPENAI_API_KEY"),
        ({"judge": {"base_url": "https://host/$(id)", "model": "j"}}, "OPENAI_API_KEY"),
        ({"judge": {"base_url": "https://host/v1"}}, "alpaca_eval.judge lacks the key 'model'"),
        ({"judge": SECTION["judge"] | {"api_key": "secret"}}, "unknown key 'api_key'"),
        ({"source": "hub"}, "lacks the key 'revision'"),
        ({"source": "local"}, "lacks the key 'path'"),
        ({"reference": "../x"}, "alpaca_eval.reference"),
    ],
    ids=["password", "query", "shell", "no model", "key in config", "hub", "local", "reference"],
)
def test_config_errors(section, expected):
    with pytest.raises(UserError) as error:
        study(**section)
    assert expected in str(error.value) and "\n" not in str(error.value) and "secret" not in str(error.value)


# -- answers ----------------------------------------------------------------------------------


class Judge:
    """Answers requests and counts them; fails on those it is told to."""

    def __init__(self, fails=()):
        self.asked, self.fails, self.lock, self.connected = [], fails, threading.Lock(), 0

    def connect(self):
        self.connected += 1
        return self.ask

    def ask(self, request):
        with self.lock:
            self.asked.append(request["n"])
        if request["n"] in self.fails:
            raise UserError("refused")
        return {"text": f"answer {request['n']}"}


REQUESTS = [{"model": "j", "n": n} for n in range(20)]


def test_nothing_is_asked_twice(tmp_path):
    judge = Judge()
    answers, asked = judge_answers.collect([*REQUESTS, REQUESTS[3]], tmp_path, judge.connect, 3)
    assert [answer["text"] for answer in answers] == [f"answer {n}" for n in [*range(20), 3]]
    assert asked == 20 and sorted(judge.asked) == list(range(20))
    assert judge_answers.collect(REQUESTS, tmp_path, judge.connect, 3) == (answers[:20], 0)
    assert judge.connected == 1 and len(judge.asked) == 20


def test_answers_before_a_refusal_are_kept(tmp_path):
    judge = Judge(fails={7})
    with pytest.raises(UserError, match="refused"):
        judge_answers.collect(REQUESTS, tmp_path, judge.connect, 1)
    assert judge.asked[-1] == 7
    before = judge.asked[:-1]
    judge.fails = ()
    _, asked = judge_answers.collect(REQUESTS, tmp_path, judge.connect, 1)
    assert asked == 20 - len(before) and sorted(judge.asked) == sorted([*range(20), 7])


@pytest.mark.parametrize("part", ["model", "messages", "temperature"])
def test_everything_that_decides_an_answer_is_in_its_key(tmp_path, part):
    request = {"model": "j", "messages": [{"role": "user", "content": "a"}], "temperature": 0}
    other = request | {part: [{"role": "user", "content": "b"}] if part == "messages" else "other"}
    assert judge_answers.kept_at(tmp_path, request) != judge_answers.kept_at(tmp_path, other)


def test_the_key_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", " sk-x\n")
    assert judge_answers.key_from_environment() == "sk-x"
    for bad in ("", "  ", "sk-secret\nx", "sk-secrét"):
        monkeypatch.setenv("OPENAI_API_KEY", bad)
        with pytest.raises(UserError, match="OPENAI_API_KEY") as error:
            judge_answers.key_from_environment()
        assert "secr" not in str(error.value)


def test_a_missing_environment_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(judge_environment, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(UserError, match="make judge"):
        judge_environment.enter()


def test_outputs_stop_at_the_headings_of_the_chat_format():
    from maple import alpaca_eval_outputs

    again = chat.render([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}] * 2)
    assert [stop in again[place][0] for stop, place in zip(alpaca_eval_outputs.STOP, (4, 6), strict=True)] == [True] * 2
