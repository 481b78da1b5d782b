"""Every file in a study's results against the present config and code: stale, foreign, truncated or edited by hand.

Manifests answer for their payload (:mod:`maple.integrity`), records of provenance for tables, figures and reports
(:mod:`maple.sidecars`). What neither lists was not written by this workflow.
"""

import os
import platform
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from maple import integrity, manifests
from maple.canonical import canonical
from maple.config import ROOT
from maple.errors import UserError
from maple.existing import Existing
from maple.files import read_json, sha256_file
from maple.sidecars import SUFFIX

# Not results: what jobs say, what killed ones left to go on from, a judge's answers, each named by its question, and
# the report on what had been scored at some time, on which nothing rests.
_APART = {"logs", ".scratch", "judge_answers", Existing.page, f"{Existing.page}.html"}
_TEMPORARY = re.compile(r"\..+\.(\d+)@(.*)\.tmp")
# Whether a job on another machine still runs cannot be seen from here; it would have written something in a day.
_ABANDONED_SECONDS = 86400


@dataclass(frozen=True)
class Maker:
    """The rule that makes a file, and what its spec and code digest must be now."""

    rule: str
    spec: str
    code: str


@dataclass(frozen=True)
class Finding:
    """Something wrong on disk.

    Attributes:
        path: The file.
        reason: What is wrong.
        rule: The rule that remakes it; empty for a foreign file.
        files: What to delete so that it is remade.
    """

    path: str
    reason: str
    rule: str
    files: tuple[Path, ...]


