"""How far a disturbed study has got towards the undisturbed one, and whether a run went on from there."""

import json
import re
from pathlib import Path

from maple import manifests
from maple.canonical import canonical, digest
from maple.files import sha256_file

_STARTED = re.compile(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", re.M)
_FINISHED = re.compile(r"Finished jobid: (\d+)")
_RESUMED = re.compile(r"resuming after step (\d+) of")
_PLANNED = re.compile(r"computing (.*); keeping (.*)")


def unfinished_outputs(text: str) -> set[str]:
    """Return the outputs of the jobs that a run of Snakemake started and did not finish, by what it said."""
    finished, found = set(_FINISHED.findall(text)), set()
    for _, block in _STARTED.findall(text):
        number, outputs = re.search(r"jobid: (\d+)", block), re.search(r"output: (.*)", block)
        if number and outputs and number[1] not in finished:
            found.update(re.sub(r" \(.*?\)", "", name) for name in outputs[1].split(", "))
    return found


class Ledger:
    """What an undisturbed run made; knows in which scratch folder each result is begun."""

    def __init__(self, reference):
        self.payload = reference.payload()
        self.adapters, self.predictions = {}, {}
        for path in sorted(reference.results.glob("adapters/**/adapter.json")):
            made = json.loads(path.read_text())
            key = {name: made[name] for name in ("spec", "code", "inputs")}
            steps = json.loads((path.parent / "provenance.json").read_text())["steps"]
            self.adapters[str(path.parent.relative_to(reference.folder))] = digest(key)[:24], steps
        for path in sorted(reference.results.glob("predictions/**/index.json")):
            made, name = json.loads(path.read_text()), str(path.relative_to(reference.folder))
            key = digest(["predict", name, canonical(made["spec"]), made["code"], made["inputs"]])
            self.predictions[str(Path(name).parent)] = key[:24], [Path(file).stem for file in made["files"]]

    def right(self, study) -> set[str]:
        """Return the payload files that are what the undisturbed run made."""
        return {name for name, value in study.payload().items() if self.payload.get(name) == value}

    def progress(self, study, damaged=()) -> dict:
        """Return what a run must not lose: steps of each adapter, and 1 for each language predicted.

        Args:
            study: The disturbed study.
            damaged: Files in scratch that do not count, since a fault changed them.
        """
        right, found = self.right(study), {}
        for adapter, (scratch, steps) in self.adapters.items():
            own = {name for name in self.payload if name.startswith(f"{adapter}/")}
            found[adapter] = steps if own <= right else self._steps(study.results / ".scratch" / scratch, damaged)
        for folder, (scratch, languages) in self.predictions.items():
            index = manifests.earlier(study.folder / folder / "index.json").get("files", {})
            for language in languages:
                name, begun = f"{language}.jsonl", study.results / ".scratch" / scratch
                entry = begun / f"{language}.entry.json"
                kept = self._same(begun / name, f"{folder}/{name}") and manifests.earlier(entry)
                kept = kept and not {begun / name, entry} & set(damaged)
                found[f"{folder}/{name}"] = int(bool(kept) or (name in index and f"{folder}/{name}" in right))
        return found

    def _same(self, path: Path, name: str) -> bool:
        try:
            return sha256_file(path) == self.payload[name]
        except FileNotFoundError:
            return False

    @staticmethod
    def _steps(folder: Path, damaged) -> int:
        """Return the step of the newest checkpoint that was not damaged."""
        for description in sorted(folder.glob("checkpoint-*.json"), reverse=True):
            weights = description.with_suffix(".safetensors")
            if weights.exists() and not {description, weights} & set(damaged):
                return int(description.stem.split("-")[1])
        return 0

    def shared(self, study, orphans: set[str]) -> list[str]:
        """Return the adapters that a job trained while one that outlived its Snakemake was still at it.

        Args:
            study: The disturbed study.
            orphans: What the jobs write that were alive when the run began and were left alone.
        """
        found = []
        for adapter in self.adapters:
            text = _text(study.results / "logs/finetune" / f"{adapter.removeprefix('results/adapters/')}.log")
            if f"{adapter}/adapter.json" in orphans and " spec {" in text and "waiting for it" not in text:
                found.append(f"{adapter}: two processes trained it at once")
        return found

    def forget_logs(self, study) -> None:
        """Delete the logs of training and prediction, so that those found later are of jobs started later."""
        for step in ("finetune", "predict"):
            for log in (study.results / "logs" / step).rglob("*.log"):
                log.unlink()

    def resumed(self, study, before: dict) -> tuple[int, list[str]]:
        """Look into the logs of jobs: did they go on from what there was before?

        Returns:
            How many jobs had something to go on from, and what was lost.
        """
        checked, lost = 0, []
        for adapter in self.adapters:
            log = study.results / "logs/finetune" / f"{adapter.removeprefix('results/adapters/')}.log"
            text = _text(log)
            if before.get(adapter) and " spec {" in text:
                resumed, checked = _RESUMED.search(text), checked + 1
                at = int(resumed[1]) if resumed else 0
                # The journal of steps appears once training goes on; until then the log has not said where.
                if at < before[adapter] and (resumed or "final loss" in text or "asked to stop" in text):
                    lost.append(f"{adapter}: step {before[adapter]} was kept, training began after {at}")
        for folder in self.predictions:
            log = study.results / "logs/predict" / f"{folder.removeprefix('results/predictions/')}.log"
            planned = _PLANNED.search(_text(log))
            owed = {name for name, kept in before.items() if kept and name.startswith(f"{folder}/")}
            if planned and owed:
                checked += 1
                kept = {f"{folder}/{name}" for name in planned[2].split(", ")}
                lost += [f"{name} was predicted and is computed anew" for name in sorted(owed - kept)]
        return checked, lost


def _text(log: Path) -> str:
    try:
        return log.read_text(errors="replace")
    except FileNotFoundError:
        return ""
