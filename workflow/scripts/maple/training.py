"""Training a model's adapter on examples: steps, checkpoints, the journal."""

import math
import time
import warnings
from dataclasses import dataclass

from maple import checkpoints, response_loss
from maple.errors import Preempted, UserError
from maple.examples import Example, Plan, packs, portion, stage
from maple.logs import log
from maple.master_weights import MasterWeights
from maple.workers import ALONE, Team

_JOURNAL_KEYS = ("step", "loss", "learning_rate", "gradient_norm", "held_out_loss")
# Held-out loss is taken before the first step and after each of this many parts of the training.
_EVALUATIONS = 4
_OPTIMISER_KEYS = ("step", "exp_avg", "exp_avg_sq")


@dataclass
class _Progress:
    """What moves from step to step: trained weights, optimiser, schedule, steps done, the journal so far."""

    weights: MasterWeights
    optimiser: object
    schedule: object
    step: int
    journal: list[dict]


def _state(progress: _Progress) -> dict:
    """Return everything a resumed run needs, as named tensors."""
    flat = progress.weights.flat
    return {"weights": flat} | {f"optimiser.{key}": progress.optimiser.state[flat][key] for key in _OPTIMISER_KEYS}


def _restore(tensors: dict, weights: MasterWeights, optimiser, device) -> None:
    """Put a checkpoint's tensors back."""
    import torch

    with torch.no_grad():
        weights.flat.copy_(tensors["weights"])
    weights.publish()
    optimiser.state[weights.flat] = {key: tensors[f"optimiser.{key}"].to(device) for key in _OPTIMISER_KEYS}


def _begin(model, method: dict, steps: int, folder, device) -> _Progress:
    """Return the state to train from: that of the newest checkpoint in ``folder``, or a fresh one."""
    import torch
    from transformers import get_scheduler

    weights = MasterWeights(model)
    optimiser = torch.optim.AdamW(
        [weights.flat],
        lr=method["learning_rate"],
        weight_decay=method.get("weight_decay", 0.0),
        fused=device.type == "cuda",
    )
    first, journal = 0, []
    resumed = checkpoints.newest(folder)
    if resumed:
        facts, tensors = resumed
        _restore(tensors, weights, optimiser, device)
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


def _advance(progress: _Progress, staged: list, labels: int, method: dict, parts, team: Team):
    """Take one optimiser step on the staged part of a global batch, without waiting for the device.

    Args:
        progress: Changed in place.
        staged: Device batches of this process.
        labels: Learned tokens of the whole global batch.
        method: The spec's method.
        parts: The model's parts.
        team: The processes that share the global batch.

    Returns:
        The mean loss of the global batch and the norm of its gradient, on the device.
    """
    import torch

    flat = progress.weights.flat
    total = torch.zeros((), dtype=torch.float64, device=flat.device)
    for batch in staged:
        total += response_loss.backward(parts, batch, 1 / labels)
        progress.weights.take_gradients()
    team.add_up(flat.grad, total)
    norm = torch.nn.utils.clip_grad_norm_([flat], method["max_grad_norm"])
    progress.optimiser.step()
    progress.weights.publish()
    progress.schedule.step()
    flat.grad.zero_()
    progress.step += 1
    return total / labels, norm.double()


def _checked(loss: float, norm: float, step: int, batch: list[Example], vocabulary: int, folder) -> None:
    """Stop a training that has gone astray.

    Raises:
        UserError: The loss is not a number, or twice what guessing costs.
    """
    # Guessing every token costs the logarithm of the vocabulary.
    if not math.isfinite(norm) or not loss <= 2 * math.log(vocabulary):
        names = ", ".join(example.identifier for example in batch)
        kept = checkpoints.newest(folder)
        last = f"the last good checkpoint is of step {kept[0]['step']}" if kept else "there is no checkpoint yet"
        raise UserError(f"the loss is {loss:g} at step {step} (records {names}); {last}: lower methods.*.learning_rate")


def mean_loss(model, parts, examples: list[Example], budget: int, device, team: Team = ALONE) -> float:
    """Return the mean cross-entropy of the learned tokens, in nats, the adapter's dropout off."""
    import torch

    total = torch.zeros((), dtype=torch.float64, device=device)
    # Only dropout is told, not the whole model: layers of bitsandbytes change their weights' form in evaluation mode.
    dropouts = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    for module in dropouts:
        module.eval()
    for group in packs(portion(examples, team.rank, team.count), budget, parts.lead_length):
        total += response_loss.summed(parts, stage(group, device, parts.lead_length))
    for module in dropouts:
        module.train()
    team.add_up(total)
    return float(total) / sum(example.labels for example in examples)


