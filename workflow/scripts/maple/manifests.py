"""Manifests: the small JSON files that are the edges of the workflow.

A manifest (``manifest.json`` of a model, ``index.json`` of a data set or of predictions,
``adapter.json``) lists payload files with SHA-256 and size, and the spec, code digest and inputs that
made them. Rules take the manifest as input, never the payload, so a touched 600 MB file reruns
nothing; the command that reads a payload checks it against its manifest first.
"""

import json
from pathlib import Path

from maple.canonical import canonical, digest
from maple.errors import UserError
from maple.files import json_text, read_json, sha256_file, write_json


def describe(path) -> dict:
    """Return ``{"sha256", "size"}`` of a payload file."""
    path = Path(path)
    return {"sha256": sha256_file(path), "size": path.stat().st_size}


def seal(value: dict) -> dict:
    """Return a record with the digest of all it says, so that an edit by hand shows."""
    return value | {"digest": digest(value)}


def is_sealed(found) -> bool:
    """Whether a record still says what it said when it was sealed."""
    return isinstance(found, dict) and seal({key: found[key] for key in found if key != "digest"}) == found


def is_intact(path, found) -> bool:
    """Whether a sealed record's file is, to the byte, what was written."""
    return is_sealed(found) and Path(path).read_text(encoding="utf-8") == json_text(found)


def damage(folder, files: dict) -> list[str]:
    """Return one line for each listed file that is missing or differs from its entry."""
    found = []
    for name, entry in sorted(files.items()):
        path = Path(folder) / name
        if not path.is_file():
            found.append(f"{path}: missing")
        elif path.stat().st_size != entry["size"]:
            found.append(f"{path}: {path.stat().st_size} bytes, expected {entry['size']}")
        elif sha256_file(path) != entry["sha256"]:
            found.append(f"{path}: wrong sha256 (damaged or edited)")
    return found


def read(path, only=None) -> dict:
    """Return a manifest after checking the payload files it lists.

    Args:
        path: The manifest.
        only: Names of the files to check; all when left out, none at all if empty.

    Raises:
        UserError: The manifest is unreadable, or a payload file is missing, truncated or altered.
    """
    manifest = read_json(path)
    bad = [f"{path}: damaged or edited"]
    if is_sealed(manifest):
        files = manifest.get("files", {})
        bad = damage(Path(path).parent, files if only is None else {name: files[name] for name in only})
    if bad:
        raise UserError(
            f"{bad[0]}: run `python workflow/scripts/verify.py --remove-bad`, then the same snakemake command again"
        )
    return manifest


def provenance(manifest) -> dict | None:
    """Return the record of provenance in a manifest's folder, ``None`` if there is none.

    Raises:
        UserError: It is damaged or edited; what it says would go into figures and reports.
    """
    path = Path(manifest).parent / "provenance.json"
    if not path.is_file():
        return None
    found = read_json(path)
    if not is_sealed(found):
        raise UserError(
            f"{path}: damaged or edited: run `python workflow/scripts/verify.py --remove-bad`, then the same snakemake "
            "command again"
        )
    return found


def earlier(path) -> dict:
    """Return the manifest that an earlier run left, without its payload being checked; empty if none is to be trusted.

    A damaged manifest here costs the work anew; it must not decide what is kept.
    """
    try:
        found = read_json(path)
    except UserError:
        return {}
    return found if is_sealed(found) else {}


def identity(manifest: dict) -> str:
    """Return the digest of what a manifest's payload holds.

    Users of a payload record this and not the manifest's own checksum: a manifest that changed while its payload
    did not, because another way led to the same bytes, makes nothing stale.
    """
    return digest({name: entry["sha256"] for name, entry in manifest["files"].items()})


def canonical_spec(manifest: dict) -> str:
    """Return a manifest's spec in its canonical form."""
    return canonical(manifest["spec"])


def write(path, *, spec: str, code: str, inputs: dict, files: dict, **facts) -> bool:
    """Write a manifest.

    Args:
        path: Where to.
        spec: The rule's canonical spec.
        code: The rule's code digest.
        inputs: Name of each input -> SHA-256 of what was read.
        files: Payload file name (relative to the manifest) -> ``{"sha256", "size", ...}``.
        **facts: Further reproducible facts. Volatile ones belong into a provenance file.

    Returns:
        Whether its content changed.
    """
    return write_json(path, seal({"spec": json.loads(spec), "code": code, "inputs": inputs, "files": files, **facts}))
