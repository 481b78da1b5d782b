"""When, on what and with which packages a measurement was made, for its results file."""

import contextlib
import importlib.metadata
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

from maple import devices, provenance


def run_facts(device, *peers: str) -> dict:
    """Return the date, the device and the versions of the packages that decide numbers.

    Args:
        device: The torch device that computed.
        peers: Packages compared with; their versions belong there too, where they are installed.
    """
    known = provenance.versions()
    for name in peers:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            known[name] = importlib.metadata.version(name)
    return {
        "date": time.strftime("%F"),
        "device": devices.name(device),
        "machine": platform.machine(),
        "versions": known,
    }
