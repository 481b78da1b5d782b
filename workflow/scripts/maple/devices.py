"""What a job computes on, and with how many threads."""

import contextlib
import os

from maple.errors import UserError
from maple.logs import log


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


def granted(gpus: int) -> int:
    """Return how many processes train together: as many as the GPUs asked for, or one on a machine without any.

    Raises:
        UserError: Fewer GPUs are visible than were asked for.
    """
    import torch

    if not torch.cuda.is_available():
        return 1
    seen = torch.cuda.device_count()
    if seen < gpus:
        raise UserError(
            f"the job asked for {gpus} GPUs and sees {seen}: check --resources gpu= and CUDA_VISIBLE_DEVICES"
        )
    return max(1, gpus)


def settle() -> None:
    """Set what torch reads from the environment; before it is imported."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Batches of many shapes would leave holes between fixed segments.
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")


@contextlib.contextmanager
def without_cuda():
    """Let libraries that are imported in the block ask for GPUs without starting CUDA, which would fix what it sees."""
    name = "PYTORCH_NVML_BASED_CUDA_CHECK"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        # A driver too old for torch counts as a GPU with it.
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def setup(threads: int | None = None, number: int = 0, exact: bool = False):
    """Make torch deterministic and return its device.

    Args:
        threads: CPU threads; the environment's ``OMP_NUM_THREADS`` or all processors when left out.
        number: Which of the visible GPUs.
        exact: Whether to fail where an operation has no deterministic form. Attention only takes its own then.

    Returns:
        That CUDA device if there is one, else the CPU.
    """
    settle()
    import torch

    torch.use_deterministic_algorithms(True, warn_only=not exact)
    # It would fill every new tensor so that reading one too early shows: 2 to 8 % of a training step.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # cuDNN plans attention anew for every shape, and here hardly two batches have the same: on an H100 each plan took
    # 0.2 s, 70 % of the time in which a small model wrote. The other kernels take any shape.
    torch.backends.cuda.enable_cudnn_sdp(False)
    if threads:
        torch.set_num_threads(threads)
    if not torch.cuda.is_available():
        if os.environ.get("CUDA_VISIBLE_DEVICES"):
            log.warning(
                "torch cannot use this machine's GPU, so the CPU computes: envs/cuda.lock.txt lists what a GPU needs"
            )
        return torch.device("cpu")
    leased = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    found = f"GPU-{torch.cuda.get_device_properties(number).uuid}"
    named = number < len(leased) and leased[number].startswith("GPU-")
    if named and not found.lower().startswith(leased[number].lower()):
        raise RuntimeError(f"CUDA was started before a GPU was leased: it is {found} instead of {leased[number]}")
    if "MAPLE_GPU_PERCENT" in os.environ:
        torch.cuda.set_per_process_memory_fraction(int(os.environ["MAPLE_GPU_PERCENT"]) / 100, number)
    return torch.device(f"cuda:{number}")


def multiplies_bf16(device) -> bool:
    """Whether a device multiplies bf16 matrices by instructions of its own.

    Where a CPU does not, torch emulates them: a training step was measured at more than ten times that in fp32.
    """
    import torch

    if device.type == "cuda":
        return True
    known = torch.cpu.get_capabilities()
    return any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "sve_bf16", "bf16"))


def free_memory(device) -> int:
    """Return the bytes that this process may still take of a GPU: what is free, within its share of the whole."""
    import torch

    total = torch.cuda.get_device_properties(device).total_memory
    limit = total * torch.cuda.get_per_process_memory_fraction(device)
    kept = torch.cuda.memory_reserved(device)
    unused = kept - torch.cuda.memory_allocated(device)
    return int(min(torch.cuda.mem_get_info(device)[0], limit - kept) + unused)


def name(device) -> str:
    """Return the device's name for a provenance file."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def peak_memory(device) -> int | None:
    """Return the most bytes that tensors took on a GPU so far, or ``None`` on the CPU."""
    import torch

    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
