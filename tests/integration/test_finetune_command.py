"""The finetune command by itself: several processes, memory that runs out, places that cannot be written."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import finetune
import kill_campaign
import pytest
import torch
from tiny import COMMON

from maple import leases, manifests, model_sources, models, response_loss, training, workers
from maple.canonical import canonical
from maple.errors import UserError
from maple.files import read_json, read_jsonl, write_jsonl

METHOD = {"alpha": 8, "batch_size": 4, "epochs": 2, "held_out": 0.25, "learning_rate": 5e-3, "max_grad_norm": 1.0,
          "max_length": 200, "schedule": "linear", "target_modules": "all-linear"}  # fmt: skip
SPEC = {"bits": 16, "rank": 4, "seed": 0, "method": METHOD}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A tiny model and sixteen records."""
    folder = tmp_path_factory.mktemp("inputs")
    architecture = COMMON | {"model_type": "llama"}
    model = folder / "model/manifest.json"
    model_sources.prepare(canonical({"source": "random", "seed": 3, "architecture": architecture}), "code", model)

    def record(n):
        said = [("user", "Say it. " * (n % 5)), ("assistant", "yes " * n)]
        return {"id": f"r{n:02d}", "messages": [{"role": role, "content": content} for role, content in said]}

    records = [record(n) for n in range(1, 17)]
    write_jsonl(folder / "data.jsonl", records)
    files = {"data.jsonl": manifests.describe(folder / "data.jsonl")}
    manifests.write(folder / "index.json", spec="{}", code="c", inputs={}, files=files)
    return model, folder / "index.json"


def arguments(inputs, folder, method=METHOD):
    model, data = inputs
    return argparse.Namespace(
        spec=canonical(SPEC | {"method": method}), code="c", model=model, data=data, out=folder / "out/adapter.json",
        scratch=folder / ".scratch", threads=1, gpus=1, gpu_percent=100,
        checkpoint_seconds=60, log=str(folder / "log"),
    )  # fmt: skip


def opened(inputs):
    return models.open_base(inputs[0])


def journal(folder):
    return read_jsonl(folder / "made/training_log.jsonl")


def test_a_gpu_is_taken_only_when_all_is_ready_for_it(inputs, tmp_path, monkeypatch):
    """A job that waits for a GPU has its files checked and its libraries imported by then."""
    order, open_base = [], models.open_base

    @contextlib.contextmanager
    def lease(*_):
        order.append("leased")
        raise UserError("enough")
        yield

    monkeypatch.setattr(models, "open_base", lambda path: order.append("opened") or open_base(path))
    monkeypatch.setattr(leases, "lease", lease)
    with pytest.raises(UserError, match="enough"):
        finetune.main(command(inputs, tmp_path)[2:])
    assert order == ["opened", "leased"]


def test_two_processes_train_what_one_does(inputs, tmp_path):
    found = []
    for count in (1, 2, 2):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        workers.run(
            finetune.train, (arguments(inputs, folder), opened(inputs), SPEC, folder), count, folder / "meeting"
        )
        assert read_json(folder / "facts.json")["volatile"]["processes"] == count
        found.append((journal(folder), (folder / "made/adapter_model.safetensors").read_bytes()))
    (alone, _), (together, weights), (again, same_weights) = found
    assert (together, weights) == (again, same_weights)
    assert len(alone) == len(together) and any("held_out_loss" in entry for entry in alone)
    for one, two in zip(alone, together, strict=True):
        assert one.keys() == two.keys()
        for key, value in one.items():
            assert two[key] == pytest.approx(value, rel=0.02), (one["step"], key)


def test_an_error_of_one_process_is_one_error(inputs, tmp_path):
    method = METHOD | {"learning_rate": 1e30}
    with pytest.raises(UserError, match=r"step \d+ \(records r\d\d"):
        workers.run(
            finetune.train,
            (arguments(inputs, tmp_path, method), opened(inputs), SPEC | {"method": method}, tmp_path),
            2, tmp_path / "meeting",
        )  # fmt: skip


def test_memory_that_runs_out_halves_the_device_batch_once_and_for_all(inputs, tmp_path, monkeypatch):
    backward = response_loss.backward

    def short_of_memory(parts, batch, scale):
        if batch.tokens.numel() > 300:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return backward(parts, batch, scale)

    monkeypatch.setattr(response_loss, "backward", short_of_memory)
    finetune.train_with_room(arguments(inputs, tmp_path), opened(inputs), SPEC, tmp_path)
    assert read_json(tmp_path / "settings.json")["tokens"] == 256
    assert [entry["step"] for entry in journal(tmp_path) if "loss" in entry] == [1, 2, 3, 4, 5, 6]
    monkeypatch.setattr(response_loss, "backward", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("none")))
    with pytest.raises(UserError, match="200 tokens does not fit the memory: lower methods"):
        finetune.train_with_room(arguments(inputs, tmp_path), opened(inputs), SPEC, tmp_path)


