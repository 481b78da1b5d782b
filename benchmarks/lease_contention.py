"""Jobs that contend for GPUs and are killed at random: is a GPU ever over its budget, or a lock left behind?

    python benchmarks/lease_contention.py --out benchmarks/results/lease_contention.json

So many processes run jobs one after the other through :func:`maple.leases.lease`, on devices that are only names. Each
job asks for its own number of devices and share of them. Meanwhile processes get SIGKILL at random moments: any of
them, the one whose turn it is to take a device, or one that holds some. Whoever is killed is started again and repeats
its job, until every job has been served.

The account is exact to the safe side. A holder notes on the machine's monotonic clock when it has its devices and,
while it has them, that it is about to let go; a killed one held them at least until just before the signal was sent.
What these intervals add up to was really held at once, so one moment over 100 % of a device is a fault. With
``--broken`` a lease holds no locks: the account has to find that, or it could find nothing.
"""

import argparse
import contextlib
import json
import os
import platform
import random
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

from maple import leases  # noqa: E402

# Jobs ask for one of these, as prediction and training do, and hold it for so long.
_GPUS, _PERCENTS, _SECONDS = (1, 1, 1, 1, 2, 3), (100, 100, 50, 50, 25, 33, 10), (0.02, 0.25)


@dataclass(frozen=True)
class Held:
    """Devices that a process certainly held from one moment to another."""

    process: int
    job: int
    devices: tuple[str, ...]
    percent: int
    begin: int
    end: int


