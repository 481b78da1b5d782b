"""What a job computes on, and with how many threads."""

import os


def real_cores() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Return the machine's physical memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def cpu_slots(job_mb: int) -> int:
    """Return how many heavy CPU jobs run at once without thrashing or filling three quarters of memory."""
    by_memory = int(0.75 * memory_bytes() / 2**20 / job_mb)
    return max(1, min(real_cores(), by_memory))


def setup(threads: int | None = None):
    """Make torch deterministic and return its device.

    Args:
        threads: CPU threads; the environment's ``OMP_NUM_THREADS`` or all processors when left out.

    Returns:
        The first CUDA device if there is one, else the CPU.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.use_deterministic_algorithms(True, warn_only=True)
    if threads:
        torch.set_num_threads(threads)
    return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
