"""How much goes through the model at once: found from the free memory, never part of a spec.

Gradients are summed over device batches in fp32, so their size changes a result by rounding only; it is kept in
scratch, where a resumed run finds it.
"""

import torch

from maple import devices, response_loss
from maple.errors import UserError
from maple.examples import Example, stage
from maple.logs import log

_CPU_TOKENS = 512
# Beyond the first nothing gets faster; below the second a GPU idles, and computing activations again costs less.
_MOST_TOKENS, _ENOUGH_TOKENS = 16384, 4096
# Of the free memory; the rest is for fragments.
_SHARE = 0.9


def choose(model, parts, examples: list[Example], trained: int, device) -> dict:
    """Return ``{"tokens", "recompute"}``: tokens per device batch, and whether to checkpoint gradients.

    Args:
        model: The model to be trained.
        parts: Its :class:`maple.models.Parts`.
        examples: What it will be trained on.
        trained: Number of trained weights, whose optimiser state is still to come.
        device: Where it is.

    Raises:
        UserError: Not even the longest example fits.
    """
    if device.type == "cpu":
        return {"tokens": _CPU_TOKENS, "recompute": False}
    longest = max(examples, key=lambda example: (len(example.tokens), example.labels))
    tokens = _room(model, parts, longest, trained, device)
    if tokens >= _ENOUGH_TOKENS:
        return {"tokens": min(tokens, _MOST_TOKENS), "recompute": False}
    recompute(model)
    tokens = _room(model, parts, longest, trained, device)
    if tokens < len(longest.tokens):
        raise UserError(
            f"the longest example ({longest.identifier}, {len(longest.tokens)} tokens) does not fit the memory of "
            f"{device}: lower methods.*.max_length or the bits"
        )
    return {"tokens": min(tokens, _MOST_TOKENS), "recompute": True}


def recompute(model) -> None:
    """Let each layer forget its activations and compute them again when gradients need them (Chen et al. 2016)."""
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})


def halved(settings: dict, longest: int) -> dict:
    """Return settings with half the device batch, after memory ran out all the same.

    Raises:
        UserError: It is no larger than the longest example already, activations recomputed.
    """
    if settings["tokens"] > longest:
        fewer = settings | {"tokens": max(longest, settings["tokens"] // 2)}
    elif not settings["recompute"]:
        fewer = settings | {"recompute": True}
    else:
        raise UserError(
            f"one example of {longest} tokens does not fit the memory: lower methods.*.max_length or the bits"
        )
    log.warning("out of memory with %d tokens at once: going on with %d", settings["tokens"], fewer["tokens"])
    return fewer


def _room(model, parts, longest: Example, trained: int, device) -> int:
    """Return how many tokens fit, from the peaks of two trial passes."""
    room = _SHARE * devices.free_memory(device) - 16 * trained
    rows = max(1, 1024 // len(longest.tokens))
    sizes = [count * len(longest.tokens) for count in (rows, 2 * rows)]
    peaks = [_peak(model, parts, [longest] * count, device) for count in (rows, 2 * rows)]
    if peaks[0] is None or peaks[0] > room:
        return sizes[0] if rows == 1 and peaks[0] and peaks[0] <= room / _SHARE else 0
    if peaks[1] is None:
        return sizes[0]
    each = max(1.0, (peaks[1] - peaks[0]) / (sizes[1] - sizes[0]))
    return int(sizes[0] + (room - peaks[0]) / each)


def _peak(model, parts, group: list[Example], device) -> int | None:
    """Return the bytes that one pass needs beyond what is there, or ``None`` if it does not fit."""
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    try:
        # Dropout must not use up the random numbers of the training.
        with torch.random.fork_rng(devices=[device]):
            response_loss.backward(parts, stage(group, device, parts.lead_length), 1.0)
        return torch.cuda.max_memory_allocated(device) - before
    except torch.OutOfMemoryError:
        return None
    finally:
        for weight in model.parameters():
            weight.grad = None
        torch.cuda.empty_cache()
