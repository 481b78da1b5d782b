"""Volatile facts about how a result came to be: kept beside it, never inside it."""

import contextlib
import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

from maple.files import write_json
from maple.manifests import earlier, seal

_PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "accelerate",
    "liger-kernel",
    "datasets",
    "evaluate",
    "numpy",
    "pandas",
    "alpaca-eval",
    "openai",
)


_REMEMBERED = (
    "device",
    "gpu_percent",
    "started",
    "seconds",
    "tokens",
    "peak_memory_bytes",
    "versions",
    "workflow",
)


def _git() -> dict:
    """Return the commit of this workflow and whether it has local changes; empty outside a checkout."""
    folder = Path(__file__).parent
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, timeout=10)
        if commit.returncode:
            return {}
        dirty = subprocess.run(["git", "status", "--porcelain"], cwd=folder, capture_output=True, text=True, timeout=30)
        return {"commit": commit.stdout.strip(), "dirty": bool(dirty.stdout.strip())}
    except (OSError, subprocess.TimeoutExpired):
        return {}


def versions() -> dict:
    """Return the versions of Python and of the packages that decide numbers."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def earlier_runs(path, kept: dict[str, str]) -> list[dict]:
    """Return what is to be remembered of the runs before, when languages that they predicted are kept.

    Args:
        path: The provenance file that is about to be replaced.
        kept: Those languages, with the digest of what decided each.

    Returns:
        What each such run took and was made with, the latest first. Of its languages, those made anew since have no
        digest.
    """
    before = earlier(path)
    found = []
    for run in (before, *before.get("earlier", [])):
        made = run.get("languages")
        # Records of earlier versions say no digests.
        if isinstance(made, dict):
            made = {language: key if kept.get(language) == key else None for language, key in made.items()}
            if any(made.values()):
                found.append({name: run[name] for name in _REMEMBERED if name in run} | {"languages": made})
    return found


class Recorder:
    """Collects facts from its creation until :meth:`write`."""

    def __init__(self):
        """Start the clock."""
        # A clock that is set back meanwhile must not make a job last less than nothing.
        self._start, self._since = time.time(), time.monotonic()

    def facts(self) -> dict:
        """Return what is known without the command: wall time and peak memory so far, versions, commit."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return {
            "command": [Path(sys.argv[0]).name],
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._start)),
            "seconds": round(time.monotonic() - self._since, 2),
            "peak_memory_bytes": peak,
            "host_cores": os.cpu_count(),
            "versions": versions(),
            "workflow": _git(),
        }

    def write(self, path, **facts) -> None:
        """Write the provenance file, with wall time and peak memory so far.

        Args:
            path: Where to.
            **facts: What the command adds, such as device, tokens or seconds.
        """
        write_json(path, seal(self.facts() | {"of": str(path)} | facts))
