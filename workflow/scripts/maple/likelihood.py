"""Log-likelihoods of continuations, each token that sequences share computed once."""

import torch

from maple import tries
from maple.engine import within_memory

_WIDEST = {"cpu": 512, "cuda": 2048}
# States and words that the output layer takes at a time on a CPU: their logits fit a core's cache, and
# the layer's weights are read from memory once for many states.
_STATES, _WORDS = 512, 1024


def _targets(group, sequences, skip: int):
    """Return which nodes of a batch are judged, and what each sequence adds up.

    Returns:
        Places that predict a judged token, as (row, place), sorted; the judged tokens, as (number of the
        predicting place, token), in the same order; and for each sequence its number and the positions
        of its judged tokens in that list.
    """
    places, judged, wanted = [], [], []
    for number, row in enumerate(group):
        parents, nodes = {}, {}
        for sequence, path in row.paths:
            for node in path[sequences[sequence].start - skip :]:
                nodes[node] = None
                parents[row.parent[node]] = None
        for parent in sorted(parents):
            parents[parent] = len(places)
            places.append((number, parent))
        for node in sorted(nodes, key=row.parent.__getitem__):
            nodes[node] = len(judged)
            judged.append((parents[row.parent[node]], row.tokens[node]))
        for sequence, path in row.paths:
            wanted.append((sequence, [nodes[node] for node in path[sequences[sequence].start - skip :]]))
    return places, judged, wanted


def _log_likelihoods(engine, hidden, places, judged):
    """Return the log-likelihood of each judged token, fp32, on the device.

    Tokens that follow the same place share one normaliser. The token's own logit is taken as the fp32 product of its
    state and its row of the output layer: a bf16 logit near 20 has a resolution of 1/8, which ties letters that differ.
    """
    rows, columns = torch.tensor(places).T.to(hidden.device, non_blocking=True)
    states = hidden[rows, columns]
    judged = torch.tensor(judged)
    step = engine.head_rows() if hidden.device.type == "cuda" else _STATES
    # The judged tokens are sorted by their place, so those of a slice of places are neighbours.
    bounds = torch.searchsorted(judged[:, 0].contiguous(), torch.arange(0, len(places) + step, step)).tolist()
    owners, labels = judged.T.to(hidden.device, non_blocking=True)
    found = []
    for number, start in enumerate(range(0, len(places), step)):
        part = slice(bounds[number], bounds[number + 1])
        normaliser = _normalisers(engine.parts.head, states[start : start + step])[owners[part] - start]
        own = (states[owners[part]].float() * engine.parts.head.weight[labels[part]].float()).sum(-1)
        # In the sum the token stands with its rounded logit: put the exact one in its place, or p could exceed 1.
        rounded = own.to(states.dtype).float()
        correction = (own - normaliser).exp() - (rounded - normaliser).exp()
        found.append(own - normaliser - torch.log1p(correction.clamp(min=-0.999)))
    return torch.cat(found)


def _normalisers(head, states):
    """Return the logarithm of the sum of all exponentiated logits of each state, fp32, shape (states,)."""
    if states.device.type == "cuda":
        from maple import softmax_kernels

        return softmax_kernels.normalisers(head(states))
    # On a CPU the output layer is applied to a part of the vocabulary at a time: the logits then stay in the cache.
    largest = states.new_full((len(states), 1), -torch.inf, dtype=torch.float32)
    total = torch.zeros_like(largest)
    for start in range(0, head.weight.shape[0], _WORDS):
        logits = torch.nn.functional.linear(states, head.weight[start : start + _WORDS]).float()
        larger = torch.maximum(largest, logits.amax(-1, keepdim=True))
        total = total * (largest - larger).exp_() + logits.sub_(larger).exp_().sum(-1, keepdim=True)
        largest = larger
    return (largest + total.log())[:, 0]


@within_memory()
def score(engine, sequences, progress=None) -> tuple[list[float], int]:
    """Return the log-likelihood of the judged part of each sequence.

    Args:
        engine: :class:`maple.engine.Engine`.
        sequences: :class:`maple.requests.Sequence`, all with the same demonstrations for the best speed.
        progress: Called with the number of sequences done.

    Returns:
        Natural-log likelihoods, summed in fp64, in the order given; and the number of tokens put through
        the model, those shared counted once.

    Raises:
        UserError: The device's memory ran out.
    """
    skip = tries.shared_prefix(sequences)
    result, pending = [0.0] * len(sequences), []
    with torch.inference_mode():
        prefix = engine.prefix(sequences[0].tokens[:skip])
        found = tries.rows(sequences, skip, _WIDEST[engine.device.type])
        for group in tries.batches(found, engine.budget()):
            hidden, _ = engine.run(group, prefix)
            places, judged, wanted = _targets(group, sequences, skip)
            pending.append((_log_likelihoods(engine, hidden, places, judged), wanted))
            if progress:
                progress(len(wanted))
        # Read back only now, so that the device never waits for the host.
        for values, wanted in pending:
            values = values.double().tolist()
            for sequence, nodes in wanted:
                result[sequence] = sum(values[node] for node in nodes)
    return result, skip + sum(map(len, found))
