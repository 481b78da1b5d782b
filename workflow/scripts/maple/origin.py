"""Where results came from: manifests, and the volatile facts that lie beside them, for the report."""

from pathlib import Path

from maple import manifests
from maple.canonical import digest
from maple.files import read_json
from maple.words import count

_GB = 2**30


def manifest_rows(paths: list[Path]) -> list[dict]:
    """Return one row per manifest: where it is, its digests, and what it says about records left out."""
    rows = []
    for path in paths:
        manifest = read_json(path)
        rows.append(
            {
                "path": str(path.parent if path.name == "index.json" else path),
                "spec": digest(manifest["spec"])[:12],
                "code": manifest["code"][:12],
                "payload": manifests.identity(manifest)[:12],
                "facts": _facts(manifest),
            }
        )
    return rows


def _facts(manifest: dict) -> str:
    """Return what a reader wants to know of a manifest: origin, counts, records dropped."""
    spec, words = manifest["spec"], []
    for key in ("source", "id", "revision", "package", "split", "question_from"):
        if isinstance(spec.get(key), str):
            words.append(f"{key} {spec[key]}")
    items = [entry["items"] for entry in manifest["files"].values() if "items" in entry]
    if items:
        words.append(f"{sum(items):,} items in {count(len(items), 'file')}")
    if "records" in manifest:
        found = manifest["records"]
        words.append(f"{sum(found.values()):,} records ({', '.join(f'{k} {v:,}' for k, v in found.items())})")
    if "dropped" in manifest:
        words.append(f"dropped: {_dropped(manifest['dropped'])}")
    return "; ".join(words)


def _dropped(found) -> str:
    """Return counts of dropped records, whatever they are sorted by."""
    if isinstance(found, dict):
        return ", ".join(f"{key} {_dropped(value)}" for key, value in found.items()) or "none"
    return f"{found:,}"


def work(results: Path, systems: list[str], benchmarks: list[str]) -> dict:
    """Return time, memory, devices and versions of the jobs whose provenance is at hand."""
    found = {"Finetuning": [], "Prediction": []}
    for system in systems:
        places = [("Finetuning", results / "adapters" / system)]
        places += [("Prediction", results / "predictions" / system / name) for name in benchmarks]
        for step, folder in places:
            facts = manifests.provenance(folder / "index.json")
            if facts:
                found[step] += [facts, *facts.get("earlier", [])]
    jobs = [job for part in found.values() for job in part]
    return {
        "steps": [_step(name, part) for name, part in found.items() if part],
        "versions": _distinct([job.get("versions", {}) for job in jobs]),
        "commits": sorted({_commit(job["workflow"]) for job in jobs if job.get("workflow")}),
    }


def _step(name: str, jobs: list[dict]) -> dict:
    """Return the sum of a step's jobs."""
    return {
        "name": name,
        "jobs": len(jobs),
        "hours": sum(job["seconds"] for job in jobs) / 3600,
        "memory": max(job.get("peak_memory_bytes", 0) for job in jobs) / _GB,
        "devices": sorted({str(job["device"]) for job in jobs if "device" in job}),
    }


def _distinct(found: list[dict]) -> dict[str, str]:
    """Return each package's versions, more than one if jobs differ."""
    names = sorted({name for versions in found for name in versions})
    return {name: ", ".join(sorted({part[name] for part in found if name in part})) for name in names}


def _commit(workflow: dict) -> str:
    return workflow["commit"][:12] + (" with local changes" if workflow.get("dirty") else "")
