"""Damage to files: what disks, copies and editors do to them."""

import json
import os
from pathlib import Path

KINDS = ("flip", "truncate", "empty", "append", "swap", "delete")


def spoil(path: Path, kind: str, draw, others: list[Path]) -> bool:
    """Damage a file; say whether it is another file now.

    Args:
        path: The file.
        kind: One of ``KINDS``.
        draw: A ``random.Random``.
        others: Files to put in its place, for ``swap``.
    """
    before, times = path.read_bytes(), path.stat()
    content = before
    if kind == "flip" and before:
        place = draw.randrange(len(before))
        content = before[:place] + bytes([before[place] ^ 1 << draw.randrange(8)]) + before[place + 1 :]
    elif kind == "truncate" and before:
        content = before[: draw.randrange(len(before))]
    elif kind == "empty":
        content = b""
    elif kind == "append":
        content = before + b"\n"
    elif kind == "swap":
        same = [other for other in others if other.suffix == path.suffix and other != path and other.exists()]
        content = draw.choice(same).read_bytes() if same else before
    elif kind == "delete":
        path.unlink()
        return True
    if content == before:
        return False
    path.write_bytes(content)
    # A disk that flips a bit leaves the time stamp alone; so it is for half of the damage.
    if draw.random() < 0.5:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return True


def owners(files: list[Path]) -> dict[Path, Path]:
    """Return for each file the manifest or record that lists it, itself if none does."""
    found = {path: path for path in files}
    for path in files:
        if path.suffix == ".json":
            listed = json.loads(path.read_text()).get("files")
            for name in listed if isinstance(listed, dict) else []:
                own = Path(os.path.normpath(path.parent / name))
                if own in found:
                    found[own] = path
    return found


def reader(name: str) -> str | None:
    """Return a result that is made from a file, for files whose reader is easily told."""
    parts = Path(name).parts[1:]
    if parts[0] == "predictions" and name.endswith(".jsonl"):
        return f"results/scores/{'/'.join(parts[1:-1])}.json"
    if parts[0] == "adapters" and parts[-1].startswith("adapter_"):
        return f"results/predictions/{'/'.join(parts[1:-1])}/xnli/index.json"
    if parts[0] == "models" and not parts[-1].endswith("provenance.json"):
        return f"results/predictions/{parts[1]}/16bit/base/xnli/index.json"
    if parts[0] == "benchmarks" and name.endswith(".jsonl"):
        return f"results/predictions/tiny/16bit/base/{parts[1]}/index.json"
    if parts[0] == "scores" and parts[-1].endswith((".parquet", ".json")) and "provenance" not in parts[-1]:
        return f"results/tables/{Path(name).stem}_comparisons.csv"
    if parts[0] == "tables" and parts[-1].endswith("_scores.csv"):
        return f"results/figures/{parts[-1].removesuffix('_scores.csv')}_by_lang.pdf"
    return None
