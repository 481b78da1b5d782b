"""Inject faults into a small study until it has ended all the same, and hold what it made against an undisturbed run.

A campaign goes round: faults hit the runs of a study until one run ends; its payload must be the undisturbed one's, and
`verify` must find nothing; then files are damaged, `verify --remove-bad` must name each, and faults hit the
runs that mend it.

    python tests/faults/campaign.py --faults 200 --seed 1 --out benchmarks/results/fault_campaign.json
"""

import argparse
import collections
import json
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "workflow/scripts"), str(Path(__file__).parent)]

import damage  # noqa: E402
import places  # noqa: E402
from ledger import Ledger, unfinished_outputs  # noqa: E402
from small_study import SmallStudy  # noqa: E402

from maple.files import sha256_file  # noqa: E402

# Faults that hit a run, and how often each is drawn.
LIVE = {
    "kill -9, a job": 5,
    "kill -15, a job": 4,
    "kill -9, Snakemake alone": 5,
    "kill -15, Snakemake": 2,
    "kill -9, all at once": 9,
    "full disk": 3,
    "read-only results": 3,
    "a second Snakemake": 3,
    "a second Snakemake after --unlock": 2,
    "clock set back, seen by files": 2,
    "clock set back, seen by processes": 2,
    ".snakemake deleted under a run": 1,
}
# Faults that hit what a killed run left, and how often each follows a `kill -9, all at once`.
LEFT = {"scratch damaged": 8, ".snakemake deleted": 2, "clock set back, seen by files": 1, "nothing": 1}
_FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
# Longer than any run of the study takes on a busy machine.
_PATIENCE = 300
# Ways to break the workflow, by which the campaign itself is tested: file, what stands there, what takes its place.
SABOTAGE = {
    "sha256": ("maple/manifests.py", 'elif sha256_file(path) != entry["sha256"]:', "elif False:"),
    "checkpoint": ("maple/checkpoints.py", 'sha256_file(payload) == facts["sha256"]', "True"),
    "scratch": ("maple/checkpoints.py", "if facts and payload.is_file()", "if False and payload.is_file()"),
    "lock": ("maple/scratch.py", "            lock.acquire(timeout=0)\n", "            pass\n"),
}


@dataclass
class Fault:
    """One fault that hit something.

    Attributes:
        kind: Which.
        target: What it hit.
        noticed: By what it was noticed, if it is to be noticed.
        outcome: How the payload compared once the study had ended; empty until then.
    """

    kind: str
    target: str
    noticed: str = ""
    outcome: str = ""


