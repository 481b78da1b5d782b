"""Which GPU a job takes, on a machine where no scheduler says so.

Snakemake counts GPUs but hands none out. So each GPU is sixteen lock files, sixteenths of its memory; a job holds those
it needs for as long as it runs. The locks are the kernel's: a job that is killed leaves none behind.
"""

import contextlib
import functools
import gc
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from filelock import FileLock, Timeout

from maple.errors import UserError
from maple.logs import log

UNITS = 16
# A job of one of these has been given its devices already.
_SCHEDULERS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID", "KUBERNETES_SERVICE_HOST")
_POLL_SECONDS = 0.5


def units(percent: int) -> int:
    """Return how many sixteenths of a GPU a job holds that asks for a share of its memory in per cent."""
    return max(1, -(-UNITS * percent // 100))


def visible() -> list[str]:
    """Return the ids of the GPUs that ``CUDA_VISIBLE_DEVICES`` leaves, or of all; none without a driver."""
    try:
        asked = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
        listed = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return []
    found = listed.stdout.split() if listed.returncode == 0 else []
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return found
    ids = [part.strip() for part in chosen.split(",") if part.strip() and part.strip() != "-1"]
    ids = [found[int(part)] if part.isdigit() and int(part) < len(found) else part for part in ids]
    return list(dict.fromkeys(ids))


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"maple-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _free(device: str, folder: Path) -> list[FileLock]:
    """Return locks on the free sixteenths of a device, all of them held now."""
    held = []
    for number in range(UNITS):
        lock = FileLock(folder / f"{device}.{number:02d}")
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0)
            held.append(lock)
    return held


def _take(devices: list[str], wanted: int, folder: Path) -> tuple[str, list[FileLock]] | None:
    """Return the device with the most room and locks on ``wanted`` sixteenths of it; ``None`` if it has fewer."""
    free = {device: _free(device, folder) for device in devices}
    # Small jobs spread over all devices before two of them share one.
    best = max(free, key=lambda device: len(free[device]))
    kept = wanted if len(free[best]) >= wanted else 0
    for device, locks in free.items():
        for lock in locks[kept if device == best else 0 :]:
            lock.release()
    return (best, free[best][:kept]) if kept else None


def _free_memory() -> None:
    """Give back what torch keeps of a GPU's memory: whoever comes next is ready and takes it at once."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


@contextlib.contextmanager
def lease(gpus: int, percent: int = 100, devices: list[str] | None = None, folder: Path | None = None):
    """Hold GPUs for the time of the block and show torch only these; wait in turn while they are taken.

    Call it before CUDA is started (:func:`maple.models.open_base` does not). It does nothing without a GPU, and where a
    scheduler has given the job no more than it asked for.

    Args:
        gpus: How many.
        percent: Of the memory of each.
        devices: Their ids; those of this machine when left out.
        folder: For the locks.

    Yields:
        The ids held.

    Raises:
        UserError: More are asked for than there are.
    """
    if not 1 <= percent <= 100:
        raise UserError(f"gpu_percent is {percent}: a share of a GPU's memory is from 1 to 100")
    if devices is None:
        devices = visible()
        if any(name in os.environ for name in _SCHEDULERS) and len(devices) <= gpus:
            devices = []
    if not gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if not devices or not gpus:
        yield []
        return
    if gpus > len(devices):
        raise UserError(f"{gpus} GPUs asked for, {len(devices)} seen: check --set-resources and CUDA_VISIBLE_DEVICES")
    held = _in_turn(gpus, units(percent), devices, folder or _folder())
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(held)
    if percent < 100:
        os.environ["MAPLE_GPU_PERCENT"] = str(percent)
    try:
        yield list(held)
    finally:
        _free_memory()
        for locks in held.values():
            for lock in locks:
                lock.release()


def _in_turn(gpus: int, wanted: int, devices: list[str], folder: Path) -> dict[str, list[FileLock]]:
    """Wait in turn for a number of devices, and return locks on ``wanted`` sixteenths of each."""
    held = {}
    # Said once.
    tell = functools.cache(lambda: log.info("waiting for a GPU"))
    # Whoever has a device's turn takes what becomes free of it, so a job that needs much is not overtaken for ever.
    # All take turns in one order; only jobs that see none of its devices do not wait for this one.
    with contextlib.ExitStack() as turns:
        for device in sorted(devices):
            turn = FileLock(folder / f"{device}.turn")
            try:
                turn.acquire(timeout=0)
            except Timeout:
                tell()
                turn.acquire()
            turns.callback(turn.release)
        while len(held) < gpus:
            taken = _take([device for device in devices if device not in held], wanted, folder)
            if taken:
                device, locks = taken
                held[device] = locks
            else:
                tell()
                time.sleep(_POLL_SECONDS)
    return held