def command(inputs, folder):
    return kill_campaign.command(folder, SPEC, *inputs)


@pytest.mark.parametrize("place", ["scratch", "out"])
def test_a_place_that_cannot_be_written_is_one_line(inputs, tmp_path, place):
    blocked = tmp_path / (".scratch" if place == "scratch" else "out")
    # A file where a folder should be: what read-only means for root too.
    blocked.write_text("")
    done = subprocess.run(command(inputs, tmp_path), capture_output=True, text=True)
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert done.returncode == 1 and len(errors) == 1 and str(blocked) in errors[0], done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_one_line_and_loses_nothing(inputs, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        (disk / "out").mkdir()
        filler = disk / "filler"
        filler.write_bytes(b"x" * 200_000)
        full = subprocess.run(command(inputs, disk), capture_output=True, text=True)
        errors = [line for line in full.stderr.splitlines() if "error:" in line]
        assert full.returncode == 1 and len(errors) == 1 and "free space" in errors[0], full.stderr
        assert not (disk / "out/adapter.json").exists()
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        assert subprocess.run(command(inputs, disk), capture_output=True).returncode == 0
        assert sorted(file.name for file in disk.iterdir()) == [".scratch", "out"]
        made = (disk / "out/adapter.json").read_bytes()
    finally:
        subprocess.run(["umount", str(disk)])
    whole = tmp_path / "whole"
    assert subprocess.run(command(inputs, whole), capture_output=True).returncode == 0
    assert (whole / "out/adapter.json").read_bytes() == made


def test_kills_at_random_moments_and_one_finish(inputs, tmp_path):
    """CI takes a few; MAPLE_KILLS=20 is the campaign of docs/finetuning.md."""
    kills = int(os.environ.get("MAPLE_KILLS", "3"))
    method = METHOD | {"epochs": 120, "dropout": 0.1}
    found = kill_campaign.campaign(tmp_path / "job", SPEC | {"method": method}, *inputs, kills)
    print(json.dumps(found))
    assert found["identical"]
    assert {row["status"] for row in found["kills"]} <= {-signal.SIGKILL, -signal.SIGTERM, os.EX_TEMPFAIL}
    assert len(found["kills"]) == kills and len({row["signal"] for row in found["kills"]}) == min(kills, 2)
    assert found["left_in_folder"] == [".scratch", "out"]
    assert not found["left_in_scratch"] and not found["files_elsewhere"]


def test_a_team_resumes_to_the_same_bytes(inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("results/.scratch")  # relative, as the workflow names it
    folder.mkdir(parents=True)
    method = METHOD | {"dropout": 0.2}
    args = arguments(inputs, folder, method)
    args.checkpoint_seconds = 0

    def run():
        workers.run(finetune.train, (args, opened(inputs), SPEC | {"method": method}, folder), 2, folder / "meeting")
        return (folder / "made/adapter_model.safetensors").read_bytes(), journal(folder)

    whole = run()
    newest = sorted(folder.glob("checkpoint-*.json"))[-1]
    newest.unlink()
    newest.with_suffix(".safetensors").unlink()
    assert run() == whole
    assert 0 < read_json(folder / "facts.json")["volatile"]["resumed_at"] < 5


def killed(team):
    """Wait for the second process, which is killed as for the machine's memory."""
    if team.rank:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def test_a_killed_process_is_one_line(tmp_path):
    with pytest.raises(UserError, match="ended by SIGKILL: if the machine's memory ran out"):
        workers.run(killed, (), 2, tmp_path / "meeting")


def behind(team, args, base, spec, folder):
    """Train with the second process's clock all but standing still."""
    if team.rank:
        training.time = SimpleNamespace(monotonic=lambda: time.monotonic() / 1e6)
    finetune.train(team, args, base, spec, folder)


def test_one_clock_says_when_a_checkpoint_is_due(inputs, tmp_path):
    args = arguments(inputs, tmp_path)
    args.checkpoint_seconds = 1e-3
    workers.run(behind, (args, opened(inputs), SPEC, tmp_path), 2, tmp_path / "meeting")
    assert [entry["step"] for entry in journal(tmp_path) if "loss" in entry] == [1, 2, 3, 4, 5, 6]