class Campaign:
    """Faults drawn with a seed, what they hit, and what went wrong."""

    def __init__(
        self, folder: Path, seed: int, size: str = "whole", sabotage: str | None = None, say=lambda line: None
    ):
        """Make the study and run it undisturbed.

        Args:
            folder: For both copies. An undisturbed one that is there already is taken.
            seed: Of all draws. Moments are real time, so a campaign is not the same twice.
            size: Which of ``small_study.SIZES``.
            sabotage: Which of ``SABOTAGE`` to break the workflow with.
            say: Told what happens.
        """
        self.draw, self.say = random.Random(seed), say
        self.faults: list[Fault] = []
        self.problems: list[str] = []
        self.counts = collections.Counter()
        self.folder = folder
        reference = SmallStudy.at(folder / "undisturbed", size)
        if not reference.folder.exists():
            reference = SmallStudy.make(reference.folder, size)
            if sabotage:
                name, sound, broken = SABOTAGE[sabotage]
                reference.edit(f"workflow/scripts/{name}", sound, broken)
        run = reference.start(folder / "undisturbed.txt")
        assert run.wait(_PATIENCE * 2) and run.process.returncode == 0, run.text()[-3000:]
        self.ledger = Ledger(reference)
        disturbed = folder / "disturbed"
        self.disk = places.small_disk(disturbed, 400)
        self.study = reference.twin(disturbed)
        trained = json.loads(next(reference.results.glob("adapters/**/provenance.json")).read_text())
        # Faults come within the time that the longest job takes, so that they hit its beginning, middle and end.
        self.longest = trained["seconds"]
        self.run, self.other, self.clock = None, None, None
        self.remedies, self.excused = collections.Counter(), True
        # What the last runs must have kept; what their unfinished jobs may have taken away; scratch that is damaged.
        self.before, self.right, self.may_go, self.last, self.damaged = {}, set(), set(), set(), {}
        self.orphans = set()
        self.reference = reference

    def close(self) -> None:
        """End what still runs and take the small disk away."""
        for run in (self.run, self.other):
            if run and run.alive:
                run.send(signal.SIGKILL)
        self.study.end_all()
        if self.disk:
            places.unmount(self.study.folder)

    # What goes wrong and what is noticed.

    def problem(self, words: str) -> None:
        self.problems.append(words)
        self.say(f"PROBLEM: {words}")

    def hit(self, kind: str, target: str, noticed: str = "") -> Fault:
        fault = Fault(kind, target, noticed)
        self.faults.append(fault)
        self.say(f"{len(self.faults)}: {kind}: {target}{f' ({noticed})' if noticed else ''}")
        return fault

    @staticmethod
    def names(jobs) -> str:
        return ", ".join(sorted(job.name for job in jobs))

    # Runs.

    def started(self) -> None:
        """Make sure that a run is alive, as a user would: the same command, and what its messages ask for."""
        if self.run and self.run.alive:
            return
        self.checked()
        if self.study.locked:
            if not self.counts["lock message"]:
                refused = self.begin("refused")
                refused.wait(_PATIENCE)
                if refused.process.returncode == 0 or "--unlock" not in refused.text():
                    self.problem("a folder locked by a dead Snakemake: the message does not name --unlock")
                self.counts["lock message"] += 1
            self.do("-m", "snakemake", "--unlock")
            self.counts["unlocked"] += 1
        self.orphans = {job.out for job in self.study.jobs()}
        self.run, self.excused = self.begin("run"), False
        self.clock = None

    def begin(self, name: str):
        env = {}
        if self.clock:
            env = {"LD_PRELOAD": str(_FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_NO_CACHE": "1"}
            env |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
        self.counts["runs"] += 1
        return self.study.start(self.folder / f"{name}-{self.counts['runs']}.txt", env)

    def do(self, *arguments) -> str:
        """Run a command to its end and return what it said."""
        done = self.study.command(*arguments)
        return f"{done.stdout}{done.stderr}"

    def ended(self) -> bool:
        """Deal with a run that is over; say whether the study is complete."""
        text, status = self.run.text(), self.run.process.returncode
        self.unfinished(text)
        if "unexpected error" in text:
            self.problem(f"a defect's traceback instead of one line: {self.run.output}")
        if status == 0 and not self.study.jobs():
            self.checked()
            return True
        if status == 0 or self.excused:
            return False
        for sign, remedy in (("--unlock", "unlock"), ("adopt.py", "adopt"), ("--remove-bad", "verify")):
            if sign in text and (self.remedies[remedy] or remedy == "unlock"):
                self.remedies[remedy] -= 1
                self.remedy(remedy)
                return False
        self.problem(f"a plain re-run failed: {self.run.output}: {text[-600:]}")
        raise RuntimeError("the study cannot go on")

    def remedy(self, name: str) -> None:
        self.counts[name] += 1
        if name == "unlock":
            self.do("-m", "snakemake", "--unlock")
        if name == "adopt":
            said = self.do("workflow/scripts/adopt.py")
            if "checked and adopted" in said or "nothing to adopt" in said:
                return
            name = "verify"
        if name == "verify":
            self.do("workflow/scripts/verify.py", "--remove-bad")
            self.snapshot()

    def unfinished(self, text: str) -> None:
        """Note the jobs that a run left unfinished: it, or the next one, takes their outputs away."""
        self.last = unfinished_outputs(text)
        self.may_go |= self.last

    def progress(self) -> dict:
        damaged = [path for path, value in self.damaged.items() if path.is_file() and sha256_file(path) == value]
        return self.ledger.progress(self.study, damaged)

    def snapshot(self) -> None:
        """Remember what a run must go on from."""
        self.before, self.right, self.may_go = self.progress(), self.ledger.right(self.study), set(self.last)
        self.ledger.forget_logs(self.study)

    def checked(self) -> None:
        """Hold what there is now against what there was before the last run: is anything lost?"""
        now, right = self.progress(), self.ledger.right(self.study)
        lost = [
            f"{name}: {self.before[name]} kept, {now[name]} left"
            for name in now
            if now[name] < self.before.get(name, 0)
        ]
        number, anew = self.ledger.resumed(self.study, self.before)
        self.counts["jobs that had something to go on from"] += number
        gone = sorted(self.right - right - self.may_go)
        for words in self.ledger.shared(self.study, self.orphans):
            self.problem(words)
        for words in [*lost, *anew, *(f"{name} was finished and is gone" for name in gone)]:
            self.problem(f"lost: {words}")
        self.snapshot()

    def moment(self) -> bool:
        """Let a run come to a random moment with a job at work; say whether there was one before it ended."""
        self.started()
        deadline = time.monotonic() + _PATIENCE
        wait = self.draw.choice([0.3, 1.2]) * self.draw.random() * self.longest
        while self.run.alive and time.monotonic() < deadline:
            if self.study.jobs():
                until = time.monotonic() + wait
                while self.run.alive and time.monotonic() < until:
                    time.sleep(0.02)
                wait = 0.0
                if self.run.alive and self.study.jobs():
                    return True
            time.sleep(0.15)
        return False

    def finish(self) -> None:
        """Run until the study is complete."""
        for _ in range(12):
            self.started()
            self.run.wait(_PATIENCE * 2)
            if self.ended():
                return
        self.problem("the study does not come to its end")
        raise RuntimeError("the study cannot go on")

    # Faults that hit a run.

    def live(self, kind: str) -> bool:
        """Inject a fault into a run; say whether the study is complete instead."""
        if kind == "clock set back, seen by processes":
            # The clock is the process's from its start on.
            if self.run and self.run.alive:
                self.excused = True
                self.run.send(signal.SIGTERM)
                self.stop()
                if self.ended():
                    return True
            self.clock = self.folder / "clock"
            self.clock.write_text("+0")
        if not self.moment():
            return self.ended()
        at_work = self.names(self.study.jobs())
        method = {
            "full disk": self.full_disk,
            "read-only results": self.read_only,
            "a second Snakemake": self.second,
            "a second Snakemake after --unlock": self.second_unlocked,
            "clock set back, seen by files": self.files_from_the_future,
            "clock set back, seen by processes": self.clock_back,
            ".snakemake deleted under a run": self.records_deleted_live,
        }.get(kind)
        if method:
            # An orphan may fail of it, and then nobody is waited for.
            self.orphans = set()
            method(kind, at_work)
        else:
            self.kill(kind, 9 if "-9" in kind else 15)
        return not self.run.alive and self.ended()

    def kill(self, kind: str, number: int) -> None:
        jobs = self.study.jobs()
        self.excused = True
        if "a job" in kind:
            victim = self.draw.choice(jobs) if jobs else None
            if victim and victim.send(number):
                self.orphans.discard(victim.out)
                self.hit(kind, victim.name)
            self.stop()
        elif "alone" in kind:
            self.run.send(signal.SIGKILL)
            self.run.wait(10)
            alive = self.names(self.study.jobs())
            self.counts["orphans alive at a restart"] += len(alive.split(", ")) if alive else 0
            self.hit(kind, f"orphans: {alive or 'none'}")
        elif "all" in kind:
            self.run.send(signal.SIGKILL)
            self.run.wait(10)
            self.orphans = set()
            self.study.end_all()
            self.hit(kind, self.names(jobs) or "between two jobs")
            self.left()
        else:
            self.run.send(number)
            self.hit(kind, self.names(jobs) or "between two jobs")
            self.stop()

    def stop(self) -> None:
        """Wait for a run that a fault brings down; one that it does not goes on."""
        if not self.run.wait(_PATIENCE):
            self.problem(f"the run neither ended nor went on: {self.run.output}")
            self.run.send(signal.SIGKILL)

    def full_disk(self, kind: str, at_work: str) -> None:
        if not self.disk:
            return
        self.excused = True
        with places.Full(self.study.folder, self.draw.randrange(0, 20_000)):
            self.run.wait(20)
        self.placed(kind, at_work, "No space left")

    def read_only(self, kind: str, at_work: str) -> None:
        if not self.disk:
            return
        self.excused = True
        with places.ReadOnly(self.study.results):
            self.run.wait(20)
        self.placed(kind, at_work, "Read-only file system")

    def placed(self, kind: str, at_work: str, sign: str) -> None:
        lines = [line for line in self.run.text().splitlines() if sign in line]
        if lines:
            own = any("error: " in line and "cannot be" in line for line in lines)
            # Snakemake may have failed to note down a job that had ended: then the next run asks for `adopt`.
            self.remedies["adopt"] += 1
            self.hit(kind, at_work, "one line of the step" if own else "Snakemake")

    def second(self, kind: str, at_work: str) -> None:
        other = self.begin("second")
        over = other.wait(_PATIENCE)
        refused = over and other.process.returncode != 0 and "--unlock" in other.text()
        if self.run.alive and not refused:
            self.problem(f"a second Snakemake was let in: {other.output}")
        if refused:
            self.hit(kind, at_work, "refused by Snakemake's lock")

    def second_unlocked(self, kind: str, at_work: str) -> None:
        self.do("-m", "snakemake", "--unlock")
        if not self.run.alive:
            return
        self.excused = True
        self.other = self.begin("second")
        deadline = time.monotonic() + 5 + self.draw.random() * self.longest
        while self.run.alive and self.other.alive and time.monotonic() < deadline:
            time.sleep(0.05)
        self.hit(kind, f"{at_work}; together for a while: {self.names(self.study.jobs()) or 'nothing'}")
        for run in (self.run, self.other):
            if run.alive:
                run.send(signal.SIGTERM)
        for run in (self.run, self.other):
            if not run.wait(_PATIENCE):
                self.problem(f"two at once: {run.output} does not end")
                run.send(signal.SIGKILL)
            self.unfinished(run.text())
        if "unexpected error" in self.other.text():
            self.problem(f"two at once: a traceback: {self.other.output}")

    def files_from_the_future(self, kind: str, at_work: str) -> None:
        """Move the time stamps of all results ahead: so they look to a clock that was set back."""
        ahead, moved = self.draw.uniform(1, 48) * 3600e9, 0
        for path in self.study.files():
            try:
                found = path.stat()
                os.utime(path, ns=(found.st_atime_ns, int(found.st_mtime_ns + ahead)))
                moved += 1
            except FileNotFoundError:
                continue
        if moved:
            self.hit(kind, f"{moved} files, {ahead / 3600e9:.0f} h; {at_work}")

    def clock_back(self, kind: str, at_work: str) -> None:
        hours = self.draw.randrange(1, 72)
        (self.folder / "clock").write_text(f"-{hours}h")
        self.hit(kind, f"{hours} h; {at_work}")
        self.run.wait(self.longest)

    def records_deleted_live(self, kind: str, at_work: str) -> None:
        self.excused = True
        shutil.rmtree(self.study.folder / ".snakemake", ignore_errors=True)
        self.remedies["adopt"] += 1
        self.hit(kind, at_work)
        self.stop()

    # Faults that hit what a killed run left.

    def left(self) -> None:
        """Damage what lies there while nothing runs."""
        self.unfinished(self.run.text())
        self.checked()
        kind = self.draw.choices(list(LEFT), LEFT.values())[0]
        if kind == "scratch damaged":
            self.damage_scratch()
        elif kind == ".snakemake deleted":
            shutil.rmtree(self.study.folder / ".snakemake", ignore_errors=True)
            self.remedies["adopt"] += 1
            self.hit(kind, f"{len(self.ledger.right(self.study))} finished files")
        elif kind.startswith("clock"):
            self.files_from_the_future(kind, "nothing at work")

    def damage_scratch(self) -> None:
        """Damage one file of each unfinished job, the newest checkpoint before others."""
        for folder in sorted((self.study.results / ".scratch").glob("*/")):
            found = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
            newest = [path for path in found if path.name.startswith("checkpoint-")][-2:]
            found = self.draw.choice([newest, [path for path in found if path not in newest]]) or found
            if not found:
                continue
            path = self.draw.choice(found)
            kind = self.draw.choice(["flip", "flip", "truncate", "empty"])
            if damage.spoil(path, kind, self.draw, []):
                self.damaged[path] = sha256_file(path)
                what = "checkpoint" if newest and path in newest else "scratch file"
                self.hit(f"{what} damaged", f"{kind} {path.name}")
        self.snapshot()

    # Faults that hit a finished study.

    def compare(self) -> None:
        """Hold the finished study against the undisturbed one, and settle the faults so far."""
        found, wanted = self.study.payload(), self.ledger.payload
        same = found == wanted
        if not same:
            differs = sorted(name for name in found.keys() | wanted if found.get(name) != wanted.get(name))
            self.problem(f"the payload differs: {differs[:8]} and {max(0, len(differs) - 8)} more")
        for line in self.verified("--remove-bad").splitlines():
            if ": " in line and "left by a killed job" not in line and not line.startswith("removed"):
                self.problem(f"verify on a finished study: {line}")
        for fault in self.faults:
            fault.outcome = fault.outcome or ("same bytes" if same else "different bytes")
        self.excused = True
        self.snapshot()
        self.counts["comparisons"] += 1

    def verified(self, *arguments) -> str:
        return self.do("workflow/scripts/verify.py", *arguments)

    def damage_results(self, number: int) -> None:
        """Damage files of a finished study, have them read, and have them found and removed."""
        listed = damage.owners(self.study.files())
        by_owner = collections.defaultdict(list)
        for path, owner in listed.items():
            by_owner[owner].append(path)
        # Records that list nothing are many; a quarter of the damage is theirs.
        records = [owner for owner in sorted(by_owner) if by_owner[owner] == [owner] and "provenance" in owner.name]
        others = [owner for owner in sorted(by_owner) if owner not in records]
        chosen = self.draw.sample(records, min(number // 4, len(records)))
        chosen += self.draw.sample(others, min(number - len(chosen), len(others)))
        kinds = {}
        for owner in chosen:
            path = self.draw.choice(by_owner[owner])
            # To delete a table is to ask for a new one; a manifest misses what it lists.
            listed_by_manifest = path != owner and not owner.name.endswith("provenance.json")
            kinds[path] = self.draw.choice(damage.KINDS if listed_by_manifest else damage.KINDS[:-1])
        # A damaged manifest may stop a run before any step has read its payload, and a run makes what was
        # deleted: those come second.
        second = {path: kind for path, kind in kinds.items() if path.suffix == ".json" or kind == "delete"}
        damaged = self.spoil({path: kind for path, kind in kinds.items() if path not in second})
        self.read_damaged(damaged, listed, {listed[path] for path in kinds})
        damaged |= self.spoil(second)
        said = self.verified("--remove-bad")
        for name, fault in damaged.items():
            own = [line for line in said.splitlines() if line.startswith(f"{name}: ") or f": {name}: " in line]
            if any("made from" not in line for line in own):
                fault.noticed = f"{fault.noticed}, verify".lstrip(", ")
            else:
                self.problem(f"verify does not name {fault.target}")
        self.snapshot()

    def spoil(self, kinds: dict[Path, str]) -> dict[str, Fault]:
        """Damage files that are still there, each in its way; return the faults by name."""
        damaged, others = {}, self.study.files()
        for path, kind in kinds.items():
            name = str(path.relative_to(self.study.folder))
            if path.exists() and damage.spoil(path, kind, self.draw, others):
                damaged[name] = self.hit("result damaged", f"{kind} {name}")
        return damaged

    def read_damaged(self, damaged: dict[str, Fault], owners: dict[Path, Path], spoilt: set[Path]) -> None:
        """Have damaged files read by the steps they go into: these must stop, and write nothing.

        Args:
            damaged: The faults by name.
            owners: File -> the manifest or record that lists it.
            spoilt: The owners of all that is damaged now or later.
        """
        targets, folder = {}, self.study.folder
        for name in damaged:
            target = damage.reader(name)
            if target not in self.ledger.payload or target in targets.values():
                continue
            # A step that is to write over damaged files would take them away before `verify` is asked.
            cleared = f"{Path(target).parent}/" if target.endswith("index.json") else target
            if owners[folder / target] not in spoilt and not any(other.startswith(cleared) for other in damaged):
                targets[name] = target
        if not targets:
            return
        for target in targets.values():
            # Predictions that are there are kept, and nothing is read.
            if target.endswith("index.json"):
                shutil.rmtree((folder / target).parent)
            else:
                (folder / target).unlink()
        said = self.do("-m", "snakemake", "--cores", "2", "--keep-going", *targets.values())
        self.counts["damaged files whose reader was started"] += len(targets)
        self.counts["runs"] += 1
        (self.folder / f"read-{self.counts['runs']}.txt").write_text(said)
        for name, target in targets.items():
            # What else the same step reads may have stopped it first.
            named = [line for line in said.splitlines() if "error: " in line and name in line]
            if (self.study.folder / target).exists() and self.study.payload()[target] != self.ledger.payload[target]:
                self.problem(f"{damaged[name].target} went into {target} unseen")
            if named:
                damaged[name].noticed = "the step that reads it"

    # The whole.

    def go(self, number: int, each: int = 16, batch: int = 20) -> None:
        """Inject faults until there are enough.

        Args:
            number: How many.
            each: Faults in a round's runs, at most.
            batch: Files to damage after each round.
        """
        kinds = [kind for kind in LIVE if self.possible(kind)]
        while len(self.faults) < number:
            most = len(self.faults) + each
            complete = False
            while not complete and len(self.faults) < most:
                complete = self.live(self.draw.choices(kinds, [LIVE[kind] for kind in kinds])[0])
            if not complete:
                self.finish()
            self.compare()
            if len(self.faults) < number:
                self.damage_results(batch)
        if any(not fault.outcome for fault in self.faults):
            self.finish()
            self.compare()

    def possible(self, kind: str) -> bool:
        return self.disk if kind in {"full disk", "read-only results"} else bool(_FAKETIME) or "processes" not in kind

    def summary(self) -> dict:
        """Return what was injected, by kind, and what became of it."""
        kinds = collections.defaultdict(lambda: {"injected": 0, "noticed": collections.Counter(), "same bytes": 0})
        for fault in self.faults:
            kind = kinds[fault.kind]
            kind["injected"] += 1
            kind["noticed"][fault.noticed or "not to be noticed"] += 1
            kind["same bytes"] += fault.outcome == "same bytes"
        return {
            "faults": len(self.faults),
            "kinds": kinds,
            "counts": self.counts,
            "problems": self.problems,
            "payload_files": len(self.ledger.payload),
        }


def main() -> int:
    """Run a campaign and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", default="whole")
    parser.add_argument("--sabotage", choices=SABOTAGE, help="break the workflow first: the campaign must notice")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder when left out")
    parser.add_argument("--out", type=Path, help="JSON to write")
    args = parser.parse_args()
    # So that an ended campaign leaves no process and no mount behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begun = time.monotonic()
    folder = args.folder or Path(tempfile.mkdtemp(prefix="maple-faults-"))
    folder.mkdir(parents=True, exist_ok=True)

    def say(line):
        print(f"{time.monotonic() - begun:6.0f} s  {line}", flush=True)

    campaign = Campaign(folder, args.seed, args.size, args.sabotage, say)
    say(f"undisturbed: {len(campaign.ledger.payload)} files; a training takes {campaign.longest} s")
    try:
        campaign.go(args.faults)
    finally:
        campaign.close()
        found = campaign.summary() | {
            "seed": args.seed,
            "sabotage": args.sabotage,
            "seconds": round(time.monotonic() - begun),
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "each": [asdict(fault) for fault in campaign.faults],
        }
        if args.out:
            args.out.write_text(json.dumps(found, indent=1) + "\n")
        say(json.dumps({key: found[key] for key in ("faults", "kinds", "counts", "problems")}, indent=1))
    return 1 if campaign.problems else 0


if __name__ == "__main__":
    sys.exit(main())
