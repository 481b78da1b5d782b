"""The study that faults are injected into: its runs, its jobs' processes, its payload."""

import contextlib
import copy
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil
from workspace import TINY, Workspace

from maple.files import sha256_file

# Checkpoints this often, so that a training of seconds has some.
CHECKPOINT_SECONDS = 0.5
# What differs between two undisturbed runs: times, memory, process ids, and what shows them.
_APART = {"logs", ".scratch"}
_VOLATILE = {"report.html", "figures/cost.pdf", "figures/cost.png"}


def _whole() -> dict:
    config = copy.deepcopy(TINY)
    config["methods"]["lora"].update(epochs=60, batch_size=1)
    config["benchmarks"] = {
        "xnli": {"source": "sample", "languages": ["en", "sw", "zh"], "limit": 6},
        "xquad": {"source": "sample", "languages": ["en", "zh"], "limit": 3},
    }
    return config


def _short() -> dict:
    config = copy.deepcopy(TINY)
    config["methods"]["lora"].update(epochs=12, batch_size=1)
    config["grid"][0]["ranks"] = [4]
    return config


# Name -> config and what is asked for (nothing: all of it).
SIZES = {
    "whole": (_whole, []),
    "short": (_short, ["results/scores/tiny/16bit/sample/lora-r4/seed0/xnli.json"]),
}


class Job(NamedTuple):
    """A command at work."""

    name: str
    process: psutil.Process
    out: str

    def send(self, number: int) -> bool:
        """Send a signal; say whether the process was still there."""
        try:
            self.process.send_signal(number)
        except (psutil.NoSuchProcess, ProcessLookupError):
            return False
        return True


class Run:
    """A run of Snakemake in a session of its own, and what it says."""

    def __init__(self, study, output: Path, env: dict):
        self.output = output
        # A new session: no signal of a terminal reaches it, and killing it leaves its jobs alive.
        with open(output, "w") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", "--cores", "2", *study.targets],
                cwd=study.folder,
                env=os.environ | {"HF_HUB_OFFLINE": "1"} | env,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def send(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; say whether it came."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def text(self) -> str:
        return self.output.read_text(errors="replace")


class SmallStudy(Workspace):
    """A copy of the workflow with a study that a random model of 0.1 million weights runs in a minute or two."""

    targets: list[str] = []

    @classmethod
    def at(cls, folder: Path, size: str) -> "SmallStudy":
        """Return the study of a folder, whether it is made or not."""
        study = cls(folder)
        _, study.targets = SIZES[size]
        return study

    @classmethod
    def make(cls, folder: Path, size: str) -> "SmallStudy":
        config, _ = SIZES[size]
        cls.create(folder, config())
        study = cls.at(folder, size)
        often = f"finetune.py --checkpoint-seconds {CHECKPOINT_SECONDS} --spec"
        study.edit("rules/finetune.smk", "finetune.py --spec", often)
        return study

    def twin(self, folder: Path) -> "SmallStudy":
        """Return a copy of the workflow without its results."""
        left_out = shutil.ignore_patterns("results", ".snakemake")
        shutil.copytree(self.folder, folder, copy_function=shutil.copy2, ignore=left_out, dirs_exist_ok=True)
        study = SmallStudy(folder)
        study.targets = self.targets
        return study

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def locked(self) -> bool:
        return any((self.folder / ".snakemake/locks").glob("*"))

    def start(self, output: Path, env: dict | None = None) -> Run:
        return Run(self, output, env or {})

    def jobs(self) -> list["Job"]:
        """Return the processes of this study's commands, also those whose Snakemake is gone."""
        scripts, found = f"{self.folder}/workflow/scripts/", []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if len(words) > 1 and "python" in words[0] and words[1].startswith(scripts):
                with contextlib.suppress(psutil.NoSuchProcess):
                    out = words[words.index("--out") + 1] if "--out" in words else ""
                    found.append(Job(Path(words[1]).stem, psutil.Process(process.pid), out))
        return found

    def end_all(self) -> None:
        """Kill what is left of this study's processes."""
        for job in self.jobs():
            job.send(signal.SIGKILL)
        deadline = time.monotonic() + 20
        while self.jobs() and time.monotonic() < deadline:
            time.sleep(0.05)

    def files(self) -> list[Path]:
        """Return all files that `verify` answers for."""
        found = []
        for path in sorted(self.results.rglob("*")) if self.results.exists() else []:
            inner = path.relative_to(self.results)
            if path.is_file() and inner.parts[0] not in _APART:
                found.append(path)
        return found

    def payload(self) -> dict[str, str]:
        """Return the SHA-256 of every file that equal runs write with equal bytes."""
        found = {}
        for path in self.files():
            inner = str(path.relative_to(self.results))
            # What a killed job left half-written: `verify` finds it.
            temporary = any(part.startswith(".") and part.endswith(".tmp") for part in Path(inner).parts)
            if not (inner in _VOLATILE or path.name.endswith("provenance.json") or temporary):
                try:
                    found[f"results/{inner}"] = sha256_file(path)
                except FileNotFoundError:
                    continue
        return found
