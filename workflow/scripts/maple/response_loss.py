"""The loss: cross-entropy of the response's tokens, with logits only where one of them is predicted.

Of Gemma's 270M weights 170M are its output layer, so this saves most of the time and memory there.
"""

import torch

from maple.examples import DeviceBatch
from maple.models import Parts

# Rows of logits at a time. On a CPU more do not fit the cache, on a GPU fewer leave it idle.
_HEAD_ROWS = {"cpu": 64, "cuda": 4096}
# A trained output layer has a gradient as large as itself, added up once a slice.
_TRAINED_HEAD_ROWS = {"cpu": 1024, "cuda": 4096}
# With a vocabulary of 262,144 so many rows would take more memory than all else: fp32 logits of a slice at most.
_LOGITS_BYTES = 2**29


def hidden_states(parts: Parts, batch: DeviceBatch):
    """Return the hidden states of packed examples, shape (tokens, hidden)."""
    words = parts.trunk.get_input_embeddings()(batch.tokens)
    if parts.lead is not None:
        lead = parts.lead().to(words.dtype)
        words = words.index_copy(1, batch.virtual, lead.repeat(len(batch.starts) - 1, 1)[None])
    where = {"position_ids": batch.positions, "starts": batch.starts, "longest": batch.longest}
    return parts.trunk(inputs_embeds=words, use_cache=False, **where).last_hidden_state[0]


def _rows(head, device, most: dict[str, int]) -> int:
    """Return how many rows of logits are taken at a time."""
    return max(1, min(most[device.type], _LOGITS_BYTES // (4 * head.weight.shape[0])))


def _summed_loss(logits, labels):
    """Return the summed cross-entropy (fp64, nats) and, on a GPU, the normalisers of the logits, else ``None``."""
    if logits.device.type != "cuda":
        return torch.nn.functional.cross_entropy(logits.float(), labels, reduction="sum").double(), None
    from maple import softmax_kernels

    normalisers = softmax_kernels.normalisers(logits)
    own = logits.gather(1, labels[:, None])[:, 0].float()
    return (normalisers - own).double().sum(), normalisers


@torch.no_grad()
def _in_place(head, states, labels, scale: float):
    """Return what :func:`_head_loss` does, on a GPU, the gradient of the logits written over the logits."""
    from maple import softmax_kernels

    logits = head(states)
    loss, normalisers = _summed_loss(logits, labels)
    softmax_kernels.to_gradient(logits, normalisers, labels, scale)
    return loss, logits @ head.weight


def _by_autograd(head, states, labels, scale: float, trained: list):
    """Return what :func:`_head_loss` does, and add to the gradients of a trained output layer."""
    part = states.detach().requires_grad_()
    loss = torch.nn.functional.cross_entropy(head(part).float(), labels, reduction="sum")
    torch.autograd.backward(loss * scale, inputs=[part, *trained])
    return loss.detach().double(), part.grad


def _head_loss(head, states, labels, scale: float):
    """Return the summed cross-entropy (fp64, nats) and its scaled gradient with respect to the states.

    The output layer is applied to a few rows at a time, forward and backward, so that only a slice of the
    logits exists at once.

    Args:
        head: The output layer.
        states: Hidden states, shape (rows, hidden).
        labels: Token ids, shape (rows,).
        scale: Factor of the gradient.
    """
    total = torch.zeros((), dtype=torch.float64, device=states.device)
    gradient = torch.empty_like(states)
    trained = [weight for weight in head.parameters() if weight.requires_grad]
    step = _rows(head, states.device, _TRAINED_HEAD_ROWS if trained else _HEAD_ROWS)
    for start in range(0, len(states), step):
        rows = slice(start, start + step)
        if trained or states.device.type != "cuda":
            loss, gradient[rows] = _by_autograd(head, states[rows], labels[rows], scale, trained)
        else:
            loss, gradient[rows] = _in_place(head, states[rows], labels[rows], scale)
        total += loss
    return total, gradient


def backward(parts: Parts, batch: DeviceBatch, scale: float):
    """Add a batch's gradients, times ``scale``, to the trained weights and return its summed loss (fp64, nats)."""
    hidden = hidden_states(parts, batch)
    states = hidden.detach().index_select(0, batch.places)
    loss, gradient = _head_loss(parts.head, states, batch.labels, scale)
    hidden.backward(torch.zeros_like(hidden).index_copy_(0, batch.places, gradient))
    return loss


@torch.no_grad()
def summed(parts: Parts, batch: DeviceBatch):
    """Return a batch's summed loss (fp64, nats) without gradients."""
    states = hidden_states(parts, batch).index_select(0, batch.places)
    step = _rows(parts.head, states.device, _HEAD_ROWS)
    total = torch.zeros((), dtype=torch.float64, device=states.device)
    for start in range(0, len(states), step):
        rows = slice(start, start + step)
        total += _summed_loss(parts.head(states[rows]), batch.labels[rows])[0]
    return total
