"""What a job will cost: device time and disk, from FLOPs, tokens and bytes, before anything runs.

Forecasts, where :mod:`maple.budget` gives bounds. Training an adapter takes 4 FLOPs per weight and token (no
gradients of frozen weights), training all weights 6, a forward pass 2.
"""

from dataclasses import dataclass
from pathlib import Path

from maple import budget
from maple.adapters import WITHOUT_RANK
from maple.files import read_json

# Llama-2-7B's shape on an H200 with a matrix peak of 780 TFLOP/s (benchmarks/results/*_h200.json); 4- and 8-bit forward
# passes were not measured and are taken to lose what training loses.
_GPU = {"peak": 780e12, "train": {16: 0.65, 8: 0.40, 4: 0.62}, "forward": {16: 0.59, 8: 0.37, 4: 0.57}, "adapter": 0.8}
# Gemma-3-270M on two cores with AVX512-BF16: 125 tokens a second in training, 960 in a forward pass.
_CPU = {"peak": 1.34e11, "train": {16: 1.0, 8: 0.5, 4: 0.5}, "forward": {16: 3.8, 8: 1.9, 4: 1.9}, "adapter": 0.8}
# Reading weights into a device; and what every job does besides.
_LOAD_BYTES_PER_SECOND, _START_SECONDS = 1e9, 10.0
# Items of a language as published, and tokens a costly likelihood run puts through the model for one, shared ones
# counted once (measured, zero-shot); questions answered in words cost what so many cost that are read together.
_ITEMS = {"xnli": 5010, "xcopa": 500, "xstorycloze": 1511, "belebele": 900, "xquad": 1190, "mlqa": 6000}
_TOKENS = {"xnli": 40, "xcopa": 37, "xstorycloze": 57, "belebele": 114, "xquad": 360, "mlqa": 360}
_ANSWER_TOKENS, _SAMPLE_ITEMS, _ALPACA_ITEMS = 320, 24, 805
_RECORD_BYTES, _ITEM_TABLE_BYTES = 400, 40


@dataclass(frozen=True)
class Job:
    """A job that holds a device.

    Attributes:
        kind: ``finetune``, ``alpaca_eval`` or a benchmark's name.
        system: The system.
        languages: Of a benchmark, those to compute.
    """

    kind: str
    system: object
    languages: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """What jobs have in common whose forecasts err alike."""
        tuned = "base" if self.system.is_base else "tuned"
        return (self.kind, f"{self.system.model}", f"{self.system.bits}bit {self.kind == 'finetune'}", tuned)


def items(study, benchmark: str, languages) -> int:
    """Return how many items some languages of a benchmark have: as prepared, else as published."""
    part, path = study.config["benchmarks"][benchmark], Path(study.items_index(benchmark))
    prepared = read_json(path)["files"] if path.is_file() else {}
    published = _SAMPLE_ITEMS if part["source"] == "sample" else _ITEMS.get(benchmark, max(_ITEMS.values()))
    total = 0
    for language in languages:
        most = prepared.get(f"{language}.jsonl", {}).get("items", published)
        total += min(most, part["limits"].get(language) or part["limit"] or most)
    return total


def tokens(study, job: Job) -> float:
    """Return the tokens that a job reads; generated ones as what they cost."""
    if job.kind == "finetune":
        return budget.finetune_tokens(study, job.system.path)
    if job.kind == "alpaca_eval":
        part = study.config["alpaca_eval"]
        return (part["limit"] or _ALPACA_ITEMS) * part["max_new_tokens"] * 10
    each = _TOKENS.get(job.kind, max(_TOKENS.values()))
    if study.scoring(job.kind) == "generation":
        each = max(each, _ANSWER_TOKENS)
    return items(study, job.kind, job.languages) * each


def seconds(study, job: Job, on_gpu: bool) -> float:
    """Return the device seconds of a job by the analytic model alone."""
    weights, system = study.config["models"][job.system.model]["parameters"], job.system
    device = _GPU if on_gpu else _CPU
    flops, share = 2, device["forward"][system.bits] * (1 if system.is_base else device["adapter"])
    if job.kind == "finetune":
        flops = 6 if study.config["methods"][system.method]["kind"] == "full" else 4
        share = device["train"][system.bits]
    work = tokens(study, job) * flops * weights / (device["peak"] * share)
    return _START_SECONDS + 2 * weights / _LOAD_BYTES_PER_SECOND + work


def adapter_bytes(study, system) -> float:
    """Return the size of an adapter: as a finished one of the same model and method, else by the model's size."""
    method, weights = study.config["methods"][system.method], study.config["models"][system.model]["parameters"]
    if method["kind"] == "full":
        return 2 * weights
    for other in study.adapters:
        path = Path(study.adapter(other.path))
        if (other.model, other.method) == (system.model, system.method) and path.is_file():
            return read_json(path)["files"]["adapter_model.safetensors"]["size"] * system.rank / other.rank
    # A transformer of L layers of width 128 L has about 12 L (128 L) ** 2 weights; Llama-2-7B has 32 of 4,096.
    layers = (weights / (12 * 128**2)) ** (1 / 3)
    targets = method.get("target_modules", [])
    widths = 19 if targets == "all-linear" else 2 * len(targets)
    rank = 1 if method["kind"] in WITHOUT_RANK else system.rank
    return 4 * rank * layers * 128 * layers * widths


def disk_bytes(study, job: Job) -> float:
    """Return what a job leaves on disk; for predictions, their scores' item tables too."""
    if job.kind == "finetune":
        return adapter_bytes(study, job.system)
    if job.kind == "alpaca_eval":
        return (
            (study.config["alpaca_eval"]["limit"] or _ALPACA_ITEMS) * study.config["alpaca_eval"]["max_new_tokens"] * 4
        )
    return items(study, job.kind, job.languages) * (_RECORD_BYTES + _ITEM_TABLE_BYTES)


def scratch_bytes(study, job: Job) -> float:
    """Return what a job needs on disk while it runs.

    For training, three checkpoints, of which two stay: weights and the optimiser's two moments in fp32.
    """
    if job.kind != "finetune":
        return disk_bytes(study, job)
    full = study.config["methods"][job.system.method]["kind"] == "full"
    # Trained weights are exported in fp32, but in bf16 where they are all of the model's.
    return 3 * 3 * (2 if full else 1) * adapter_bytes(study, job.system)
