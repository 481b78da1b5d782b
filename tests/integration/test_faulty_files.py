"""Damaged scratch, damaged records, a clock set back: they cost work at most, never a wrong byte or a stuck run."""

import json
import os
import time

import finetune
import pytest
import score
import torch

from maple import checkpoints, manifests, prediction, sidecars
from maple.benchmarks import DECLARED
from maple.errors import UserError
from maple.files import write_json
from maple.provenance import Recorder

JOURNAL = [{"step": 1, "loss": 5.25}]
SETTINGS = {"threads": 1, "device": "cpu", "tokens": 512, "recompute": False}


def save(folder, step):
    tensors = {"weights": torch.full((4,), float(step))}
    checkpoints.save(folder, step, tensors, {"journal": JOURNAL, "settings": SETTINGS})


def flipped(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


# A file's bytes and what becomes of them.
CHANGES = [(b'"step": 2\n', b'"step": 3\n'), (b"5.25", b"5.24"), (b'"tokens": 512', b'"tokens": 516'), (b"{", b"\xfb")]


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_a_description_that_changed_is_no_checkpoint(tmp_path, old, new):
    save(tmp_path, 1)
    save(tmp_path, 2)
    flipped(tmp_path / "checkpoint-00000002.json", old, new)
    facts, tensors = checkpoints.newest(tmp_path)
    assert facts["step"] == 1 and tensors["weights"].tolist() == [1.0] * 4


def test_what_a_killed_save_left_does_not_pile_up(tmp_path):
    (tmp_path / "checkpoint-00000001.safetensors").write_bytes(b"without a description")
    (tmp_path / ".checkpoint-00000002.safetensors.999999999.tmp").write_bytes(b"half")
    for step in (3, 4, 5):
        save(tmp_path, step)
    names = {f"checkpoint-0000000{step}.{end}" for step in (4, 5) for end in ("json", "safetensors")}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b'{"threads": 1, "tokens": 516}'])
def test_damaged_settings_come_from_the_checkpoint(tmp_path, damage):
    finetune.remember(tmp_path, SETTINGS)
    assert finetune.remembered(tmp_path) == SETTINGS
    (tmp_path / "settings.json").write_bytes(damage)
    assert finetune.remembered(tmp_path) is None
    save(tmp_path, 1)
    assert finetune.remembered(tmp_path) == SETTINGS


@pytest.mark.parametrize(
    ("old", "new"), [(b'"items": 1', b'"items": 3'), (b'"key"', b'"kei"'), (b"{", b""), (b"{", b"\xfb")]
)
def test_a_finished_language_whose_entry_changed_is_predicted_again(tmp_path, old, new):
    index, finished = tmp_path / "index.json", tmp_path / "finished"
    prediction.publish(index, finished, "en", [{"id": "1"}], "k")
    kept, missing = prediction.plan(index, ["en"], {"en": "k"}, finished)
    assert kept["en.jsonl"]["items"] == 1 and not missing
    flipped(finished / "en.entry.json", old, new)
    assert prediction.plan(index, ["en"], {"en": "k"}, finished) == ({}, ["en"])


def test_json_is_written_over_a_damaged_file(tmp_path):
    path = tmp_path / "index.json"
    path.write_bytes(b'{"a": "\xff"}')
    assert write_json(path, {"a": 1}) and json.loads(path.read_text()) == {"a": 1}


def test_damaged_provenance_is_refused_by_what_shows_it(tmp_path):
    assert manifests.provenance(tmp_path / "adapter.json") is None
    Recorder().write(tmp_path / "provenance.json", device="cpu")
    assert manifests.provenance(tmp_path / "adapter.json")["device"] == "cpu"
    flipped(tmp_path / "provenance.json", b'"cpu"', b'"cpw"')
    with pytest.raises(UserError, match="damaged or edited"):
        manifests.provenance(tmp_path / "adapter.json")


def test_a_clock_that_is_set_back_makes_no_negative_time(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0 <= recorder.facts()["seconds"] < 60


@pytest.mark.parametrize("name", ["xnli", "xquad"])
def test_scoring_jobs_at_the_same_time_share_no_file(name):
    metric = score.metric_of(DECLARED[name])
    if name == "xnli":
        options = list(DECLARED[name].options)
        metric.compute(predictions=[options[:1]], references=options[:1], options=options)
    else:
        metric.compute(predictions=["a"], references=[["a"]], language="en")
    assert metric.cache_file_name is None and metric.filelock is None


def test_inputs_dated_ahead_are_brought_back_to_now(tmp_path):
    """Snakemake deletes outputs that are older than their inputs, as all are after a clock was set back."""
    for name in ("index.json", "en.jsonl", "old.jsonl", "words.txt"):
        (tmp_path / name).write_text("{}")
    ahead = time.time() + 7200
    for name in ("index.json", "en.jsonl"):
        os.utime(tmp_path / name, (ahead, ahead))
    os.utime(tmp_path / "old.jsonl", (5, 5))
    argv = ["gather.py", "--spec", "{}", "--code", "c", "--scores", str(tmp_path / "index.json")]
    with sidecars.kept(argv):
        pass
    assert all((tmp_path / name).stat().st_mtime <= time.time() for name in ("index.json", "en.jsonl"))
    assert (tmp_path / "old.jsonl").stat().st_mtime == 5
