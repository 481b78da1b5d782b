"""Training checkpoints: safetensors only, complete or not there, at most two."""

from pathlib import Path

from maple import manifests, weight_files
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
    write_json(folder / f"{name}.json", manifests.seal(facts | {"step": step, "sha256": written}))
    kept = {path.stem for path in sorted(folder.glob("checkpoint-*.json"))[-2:]}
    # Also what a killed process left half-written: weights without a description, and temporary files.
    for old in [*folder.glob("checkpoint-*"), *folder.glob(".checkpoint-*.tmp")]:
        if old.stem not in kept:
            old.unlink()


def newest(folder: Path):
    """Return ``(facts, tensors)`` of the newest undamaged checkpoint, or ``None``."""
    from safetensors.torch import load_file

    for description in sorted(folder.glob("checkpoint-*.json"), reverse=True):
        payload = description.with_suffix(".safetensors")
        # The description is sealed: a step or a journal that changed would go into the adapter's files unseen.
        facts = manifests.earlier(description)
        if facts and payload.is_file() and sha256_file(payload) == facts["sha256"]:
            return facts, load_file(payload)
        log.warning("checkpoint %s is damaged: going back to the one before", description.stem)
    return None