class Audit:
    """One pass over a study's results."""

    def __init__(self, study, maker: Callable[[str], Maker | None]):
        """Take the study and a function that says which rule makes a file.

        Args:
            study: The study.
            maker: Returns the file's maker, or ``None`` if no rule makes it. Raises UserError if the rule is there
                and the study does not ask for this file, as after a rank was removed.
        """
        self.study, self.maker = study, maker
        self.root = Path(study.results)
        self.findings: list[Finding] = []
        self.right = 0
        self.kept: list[Path] = []
        self._known: set[Path] = set()
        self._wrong: set[str] = set()

    def run(self) -> "Audit":
        """Look at everything, makers before users."""
        on_disk = sorted(self._walk())
        self._manifests()
        records = [path for path in on_disk if path.name.endswith(SUFFIX) or path.name == "provenance.json"]
        waiting = []
        for path in records:
            found = self._sealed(path)
            if found and "files" in found:
                waiting.append((path, found))
            elif found:
                self._known.add(path)
        self._tables(waiting)
        for path in on_disk:
            if path not in self._known:
                self._unknown(path)
        return self

    def _walk(self) -> Iterator[Path]:
        """Yield the files that this study answers for."""
        others = {Path(name) for name in _other_results(self.study.results)}
        for folder, folders, names in os.walk(self.root):
            here = Path(folder)
            skipped = _APART if here == self.root else set()
            folders[:] = [name for name in folders if name not in skipped and here / name not in others]
            yield from (here / name for name in names if name not in skipped)

    def _wrongly(self, path, reason: str, rule: str, files) -> None:
        self._wrong.add(str(path))
        self.findings.append(Finding(str(path), reason, rule, tuple(Path(file) for file in files)))

    def _manifests(self) -> None:
        good, bad = integrity.check(self.study)
        self.right += len(good)
        reasons = {node.path: reason for node, reason in bad}
        for node in [*good, *(node for node, _ in bad)]:
            owned = [file for file in _payload(Path(node.path)) if file.is_relative_to(self.root)]
            self._known.update([Path(node.path), *owned])
            if node.path in reasons:
                self._wrongly(node.path, reasons[node.path], node.rule, [Path(node.path), *owned])

    def _sealed(self, path: Path) -> dict | None:
        """Return a record of provenance; one that was damaged or edited is reported."""
        try:
            found = read_json(path)
        except UserError:
            found = None
        # A sealed record of another result is no record of this one.
        if manifests.is_intact(path, found) and Path(found.get("of", "")).resolve() == path.resolve():
            return found
        self._known.add(path)
        listed = found.get("files") if isinstance(found, dict) else None
        first = Path(str(path).removesuffix(SUFFIX)) if path.name.endswith(SUFFIX) else path
        # Other results do not rest on the volatile facts about a manifest: the facts go, the payload stays.
        made = [path.parent / name for name in listed or []] if isinstance(listed, dict) else []
        self._known.update(made)
        self._wrongly(path, "damaged or edited", self._rule_of(first), [path, *made])
        self._wrong.update(map(str, made))
        return None

    def _rule_of(self, path: Path) -> str:
        try:
            made = self.maker(str(path))
        except UserError:
            return ""
        return made.rule if made else ""

    def _tables(self, waiting: list[tuple[Path, dict]]) -> None:
        """Check tables, figures and reports, those that others read first."""
        while waiting:
            outputs = {str(_inside(path, name)) for path, found in waiting for name in found["files"]}
            ready = [pair for pair in waiting if not outputs & set(pair[1]["inputs"])] or waiting
            for path, found in ready:
                self._table(path, found)
            waiting = [pair for pair in waiting if pair not in ready]

    def _table(self, path: Path, found: dict) -> None:
        files = [_inside(path, name) for name in found["files"]]
        self._known.update([path, *files])
        # Deleting a result is the way to have it remade; its record stays behind until then.
        if not any(file.exists() for file in files):
            return
        first = Path(str(path).removesuffix(SUFFIX))
        try:
            maker = self.maker(str(first))
        except UserError:
            maker = None
        reason = self._problem(path, found, maker)
        if reason:
            self._wrongly(first, reason, maker.rule if maker else "", [path, *files])
            self._wrong.update(map(str, files))
        elif maker:
            self.right += 1
        else:
            self.kept.append(first)

    def _problem(self, path: Path, found: dict, maker: Maker | None) -> str | None:
        bad = manifests.damage(path.parent, found["files"])
        if bad:
            return bad[0]
        if maker is None:
            return None
        if found["code"] != maker.code:
            return "made by other code"
        if canonical(found["spec"]) != maker.spec:
            return "made with other settings"
        for source, value in found["inputs"].items():
            if not Path(source).is_file():
                return f"its input {source} is missing"
            if sha256_file(source) != value:
                return f"made from another {source}"
            if source in self._wrong:
                return f"made from {source}, which is not right"
        return None

    def _unknown(self, path: Path) -> None:
        """Judge a file that no manifest or record of this study lists."""
        if path in self._known:
            return
        # Also within a folder: a model is unpacked in one.
        parts = path.relative_to(self.root).parts
        unfinished = next(filter(None, map(_TEMPORARY.fullmatch, parts)), None)
        if unfinished:
            process, machine = unfinished.groups()
            if machine == platform.node():
                left = not os.path.exists(f"/proc/{process}")
            else:
                left = time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
            if left:
                self._wrongly(path, "left by a killed job", "", [path])
            return
        listed = _payload(path)
        claimed = self._known.intersection(listed)
        if path.suffix == ".json" and listed and not claimed and not integrity.damaged(path):
            # Of a rank, language or benchmark that the config no longer has: kept for when it comes back.
            self._known.update([path, *listed])
            self.kept.append(path)
            return
        try:
            maker = self.maker(str(path))
        except UserError:
            maker = None
        if maker:
            self._wrongly(path, "nothing says how it was made", maker.rule, [path])
        elif not _listed_nearby(path):
            self._wrongly(path, "foreign: no rule makes it", "", [])


def _inside(record: Path, name: str) -> Path:
    return Path(os.path.normpath(record.parent / name))


def _payload(manifest: Path) -> list[Path]:
    """Return the files that a manifest lists, whatever else is wrong with it."""
    try:
        return [_inside(manifest, name) for name in read_json(manifest)["files"]]
    except (UserError, KeyError, TypeError):
        return []


def _listed_nearby(path: Path) -> bool:
    """Whether a sound manifest beside or above the file lists it."""
    for folder in (path.parent, path.parent.parent):
        for manifest in folder.glob("*.json"):
            if path in _payload(manifest) and not integrity.damaged(manifest):
                return True
    return False


def _other_results(own: str) -> list[str]:
    """Return the results folders of the other studies in ``config``, which may lie inside this one's."""
    found = []
    for file in sorted((ROOT / "config").rglob("*.yaml")):
        try:
            study = yaml.safe_load(file.read_text(encoding="utf-8"))
        except yaml.YAMLError:
            continue
        if isinstance(study, dict) and "grid" in study and study.get("results", "results") != own:
            found.append(study.get("results", "results"))
    return found


def remove(audit: Audit) -> list[Path]:
    """Delete what is wrong, so that the next run remakes it; foreign files are left to their owner."""
    gone, root = [], audit.root.resolve()
    for finding in audit.findings:
        for file in finding.files:
            if file.is_file() and file.resolve().is_relative_to(root):
                file.unlink()
                gone.append(file)
    return gone
