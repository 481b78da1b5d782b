"""Training the adapter on a frozen base.

The loss is on the response only and logits are computed only where a label stands. Of Gemma's 270M
weights 170M are its output layer, so this saves most of the time and memory there.
"""

import hashlib
import json
import math
import time
import warnings
from dataclasses import dataclass

from maple import chat, checkpoints
from maple.errors import Preempted, UserError
from maple.logs import log
from maple.master_weights import MasterWeights

# Rows of logits at a time. On a CPU more do not fit the cache, on a GPU fewer leave it idle.
_HEAD_ROWS = {"cpu": 64, "cuda": 4096}
_JOURNAL_KEYS = ("step", "loss", "learning_rate", "gradient_norm", "held_out_loss")
# Held-out loss is taken before the first step and after each of this many parts of the training.
_EVALUATIONS = 4


@dataclass(frozen=True)
class Example:
    """A tokenised record: ``tokens`` and, of equal length, whether each token is to be learned."""

    identifier: str
    tokens: tuple[int, ...]
    learned: tuple[bool, ...]


def tokenise(record: dict, tokenizer) -> Example:
    """Return the example of a normalised record: BOS, headings, words, and EOS after each response."""
    tokens, learned = [], []
    if tokenizer.bos_token_id is not None:
        tokens, learned = [tokenizer.bos_token_id], [False]
    for text, learn in chat.render(record["messages"]):
        piece = tokenizer.encode(text, add_special_tokens=False)
        if learn and tokenizer.eos_token_id is not None:
            piece = [*piece, tokenizer.eos_token_id]
        tokens += piece
        learned += [learn] * len(piece)
    return Example(record["id"], tuple(tokens), tuple(learned))


def head_loss(head, hidden, labels, scale: float):
    """Return the summed cross-entropy and its gradient with respect to the hidden states.

    The frozen output layer is applied to a few rows at a time, forward and backward, so that only a
    slice of the logits exists at once.

    Args:
        head: The output layer.
        hidden: Hidden states, shape (rows, width).
        labels: Token ids, shape (rows,).
        scale: Factor of the gradient.

    Returns:
        The sum over rows (float, nats) and the scaled gradient, shape (rows, width).
    """
    import torch

    total, gradient = 0.0, torch.empty_like(hidden)
    step = _HEAD_ROWS[hidden.device.type]
    for start in range(0, hidden.shape[0], step):
        rows = slice(start, start + step)
        part = hidden[rows].detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(head(part).float(), labels[rows], reduction="sum")
        (gradient[rows],) = torch.autograd.grad(loss * scale, part)
        total += loss.detach().double()
    return total, gradient


def micro_batches(examples: list[Example], budget: int) -> list[list[Example]]:
    """Split a batch into groups of similar length whose padded size is at most ``budget`` tokens.

    One example longer than the budget still makes a group of its own.
    """
    groups = []
    for example in sorted(examples, key=lambda e: (len(e.tokens), e.identifier)):
        if groups and (len(groups[-1]) + 1) * len(example.tokens) <= budget:
            groups[-1].append(example)
        else:
            groups.append([example])
    return groups


def supervised_states(trunk, group: list[Example], device):
    """Return the hidden states that predict learned tokens, shape (rows, width), and these tokens."""
    import torch

    width = max(len(example.tokens) for example in group)
    tokens = torch.zeros(len(group), width, dtype=torch.long)
    present = torch.zeros(len(group), width, dtype=torch.long)
    learned = torch.zeros(len(group), width, dtype=torch.bool)
    for row, example in enumerate(group):
        length = len(example.tokens)
        tokens[row, :length] = torch.tensor(example.tokens)
        present[row, :length] = 1
        learned[row, :length] = torch.tensor(example.learned)
    tokens, present, learned = tokens.to(device), present.to(device), learned.to(device)
    hidden = trunk(input_ids=tokens, attention_mask=present, use_cache=False).last_hidden_state
    # The state before a learned token predicts it.
    return hidden[:, :-1][learned[:, 1:]], tokens[:, 1:][learned[:, 1:]]


def accumulate(trunk, head, group: list[Example], scale: float, device):
    """Add one group's gradients to the adapter and return its summed loss."""
    supervised, labels = supervised_states(trunk, group, device)
    loss, gradient = head_loss(head, supervised, labels, scale)
    supervised.backward(gradient)
    return loss


