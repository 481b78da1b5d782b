"""The processes that train one adapter together, one per device, and what they tell each other."""

import ctypes
import signal
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from maple.errors import Preempted, UserError
from maple.files import read_json, write_json


@dataclass(frozen=True)
class Team:
    """One process's place among ``count``; alone, it exchanges nothing."""

    rank: int = 0
    count: int = 1

    def add_up(self, *tensors) -> None:
        """Replace tensors by their sums over all processes."""
        if self.count > 1:
            import torch.distributed

            for tensor in tensors:
                torch.distributed.all_reduce(tensor)

    def meet(self, device) -> None:
        """Wait until every process has come here."""
        if self.count > 1:
            import torch

            here = torch.ones((), device=device)
            self.add_up(here)
            # NCCL adds up on the device while the host goes on: only reading the sum makes it wait.
            here.item()

    def agree(self, settings: dict) -> dict:
        """Return the first process's settings, in all of them."""
        if self.count > 1:
            import torch.distributed

            held = [settings]
            torch.distributed.broadcast_object_list(held)
            return held[0]
        return settings


ALONE = Team()


def _enter(rank: int, count: int, meeting: str, task, arguments) -> None:
    """Join the other processes and do the task; leave word of an error that the parent is to raise."""
    import torch

    # torch sends its children SIGINT when their parent dies, which one that waits for a device does not hear.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(rank)
        backend = "nccl"
    store = torch.distributed.FileStore(meeting, count)
    torch.distributed.init_process_group(
        backend, store=store, rank=rank, world_size=count, timeout=timedelta(minutes=30)
    )
    try:
        task(Team(rank, count), *arguments)
    except (UserError, Preempted, torch.OutOfMemoryError) as error:
        write_json(f"{meeting}.error", {"kind": type(error).__name__, "message": str(error)})
        sys.exit(1)
    torch.distributed.destroy_process_group()


def run(task, arguments: tuple, count: int, meeting: Path) -> None:
    """Do ``task(team, *arguments)`` in ``count`` processes at once, or here if that is one.

    Args:
        task: A function of a module, so that another process can find it.
        arguments: Its further arguments.
        count: Number of processes.
        meeting: A file by which they find each other.

    Raises:
        UserError, Preempted, torch.OutOfMemoryError: One of them did; the others were ended.
        UserError: One of them was killed.
    """
    if count == 1:
        task(ALONE, *arguments)
        return
    import torch
    from torch.multiprocessing import start_processes
    from torch.multiprocessing.spawn import ProcessException

    meeting = Path(meeting).absolute()
    word = Path(f"{meeting}.error")
    for file in (meeting, word):
        file.unlink(missing_ok=True)
    started = start_processes(
        _enter, args=(count, str(meeting), task, arguments), nprocs=count, join=False, start_method="spawn"
    )
    came = []

    def pass_on(*_):
        came.append(True)
        for process in started.processes:
            process.terminate()

    signal.signal(signal.SIGTERM, pass_on)
    try:
        while not started.join():
            pass
    except ProcessException as error:
        if word.is_file():
            said = read_json(word)
            kinds = {"UserError": UserError, "Preempted": Preempted, "OutOfMemoryError": torch.OutOfMemoryError}
            raise kinds[said["kind"]](said["message"]) from None
        if came:
            raise Preempted("asked to stop before the first step") from None
        if getattr(error, "signal_name", None):
            raise UserError(
                f"a training process was ended by {error.signal_name}: if the machine's memory ran out, ask for more "
                "of it or for fewer GPUs"
            ) from None
        raise
