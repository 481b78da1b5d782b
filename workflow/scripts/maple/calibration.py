"""The cost model held against finished jobs, and corrected by them."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from maple import costs, device_time
from maple.manifests import earlier

# Strength of the pull of each feature's correction towards none, in jobs.
_PULL = 1.0


@dataclass(frozen=True)
class Finished:
    """A finished job and what it took: seconds of one device, bytes of memory."""

    job: costs.Job
    device: str
    seconds: float
    peak_memory: int
    peak_device_memory: int | None


def finished(study) -> list[Finished]:
    """Return the jobs whose provenance says what they took, from start to end on one device."""
    found = []
    for system in study.systems:
        paths = {name: Path(study.predictions_index(system.path, name)) for name in study.benchmarks}
        if not system.is_base:
            paths["finetune"] = Path(study.adapter(system.path))
        for kind, path in paths.items():
            facts = earlier(path.parent / "provenance.json")
            if not path.is_file() or "device" not in facts or facts.get("resumed_at"):
                continue
            job = costs.Job(kind, system, tuple(facts.get("languages", ())))
            memory = facts["peak_memory_bytes"], facts.get("peak_device_memory_bytes")
            found.append(Finished(job, facts["device"], device_time.device_seconds(facts), *memory))
    return found


@dataclass
class Calibration:
    """Factors on the analytic model, from the finished jobs of one device.

    Logarithms of actual over analytic seconds are fitted by ridge regression on what jobs have in common; the pull
    towards zero keeps a factor that one job alone speaks for from being believed wholly.

    Attributes:
        device: Whose jobs, or ``None``.
        jobs: How many.
        total_error: Of the total when each job is left out in turn, as a share; ``None`` with fewer than three.
        job_error: Median over jobs of the same without signs.
    """

    device: str | None = None
    jobs: int = 0
    total_error: float | None = None
    job_error: float | None = None
    _level: float = 0.0
    _effects: dict[str, float] = field(default_factory=dict)
    _scale: float = 1.0

    def factor(self, job: costs.Job) -> float:
        """Return what to multiply a job's analytic seconds by."""
        from math import exp

        return self._scale * exp(self._level + sum(self._effects.get(name, 0.0) for name in job.features))


def calibrate(study, done: list[Finished]) -> Calibration:
    """Return the calibration by the finished jobs of the device that most of them ran on."""
    import numpy as np

    if not done:
        return Calibration()
    device = Counter(job.device for job in done).most_common(1)[0][0]
    done = [job for job in done if job.device == device]
    names = sorted({name for one in done for name in one.job.features})
    design = np.array([[1.0, *(float(name in one.job.features) for name in names)] for one in done])
    analytic = np.array([costs.seconds(study, one.job, device != "cpu") for one in done])
    actual = np.array([one.seconds for one in done])
    logs = np.log(actual / analytic)
    pull = np.diag([1e-9] + [_PULL] * len(names))
    hat = np.linalg.solve(design.T @ design + pull, design.T)
    weights = hat @ logs
    fitted = analytic * np.exp(design @ weights)
    result = Calibration(device, len(done), None, None, weights[0], dict(zip(names, weights[1:], strict=True)))
    result._scale = actual.sum() / fitted.sum()
    if len(done) >= 3:
        # Leaving a job out of a ridge regression changes its residual by 1 / (1 - leverage).
        leverage = np.einsum("ij,ji->i", design, hat)
        left_out = analytic * np.exp(logs - (logs - design @ weights) / np.maximum(1 - leverage, 1e-6)) * result._scale
        result.total_error = float(left_out.sum() / actual.sum() - 1)
        result.job_error = float(np.median(np.abs(left_out / actual - 1)))
    return result