def work(folder: Path, jobs: list[int], seed: int, devices: list[str]) -> None:
    """Run jobs one after the other, and note in a file of this process what was held when."""
    journal = os.open(folder / f"journal.{os.getpid()}", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def note(*words) -> None:
        # One write, which a kill does not cut in two.
        os.write(journal, (" ".join(map(str, (time.monotonic_ns(), *words))) + "\n").encode())

    for job in jobs:
        # A repeated job asks for the same.
        chance = random.Random(f"{seed} {job}")
        gpus, percent, seconds = chance.choice(_GPUS), chance.choice(_PERCENTS), chance.uniform(*_SECONDS)
        gpus = min(gpus, len(devices))
        note("asks", job, gpus, percent)
        with leases.lease(gpus, percent, devices, folder) as ids:
            note("holds", job, percent, *ids)
            time.sleep(seconds)
            note("ends", job)


def events(folder: Path, process: int) -> list[list[str]]:
    """Return what a process noted."""
    path = folder / f"journal.{process}"
    return [line.split() for line in path.read_text().splitlines()] if path.is_file() else []


def intervals(noted: list[list[str]], process: int, killed: int | None) -> list[Held]:
    """Return what a process held, from its notes and the moment it was killed, if it was."""
    found = []
    for number, (begin, word, job, *facts) in enumerate(noted):
        if word == "holds":
            end = noted[number + 1][0] if number + 1 < len(noted) else killed
            # One that was granted after the signal was sent, or that failed, held nothing that is certain.
            if end is not None and int(end) > int(begin):
                found.append(Held(process, int(job), tuple(facts[1:]), int(facts[0]), int(begin), int(end)))
    return found


def most_held(held: list[Held]) -> dict[str, int]:
    """Return for each device the largest percentage that was held at one moment."""
    most = {}
    for device in {name for one in held for name in one.devices}:
        steps = []
        for one in held:
            if device in one.devices:
                steps += [(one.begin, one.percent), (one.end, -one.percent)]
        # At one and the same moment, ends count before beginnings: a clock's tick is no overlap.
        level = most[device] = 0
        for _, change in sorted(steps):
            level += change
            most[device] = max(most[device], level)
    return most


def state(folder: Path, process: int) -> str:
    """Return what a process does by its last note."""
    noted = events(folder, process)
    return {"asks": "waiting", "holds": "holding"}.get(noted[-1][1] if noted else "", "between")


def has_the_turn(folder: Path) -> set[int]:
    """Return the process that holds the first device's turn, as the kernel tells, or nothing: all need that."""
    turn = folder / "device0.turn"
    if not turn.exists():
        return set()
    inode = f":{turn.stat().st_ino}"
    rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return {int(row[4]) for row in rows if row[1] == "FLOCK" and row[5].endswith(inode)}


def spawn(folder: Path, jobs: list[int], seed: int, devices: list[str]) -> int:
    """Start a process for some jobs; a fork, which costs nothing beside starting Python."""
    process = os.fork()
    if process:
        return process
    try:
        work(folder, jobs, seed, devices)
        os._exit(0)
    except BaseException as error:
        print(f"a job failed: {error!r}", file=sys.stderr)
        os._exit(1)


def campaign(folder: Path, processes: int, count: int, number: int, kills: int, seed: int, limit: float) -> dict:
    """Serve all jobs while killing processes, and return the account.

    Args:
        folder: For locks and notes.
        processes: How many contend.
        count: How many jobs there are.
        number: How many devices.
        kills: How many SIGKILLs to spread over the run.
        seed: Of what jobs ask and of who is killed.
        limit: Seconds after which jobs that are not served count as starved.
    """
    devices = [f"device{index}" for index in range(number)]
    chance, begun = random.Random(seed), time.monotonic()
    todo = [list(range(start, count, processes)) for start in range(processes)]
    living = {spawn(folder, jobs, seed, devices): jobs for jobs in todo}
    held, killed_while, waits, failed = [], {"waiting": 0, "having the turn": 0, "holding": 0, "between": 0}, [], 0

    def bury(process: int, killed: int | None) -> None:
        """Take over a dead process's account, and start the jobs again that it left."""
        nonlocal failed
        jobs, noted = living.pop(process), events(folder, process)
        own = intervals(noted, process, killed)
        held.extend(own)
        for _, of_job in groupby(noted, key=lambda event: event[2]):
            times = {word: int(moment) for moment, word, *_ in of_job}
            if "holds" in times:
                waits.append((times["holds"] - times["asks"]) / 1e9)
        done = {int(job) for _, word, job, *_ in noted if word == "ends"}
        left = [job for job in jobs if job not in done]
        if left and killed is not None:
            living[spawn(folder, left, seed, devices)] = left
        failed += bool(left) and killed is None

    # The first kill when about all wait for a device, the others as jobs get served.
    moments = sorted(chance.uniform(0.02, 0.95) * count for _ in range(kills))
    served, done_kills = set(), 0
    while living:
        if time.monotonic() - begun > limit:
            for process in living:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
            break
        for process in list(living):
            if os.waitpid(process, os.WNOHANG)[0]:
                bury(process, None)
        ended = sum(path.read_bytes().count(b" ends ") for path in folder.glob("journal.*"))
        while living and done_kills < kills and moments[done_kills] <= ended:
            wanted = set(living)
            if done_kills % 4 == 0:
                wanted &= has_the_turn(folder)
            elif done_kills % 4 == 1:
                wanted = {process for process in living if state(folder, process) == "holding"}
            victim = chance.choice(sorted(wanted or living))
            time.sleep(chance.uniform(0, 0.05))
            turn = victim in has_the_turn(folder)
            moment = time.monotonic_ns()
            os.kill(victim, signal.SIGKILL)
            _, status = os.waitpid(victim, 0)
            if os.WIFSIGNALED(status):
                done_kills += 1
                last = state(folder, victim)
                killed_while["having the turn" if turn and last == "waiting" else last] += 1
                bury(victim, moment)
            else:
                bury(victim, None)
        time.sleep(0.02)
    seconds = time.monotonic() - begun
    for path in folder.glob("journal.*"):
        served |= {int(job) for _, word, job, *_ in events(folder, int(path.suffix[1:])) if word == "ends"}
    most = most_held(held)
    budget = sum(one.percent * len(one.devices) * (one.end - one.begin) for one in held) / 1e9 / 100
    return {
        "jobs": count,
        "processes": processes,
        "devices": number,
        "served": len(served),
        "starved": count - len(served),
        "failed": failed,
        "leases_granted": len(held),
        "kills": done_kills,
        "killed_while": killed_while,
        "most_percent_held_at_once": dict(sorted(most.items())),
        "over_budget": sum(level > 100 for level in most.values()),
        "leaked_locks": leaked(folder, devices),
        "seconds": round(seconds, 1),
        "device_share_held": round(budget / seconds / number, 2),
        "median_wait_seconds": round(statistics.median(waits), 2),
        "longest_wait_seconds": round(max(waits), 2),
    }


def leaked(folder: Path, devices: list[str]) -> int:
    """Return how many sixteenths of devices, and turns, are still locked though nobody lives."""
    from filelock import FileLock, Timeout

    names = [f"{device}.{unit}" for device in devices for unit in ("turn", *(f"{n:02d}" for n in range(leases.UNITS)))]
    left = 0
    for name in names:
        try:
            FileLock(folder / name).acquire(timeout=0).lock.release()
        except Timeout:
            left += 1
    return left


@contextlib.contextmanager
def polling(seconds: float, broken: bool):
    """Let jobs ask this often for a device, and let them lock nothing if ``broken``."""
    before = leases._POLL_SECONDS, leases._take
    leases._POLL_SECONDS = seconds
    if broken:
        leases._take = lambda devices, units, folder: (devices[0], [leases.FileLock(folder / "nothing")])
    try:
        yield
    finally:
        leases._POLL_SECONDS, leases._take = before


def main() -> int:
    """Run the campaign; return 1 if a device was over its budget, a lock was left, or a job not served."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    parser.add_argument("--processes", type=int, default=32, help="how many contend")
    parser.add_argument("--jobs", type=int, default=1000, help="leases to serve")
    parser.add_argument("--devices", type=int, default=4, help="how many devices there are")
    parser.add_argument("--kills", type=int, default=200, help="SIGKILLs at random moments")
    parser.add_argument("--seed", type=int, default=0, help="of what jobs ask and who is killed")
    parser.add_argument("--limit", type=float, default=900, help="seconds after which a waiting job counts as starved")
    parser.add_argument("--broken", action="store_true", help="lock nothing, to see that the account finds it")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, polling(0.02, args.broken):
        found = campaign(Path(folder), args.processes, args.jobs, args.devices, args.kills, args.seed, args.limit)
    found |= {"broken": args.broken, "seed": args.seed, "python": platform.python_version()}
    args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    return int(any(found[name] for name in ("over_budget", "leaked_locks", "starved", "failed")))


if __name__ == "__main__":
    raise SystemExit(main())
