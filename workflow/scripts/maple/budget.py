"""What a job asks of a scheduler: memory and minutes, from the model's size, the bits and the amount of data.

Generous upper bounds, not forecasts: a job that asks for too little is stopped and goes on from its last checkpoint, at
the price of a second wait in the queue. Amounts are read from the indexes where data are prepared, and are
those of the published data before. Every cluster job parses the rules, so this module reads small files only.
"""

from functools import lru_cache
from pathlib import Path

from maple.files import read_json
from maple.systems import System

# Items of a language as published, and tokens that one runs through the model, shared ones once, in a costly script.
_PUBLISHED_ITEMS = {"xnli": 5010, "xcopa": 500, "xstorycloze": 1511, "belebele": 900, "xquad": 1190, "mlqa": 11590}
_TOKENS_PER_ITEM = {"xnli": 150, "xcopa": 80, "xstorycloze": 200, "belebele": 600, "xquad": 400, "mlqa": 600}
_SAMPLE_ITEMS, _ALPACA_EVAL_ITEMS = 24, 805
# A generated token costs what so many cost that are read together; short answers have so many tokens.
_GENERATED, _ANSWER = 10, 32
# Part of an item's tokens that each demonstration adds: its keys and values are computed once for all.
_SHOT = 0.1
# Records of a language as published, or shipped; of a local folder, the size of its files says.
_PUBLISHED_RECORDS = {"multialpaca": 12_100, "bactrian-x": 67_100, "sample": 40}
_BYTES_PER_TOKEN, _TOKENS_PER_RECORD = 2.5, 250
# Cost of training relative to 16 bit. 8 bit took 1.6 times as long on an H200, 4 bit 1.8 times where memory was short.
_SLOWER = {16: 1.0, 8: 2.0, 4: 1.8}
# Small models are held up by everything else.
_MOST_TOKENS_PER_SECOND = 10_000
# Libraries, hashing and reading of weights at 200 MB/s, and room.
_START_MINUTES, _READ_BYTES_PER_MINUTE = 10, 12e9
# A tokenised record is Python numbers: two words and an object for each token.
_BYTES_PER_HELD_TOKEN = 60
# Besides the weights, where a CPU trains them all: fp32 masters, sums of gradients and AdamW's two moments (16), the
# larger of gradients and the optimiser's temporaries (8), and room for weights that compute in fp32 and for logits.
_BYTES_PER_TRAINED_WEIGHT = 28


@lru_cache
def _read(path: Path, _written: int) -> dict:
    return read_json(path)


def _index(path: str) -> dict:
    """Return an index, or nothing while it is not there; read once, for all systems ask for the same ones."""
    path = Path(path)
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else {}


@lru_cache
def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.suffix in {".jsonl", ".json"})


def instruction_tokens(study, data: str, method: str) -> int:
    """Return about how many tokens one pass over an instruction set learns from."""
    part, longest = study.config["instructions"][data], study.config["methods"][method]["max_length"]
    index = _index(study.instructions_index(data))
    if index:
        size = sum(entry["size"] for entry in index["files"].values())
        return int(min(size / _BYTES_PER_TOKEN, sum(index["records"].values()) * longest))
    tokens = 0.0
    for source in part.get("sources", [part]):
        limit = part["limit"] or float("inf")
        if source["source"] == "local":
            most = _folder_bytes(Path(source["path"])) / _BYTES_PER_TOKEN / _TOKENS_PER_RECORD
        else:
            most = _PUBLISHED_RECORDS[source.get("layout", source["source"])] * len(source["languages"])
        tokens += min(most, limit * len(source["languages"])) * min(_TOKENS_PER_RECORD, longest)
    return int(min(tokens, (part["records"] or float("inf")) * min(_TOKENS_PER_RECORD, longest)))


def finetune_tokens(study, system: str) -> int:
    """Return about how many tokens training reads, over all epochs."""
    coordinates = System.parse(system)
    epochs = study.config["methods"][coordinates.method]["epochs"]
    return int(epochs * instruction_tokens(study, coordinates.data, coordinates.method))


