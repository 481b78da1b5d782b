"""Training checkpoints: safetensors only, complete or not there, at most two."""

import json
from pathlib import Path

from maple import weight_files
from maple.files import sha256_file, write_json
from maple.logs import log


def save(folder: Path, step: int, tensors: dict, facts: dict) -> None:
    """Write a checkpoint and drop all but the newest two.

    Args:
        folder: The scratch folder.
        step: Optimiser steps done.
        tensors: Name -> tensor: adapter, optimiser and random states.
        facts: What is not a tensor, as JSON.
    """
    name = f"checkpoint-{step:08d}"
    written = weight_files.write(folder / f"{name}.safetensors", tensors)
    # The description comes last: a checkpoint counts only once it has one.
    write_json(folder / f"{name}.json", facts | {"step": step, "sha256": written})
    for old in sorted(folder.glob("checkpoint-*.json"))[:-2]:
        old.unlink()
        old.with_suffix(".safetensors").unlink(missing_ok=True)


def newest(folder: Path):
    """Return ``(facts, tensors)`` of the newest undamaged checkpoint, or ``None``."""
    from safetensors.torch import load_file

    for description in sorted(folder.glob("checkpoint-*.json"), reverse=True):
        payload = description.with_suffix(".safetensors")
        try:
            facts = json.loads(description.read_text(encoding="utf-8"))
            if sha256_file(payload) == facts["sha256"]:
                return facts, load_file(payload)
        except (OSError, ValueError, KeyError):
            pass
        log.warning("checkpoint %s is damaged: going back to the one before", description.stem)
    return None