class Plan:
    """Which examples make up which step: a seeded shuffle per epoch, cut into global batches."""

    def __init__(self, examples: list[Example], batch_size: int, epochs: float, seed: int):
        """Plan ``epochs`` passes; a fraction of an epoch ends inside a pass."""
        self._examples = sorted(examples, key=lambda example: example.identifier)
        self._batch_size, self._seed = batch_size, seed
        self.per_epoch = math.ceil(len(examples) / batch_size)
        self.steps = max(1, round(self.per_epoch * epochs))

    def batch(self, step: int) -> list[Example]:
        """Return the examples of a step (from 0)."""
        import torch

        epoch, position = divmod(step, self.per_epoch)
        generator = torch.Generator().manual_seed(self._seed * 100_003 + epoch)
        order = torch.randperm(len(self._examples), generator=generator).tolist()
        chosen = order[position * self._batch_size : (position + 1) * self._batch_size]
        return [self._examples[index] for index in chosen]


def _state(adapter: dict, optimiser, device) -> dict:
    """Return everything a resumed run needs, as named tensors."""
    import torch

    tensors = {f"adapter.{name}": parameter for name, parameter in adapter.items()}
    for name, parameter in adapter.items():
        for key, value in optimiser.state[parameter].items():
            tensors[f"optimiser.{key}.{name}"] = value
    tensors["random.cpu"] = torch.get_rng_state()
    if device.type == "cuda":
        tensors["random.cuda"] = torch.cuda.get_rng_state(device)
    return tensors