def predict_tokens(study, benchmark: str) -> int:
    """Return about how many tokens a system reads of a benchmark, generated ones converted by what they cost."""
    part, index = study.config["benchmarks"][benchmark], _index(study.items_index(benchmark)).get("files", {})
    published = (
        _SAMPLE_ITEMS if part["source"] == "sample" else _PUBLISHED_ITEMS.get(benchmark, max(_PUBLISHED_ITEMS.values()))
    )
    items = 0
    for language in part["languages"]:
        most = index.get(f"{language}.jsonl", {}).get("items", published)
        items += min(most, part["limits"].get(language) or part["limit"] or most)
    each = _TOKENS_PER_ITEM.get(benchmark, max(_TOKENS_PER_ITEM.values())) * (1 + _SHOT * part["shots"])
    return int(items * (each + (_GENERATED * _ANSWER if study.scoring(benchmark) == "generation" else 0)))


def alpaca_eval_tokens(study) -> int:
    """Return about how many tokens a system's AlpacaEval outputs cost."""
    part = study.config["alpaca_eval"]
    return (part["limit"] or _ALPACA_EVAL_ITEMS) * part["max_new_tokens"] * _GENERATED


def _minutes(study, model: str, tokens: int, flops_per_weight: float, attempt: int) -> int:
    """Return minutes to ask for: more at each attempt, never more than the config allows."""
    weights, allowed = study.config["models"][model]["parameters"], study.config["cluster"]
    rate = min(allowed["tflops"] * 1e12 / (flops_per_weight * weights), _MOST_TOKENS_PER_SECOND)
    needed = _START_MINUTES + 2 * weights / _READ_BYTES_PER_MINUTE + tokens / rate / 60
    return min(allowed["max_minutes"], attempt * (int(needed) + 1))


def finetune_minutes(study, system: str, attempt: int = 1) -> int:
    """Return the minutes that training a system may take.

    A token costs 4 FLOPs per weight with adapters (no gradients of frozen weights), 6 where all weights learn.
    """
    coordinates = System.parse(system)
    flops = 6 if study.config["methods"][coordinates.method]["kind"] == "full" else 4
    return _minutes(
        study, coordinates.model, finetune_tokens(study, system), flops * _SLOWER[coordinates.bits], attempt
    )


def predict_minutes(study, system: str, tokens: int, attempt: int = 1) -> int:
    """Return the minutes that running ``tokens`` through a system may take: 2 FLOPs per weight and token."""
    coordinates = System.parse(system)
    return _minutes(study, coordinates.model, tokens, 2 * _SLOWER[coordinates.bits], attempt)


def model_mb(study, model: str) -> int:
    """Return the host memory of a job that holds a model, in MB: libraries, bf16 weights, and room to work.

    Whatever the bits: weights pass through host memory in bf16 before they are quantised.
    """
    return int(2000 + 2.0 * study.config["models"][model]["parameters"] * 1.6 / 2**20)


def finetune_mb(study, system: str, gpu: bool) -> int:
    """Return the host memory of training a system, in MB: the model, the tokenised records, and what is trained.

    Of an adapter the last is next to nothing. All weights with their gradients and moments are several times the model:
    on a GPU they lie there, and checkpoints pass through the host a piece at a time.

    Args:
        study: The study.
        system: Path of the system.
        gpu: Whether it is trained on one.
    """
    coordinates = System.parse(system)
    held = instruction_tokens(study, coordinates.data, coordinates.method) * _BYTES_PER_HELD_TOKEN
    if study.config["methods"][coordinates.method]["kind"] == "full" and not gpu:
        held += _BYTES_PER_TRAINED_WEIGHT * study.config["models"][coordinates.model]["parameters"]
    return model_mb(study, coordinates.model) + int(held / 2**20)


def scaled_mb(needed: int, attempt: int) -> int:
    """Return the memory to ask for at an attempt: half as much again each time, since Slurm kills what exceeds it."""
    return int(needed * (1 + (attempt - 1) / 2))