def _staged(plan: Plan, step: int, budget: int, parts, device, team: Team) -> tuple[list[Example], list]:
    """Return a step's global batch and, on its way to the device, this process's part; nothing after the last step."""
    if step >= plan.steps:
        return [], []
    batch = plan.batch(step)
    groups = packs(portion(batch, team.rank, team.count), budget, parts.lead_length)
    return batch, [stage(group, device, parts.lead_length) for group in groups]


def _signals(stopping: bool, due: bool, device, team: Team):
    """Return, on the device, whether any process is to stop and whether a checkpoint is due by the first one's clock.

    By its own clock, one process would wait for the others where they are not.
    """
    import torch

    found = torch.tensor([stopping, due and team.rank == 0], dtype=torch.float64, device=device)
    team.add_up(found)
    return found


def _save(progress: _Progress, folder, settings: dict, device, team: Team) -> None:
    """Write a checkpoint; all processes come out when it is there, as who leaves first has the others ended."""
    if team.rank == 0:
        facts = {"journal": progress.journal, "settings": settings}
        checkpoints.save(folder, progress.step, _state(progress), facts)
    team.meet(device)


def train(
    model,
    parts,
    examples: list[Example],
    spec: dict,
    folder,
    settings: dict,
    device,
    every: float,
    held_out: list[Example] = (),
    asked_to_stop=lambda: False,
    team: Team = ALONE,
):
    """Train the adapter of ``model`` in place, resuming from a checkpoint if there is one.

    Args:
        model: What :func:`maple.adapters.attach_new` returned.
        parts: Its :class:`maple.models.Parts`.
        examples: Tokenised records.
        spec: The rule's spec.
        folder: Scratch folder.
        settings: ``{"tokens"}``: tokens per device batch.
        device: Where to compute.
        every: Seconds between checkpoints.
        held_out: Examples whose loss is journalled now and then.
        asked_to_stop: Called after each step; whether to write a checkpoint and stop.
        team: The processes that train together; the first one writes.

    Returns:
        The journal, one entry a step and one for each look at the held-out examples; and facts: steps, the
        step resumed at, tokens (of all processes) and seconds since then.

    Raises:
        UserError: The loss diverges; the step and the records are named.
        Preempted: ``asked_to_stop`` said so; a checkpoint was written.
    """
    import torch
    from tqdm import tqdm

    method, budget = spec["method"], settings["tokens"]
    plan = Plan(examples, method["batch_size"], method["epochs"], spec["seed"])
    progress = _begin(model, method, plan.steps, folder, device)
    first, vocabulary = progress.step, parts.head.weight.shape[0]
    looks = {round(plan.steps * part / _EVALUATIONS) for part in range(_EVALUATIONS + 1)} if held_out else set()

    def look():
        if progress.step in looks and not (progress.journal and "held_out_loss" in progress.journal[-1]):
            found = mean_loss(model, parts, held_out, budget, device, team)
            progress.journal.append({"step": progress.step, "held_out_loss": found})

    look()
    begin = last_save = time.monotonic()
    tokens = 0
    batch, staged = _staged(plan, first, budget, parts, device, team)
    steps = range(first + 1, plan.steps + 1)
    bar = tqdm(steps, initial=first, total=plan.steps, unit="step", mininterval=2.0, disable=team.rank > 0)
    for step in bar:
        rate = progress.schedule.get_last_lr()[0]
        # Dropout's numbers follow from the step, so that no resumed run needs to know how many were drawn before.
        torch.manual_seed((spec["seed"] * 1_000_003 + step) * 1_009 + team.rank)
        found = _advance(progress, staged, sum(example.labels for example in batch), method, parts, team)
        done, (batch, staged) = batch, _staged(plan, step, budget, parts, device, team)
        signals = _signals(asked_to_stop(), time.monotonic() - last_save >= every, device, team)
        # The only wait of a step; the next batch is on its way by now.
        loss, norm, stop, due = torch.cat([torch.stack(found), signals]).tolist()
        _checked(loss, norm, step, done, vocabulary, folder)
        progress.journal.append({"step": step, "loss": loss, "learning_rate": rate, "gradient_norm": norm})
        look()
        tokens += sum(len(example.tokens) for example in done)
        bar.set_postfix_str(f"loss {loss:.3f}, {tokens / (time.monotonic() - begin):.0f} tokens/s", refresh=False)
        if (stop or due) and step < plan.steps:
            _save(progress, folder, settings, device, team)
            last_save = time.monotonic()
            if stop:
                raise Preempted(f"asked to stop: step {step} of {plan.steps} is kept")
    progress.weights.hand_over()
    seconds = round(time.monotonic() - begin, 2)
    return progress.journal, {"steps": plan.steps, "resumed_at": first, "tokens": tokens, "train_seconds": seconds}