def _restore(tensors: dict, adapter: dict, optimiser, device) -> None:
    """Put a checkpoint's tensors back."""
    import torch

    with torch.no_grad():
        for name, parameter in adapter.items():
            parameter.copy_(tensors[f"adapter.{name}"])
            keys = ("step", "exp_avg", "exp_avg_sq")
            optimiser.state[parameter] = {
                key: tensors[f"optimiser.{key}.{name}"].to("cpu" if key == "step" else device) for key in keys
            }
    torch.set_rng_state(tensors["random.cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(tensors["random.cuda"], device)


@dataclass
class _Progress:
    """What moves from step to step: trained weights, optimiser, schedule, steps done, the journal so far."""

    weights: MasterWeights
    optimiser: object
    schedule: object
    step: int
    journal: list[dict]


def _begin(model, method: dict, steps: int, folder, device) -> _Progress:
    """Return the state to train from: that of the newest checkpoint in ``folder``, or a fresh one."""
    import torch
    from transformers import get_scheduler

    weights = MasterWeights(model)
    optimiser = torch.optim.AdamW(
        weights.values.values(), lr=method["learning_rate"], weight_decay=method.get("weight_decay", 0.0)
    )
    first, journal = 0, []
    resumed = checkpoints.newest(folder)
    if resumed:
        facts, tensors = resumed
        _restore(tensors, weights.values, optimiser, device)
        weights.publish()
        # A checkpoint sorts its keys; the journal's bytes must not tell whether the run was interrupted.
        journal = [{key: entry[key] for key in _JOURNAL_KEYS if key in entry} for entry in facts["journal"]]
        first = facts["step"]
        log.info("resuming after step %d of %d", first, steps)
    schedule = get_scheduler(
        method["schedule"], optimiser, num_warmup_steps=method.get("warmup_steps", 0), num_training_steps=steps
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch expects an optimiser step before each of these
        for _ in range(first):
            schedule.step()
    return _Progress(weights, optimiser, schedule, first, journal)


def _advance(progress: _Progress, batch: list[Example], method: dict, budget: int, device, parts) -> float:
    """Take one optimiser step on a batch, enter it in the journal, and return its loss.

    Raises:
        UserError: The loss is not a number, or twice what guessing costs.
    """
    import torch

    step = progress.step + 1
    count = sum(sum(example.learned[1:]) for example in batch)
    total = 0.0
    for group in micro_batches(batch, budget):
        total += accumulate(*parts, group, 1 / count, device)
        progress.weights.take_gradients()
    norm = float(torch.nn.utils.clip_grad_norm_(progress.weights.values.values(), method["max_grad_norm"]))
    loss = float(total) / count
    # Guessing every token costs the logarithm of the vocabulary.
    if not math.isfinite(norm) or not loss <= 2 * math.log(parts[1].weight.shape[0]):
        names = ", ".join(example.identifier for example in batch)
        raise UserError(f"the loss is {loss:g} at step {step} (records {names}): lower methods.*.learning_rate")
    rate = progress.schedule.get_last_lr()[0]
    progress.optimiser.step()
    progress.weights.publish()
    progress.schedule.step()
    progress.optimiser.zero_grad(set_to_none=True)
    progress.journal.append({"step": step, "loss": loss, "learning_rate": rate, "gradient_norm": norm})
    progress.step = step
    return loss


def split(examples: list[Example], share: float) -> tuple[list[Example], list[Example]]:
    """Return the examples to learn from and those held out: the same ones for every system of a data set."""
    count = round(share * len(examples))
    order = sorted(examples, key=lambda example: hashlib.sha256(example.identifier.encode()).hexdigest())
    return order[count:], order[:count]


def mean_loss(model, parts, examples: list[Example], budget: int, device) -> float:
    """Return the mean cross-entropy of the learned tokens, in nats, dropout off."""
    import torch

    total, count = 0.0, 0
    model.eval()
    with torch.no_grad():
        for group in micro_batches(examples, budget):
            hidden, labels = supervised_states(parts[0], group, device)
            step = _HEAD_ROWS[device.type]
            for start in range(0, len(labels), step):
                rows = slice(start, start + step)
                logits = parts[1](hidden[rows]).float()
                total += float(torch.nn.functional.cross_entropy(logits, labels[rows], reduction="sum").double())
            count += len(labels)
    model.train()
    return total / count


def train(
    model,
    examples: list[Example],
    spec: dict,
    folder,
    settings: dict,
    device,
    parts,
    every: float,
    held_out: list[Example] = (),
    asked_to_stop=None,
):
    """Train the adapter of ``model`` in place, resuming from a checkpoint if there is one.

    Args:
        model: A PEFT model.
        examples: Tokenised records.
        spec: The rule's spec.
        folder: Scratch folder.
        settings: ``{"tokens"}``: padded tokens per device batch.
        device: Where to compute.
        parts: ``(trunk, head)`` of the model.
        every: Seconds between checkpoints.
        held_out: Examples whose loss is journalled now and then.
        asked_to_stop: Called after each step; whether to write a checkpoint and stop.

    Returns:
        The journal, one entry a step and one for each look at the held-out examples; and facts: steps, the
        step resumed at, tokens and seconds of this process.

    Raises:
        UserError: The loss diverges; the step and the records are named.
        Preempted: ``asked_to_stop`` said so; a checkpoint was written.
    """
    from tqdm import tqdm

    method = spec["method"]
    plan = Plan(examples, method["batch_size"], method["epochs"], spec["seed"])
    progress = _begin(model, method, plan.steps, folder, device)
    first = progress.step
    looks = {round(plan.steps * part / _EVALUATIONS) for part in range(_EVALUATIONS + 1)} if held_out else set()

    def look():
        if progress.step in looks and not (progress.journal and "held_out_loss" in progress.journal[-1]):
            found = mean_loss(model, parts, held_out, settings["tokens"], device)
            progress.journal.append({"step": progress.step, "held_out_loss": found})

    look()
    begin = last_save = time.monotonic()
    tokens = 0
    bar = tqdm(range(first, plan.steps), initial=first, total=plan.steps, unit="step", mininterval=2.0)
    for step in bar:
        batch = plan.batch(step)
        loss = _advance(progress, batch, method, settings["tokens"], device, parts)
        look()
        tokens += sum(len(example.tokens) for example in batch)
        speed = tokens / (time.monotonic() - begin)
        bar.set_postfix_str(f"loss {loss:.3f}, {speed:.0f} tokens/s", refresh=False)
        stop = asked_to_stop is not None and asked_to_stop()
        if (stop or time.monotonic() - last_save >= every) and step + 1 < plan.steps:
            state = _state(progress.weights.values, progress.optimiser, device)
            checkpoints.save(folder, step + 1, state, {"journal": progress.journal})
            last_save = time.monotonic()
            if stop:
                raise Preempted(f"asked to stop: step {step + 1} of {plan.steps} is kept")
    progress.weights.hand_over()
    seconds = round(time.monotonic() - begin, 2)
    return progress.journal, {"steps": plan.steps, "resumed_at": first, "tokens": tokens, "train_seconds": seconds}


def export(model, folder, base_name: str) -> None:
    """Write the adapter as PEFT reads it, byte for byte the same for the same weights."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    weights = {name: value.detach().cpu().contiguous() for name, value in get_peft_model_state_dict(model).items()}
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = model.peft_config["default"]
    config.base_model_name_or_path, config.inference_mode = base_name, True
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in config.to_dict().items()}
    text = json.dumps(plain, indent=1, sort_keys=True, default=str) + "\n"
    (folder / "adapter_config.json").write_text(text, encoding="utf-8")
