"""GPUs are shared within their budget, in turn, and a killed job leaves none taken."""

import contextlib
import json
import os
import subprocess
import sys

import pytest
from lease_contention import Held, intervals, leaked, most_held
from workspace import ROOT

from maple import leases
from maple.errors import UserError

CONTENTION = ROOT / "benchmarks/lease_contention.py"
ASKED = {"device0": 100, "device1": 100, "device2": 100, "device3": 100}


def contend(folder, *arguments):
    """Return the account of 32 processes that contend for four devices; half a second for each ten jobs."""
    out = folder / "account.json"
    done = subprocess.run([sys.executable, CONTENTION, "--out", out, *arguments], capture_output=True, text=True)
    assert out.is_file(), done.stderr
    return json.loads(out.read_text()), done.returncode


def test_devices_stay_within_budget_whoever_is_killed_and_every_job_is_served(tmp_path):
    found, status = contend(tmp_path, "--jobs", "150", "--kills", "40", "--limit", "120")
    assert status == 0, found
    assert (found["served"], found["starved"], found["leaked_locks"]) == (150, 0, 0)
    assert found["most_percent_held_at_once"] == ASKED
    assert found["kills"] == 40 and min(found["killed_while"][name] for name in ("waiting", "holding")) > 3
    assert found["killed_while"]["having the turn"] > 1


def test_the_account_finds_leases_that_lock_nothing(tmp_path):
    found, status = contend(tmp_path, "--jobs", "60", "--kills", "0", "--broken")
    assert status == 1 and found["over_budget"] > 0


def test_the_account_is_exact():
    held = [
        Held(1, 1, ("a", "b"), 50, 0, 10),
        Held(2, 2, ("a",), 50, 5, 20),
        # Begins as the first ends.
        Held(3, 3, ("a",), 50, 10, 12),
        Held(4, 4, ("b",), 51, 9, 11),
    ]
    assert most_held(held) == {"a": 100, "b": 101}


def test_a_lock_that_is_left_is_counted(tmp_path):
    assert leaked(tmp_path, ["a"]) == 0
    with leases.lease(1, 25, ["a"], tmp_path):
        assert leaked(tmp_path, ["a"]) == 4


def test_a_killed_job_held_its_devices_until_the_signal():
    noted = [["10", "asks", "7", "1", "50"], ["20", "holds", "7", "50", "a"]]
    assert intervals(noted, 1, 35) == [Held(1, 7, ("a",), 50, 20, 35)]
    assert intervals(noted, 1, 15) == []
    assert intervals([*noted, ["30", "ends", "7"]], 1, 35) == [Held(1, 7, ("a",), 50, 20, 30)]


def test_too_many_is_one_line(tmp_path):
    with pytest.raises(UserError, match="4 GPUs asked for, 3 seen"), leases.lease(4, 100, ["a", "b", "c"], tmp_path):
        pass


def test_small_jobs_spread_over_the_devices(tmp_path):
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(leases.lease(1, 25, ["a", "b", "c"], tmp_path)) for _ in range(6)]
        assert sorted(ids[0] for ids in taken) == ["a", "a", "b", "b", "c", "c"]
        assert set(stack.enter_context(leases.lease(2, 50, ["a", "b", "c"], tmp_path))) < {"a", "b", "c"}


def test_a_job_that_waits_holds_up_only_those_who_want_the_same_devices(tmp_path):
    asks = """if True:
        import pathlib, sys
        from maple import leases, logs
        logs.setup_logging()
        with leases.lease(1, 50, sys.argv[2:], pathlib.Path(sys.argv[1])):
            print("held")
    """
    with leases.lease(1, 75, ["a"], tmp_path), leases.lease(1, 75, ["b"], tmp_path):
        environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow/scripts")}
        run = [sys.executable, "-c", asks, tmp_path]
        with subprocess.Popen([*run, "a", "b"], env=environment, stderr=subprocess.PIPE, text=True) as waiting:
            assert "waiting for a GPU" in waiting.stderr.readline()
            other = subprocess.run([*run, "c"], env=environment, capture_output=True, text=True, timeout=30)
            assert other.stdout == "held\n" and waiting.poll() is None
            # Behind the turn of the one that waits, and says so.
            with subprocess.Popen([*run, "a"], env=environment, stderr=subprocess.PIPE, text=True) as behind:
                assert "waiting for a GPU" in behind.stderr.readline()
                behind.kill()
            waiting.kill()


def test_it_stands_back_under_a_scheduler(tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "visible", lambda: ["a"])
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with leases.lease(1) as ids:
        assert ids == [] and os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_numbers_become_the_ids_that_every_job_calls_them(tmp_path, monkeypatch):
    fake = tmp_path / "nvidia-smi"
    fake.write_text("#!/bin/sh\nprintf 'GPU-x\\nGPU-y\\nGPU-z\\n'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert leases.visible() == ["GPU-x", "GPU-y", "GPU-z"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-x")
    assert leases.visible() == ["GPU-z", "GPU-x"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,0,GPU-x")
    assert leases.visible() == ["GPU-x"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert leases.visible() == []
