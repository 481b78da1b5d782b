"""GPUs are shared within their budget, in turn, and a killed job leaves none taken."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from workspace import ROOT

from maple import leases
from maple.errors import UserError

JOB = """
import sys, time, os
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from maple import leases
leases._POLL_SECONDS = 0.02
folder, gpus, percent, seconds = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
with leases.lease(gpus, percent, ["a", "b", "c"], folder) as ids:
    for device in ids:
        with open(folder / "journal", "a") as stream:
            stream.write(f"{os.getpid()} {device} {percent} {time.monotonic()}\\n")
    time.sleep(seconds)
"""


def start(folder, gpus, percent, seconds):
    words = [sys.executable, "-c", JOB, str(ROOT / "workflow/scripts"), str(folder)]
    return subprocess.Popen([*words, str(gpus), str(percent), str(seconds)])


def test_jobs_never_exceed_a_device_and_all_are_served(tmp_path):
    chance = random.Random(5)
    jobs, ends = [], {}
    for _ in range(24):
        jobs.append(start(tmp_path, chance.choice([1, 1, 1, 2]), chance.choice([100, 50, 25]), 0.15))
    killed = chance.sample(jobs, 6)
    for job in killed:
        time.sleep(0.1)
        job.send_signal(signal.SIGKILL)
    for job in jobs:
        job.wait(60)
        ends[job.pid] = time.monotonic()
    served = [line.split() for line in (tmp_path / "journal").read_text().splitlines()]
    assert {int(pid) for pid, *_ in served} >= {job.pid for job in jobs if job not in killed}
    assert all(job.returncode == 0 for job in jobs if job not in killed)
    # At every beginning, what certainly still runs on that device and the newcomer fit it together.
    for number, (_, device, percent, begun) in enumerate(served):
        others = [
            int(p)
            for pid, d, p, t in served[:number]
            if d == device and float(begun) - float(t) < 0.15 and int(pid) not in {job.pid for job in killed}
        ]
        assert sum(others) + int(percent) <= 100
    with leases.lease(3, 100, ["a", "b", "c"], tmp_path) as ids:
        assert ids == ["a", "b", "c"]


def test_too_many_is_one_line(tmp_path):
    with pytest.raises(UserError, match="4 GPUs asked for, 3 seen"), leases.lease(4, 100, ["a", "b", "c"], tmp_path):
        pass


def test_small_jobs_spread_over_the_devices(tmp_path):
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(leases.lease(1, 25, ["a", "b", "c"], tmp_path)) for _ in range(6)]
        assert sorted(ids[0] for ids in taken) == ["a", "a", "b", "b", "c", "c"]
        assert set(stack.enter_context(leases.lease(2, 50, ["a", "b", "c"], tmp_path))) < {"a", "b", "c"}


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
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert leases.visible() == []
