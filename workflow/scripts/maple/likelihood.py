"""Log-likelihoods of continuations, each token that sequences share computed once."""

import torch

from maple import tries

_WIDEST = {"cpu": 512, "cuda": 2048}


def _targets(group, sequences, skip: int):
    """Return which nodes of a batch are judged, and what each sequence adds up.

    Returns:
        Row, predicting place and token of each judged node (three lists, sorted by row and place), and
        for each sequence its number and the positions of its judged nodes in these lists.
    """
    chosen, wanted = {}, []
    for number, row in enumerate(group):
        for sequence, path in row.paths:
            nodes = path[sequences[sequence].start - skip :]
            wanted.append((sequence, [(number, row.parent[node], node) for node in nodes]))
            for node in nodes:
                chosen[number, row.parent[node], node] = row.tokens[node]
    order = {key: place for place, key in enumerate(sorted(chosen))}
    judged = sorted(chosen)
    lists = [key[0] for key in judged], [key[1] for key in judged], [chosen[key] for key in judged]
    return lists, [(sequence, [order[key] for key in keys]) for sequence, keys in wanted]


def _log_likelihoods(engine, hidden, rows, places, labels):
    """Return the log-likelihood of each judged token, fp32, on the device.

    Tokens that follow the same place share one row of logits. Logits are taken to fp32 before the
    log-softmax: in bf16 a sum near -200 has a resolution of 1, which ties options that differ.
    """
    where = torch.tensor([rows, places])
    unique, owner = torch.unique_consecutive(where, dim=1, return_inverse=True)
    states = hidden[unique[0].to(hidden.device), unique[1].to(hidden.device)]
    labels = torch.tensor(labels, device=hidden.device)
    step = engine.head_rows()
    # The judged tokens are sorted by their place, so those of a slice of places are neighbours.
    bounds = torch.searchsorted(owner, torch.arange(0, states.shape[0] + step, step)).tolist()
    owner = owner.to(hidden.device)
    found = []
    for number, start in enumerate(range(0, states.shape[0], step)):
        logits = engine.head(states[start : start + step]).float()
        part = slice(bounds[number], bounds[number + 1])
        local = owner[part] - start
        found.append(logits[local, labels[part]] - logits.logsumexp(-1)[local])
    return torch.cat(found)


def score(engine, sequences, progress=None) -> list[float]:
    """Return the log-likelihood of the judged part of each sequence.

    Args:
        engine: :class:`maple.engine.Engine`.
        sequences: :class:`maple.requests.Sequence`, all with the same demonstrations for the best speed.
        progress: Called with the number of sequences done.

    Returns:
        Natural-log likelihoods, summed in fp64, in the order given.
    """
    skip = tries.shared_prefix(sequences)
    result, pending = [0.0] * len(sequences), []
    with torch.inference_mode():
        prefix = engine.prefix(sequences[0].tokens[:skip])
        found = tries.rows(sequences, skip, _WIDEST[engine.device.type])
        for group in tries.batches(found, engine.budget()):
            hidden, _ = engine.run(group, prefix)
            lists, wanted = _targets(group, sequences, skip)
            pending.append((_log_likelihoods(engine, hidden, *lists), wanted))
            if progress:
                progress(len(wanted))
        # Read back only now, so that the device never waits for the host.
        for values, wanted in pending:
            values = values.double().tolist()
            for sequence, nodes in wanted:
                result[sequence] = sum(values[node] for node in nodes)
    return result


def tokens_run(sequences) -> int:
    """Return how many tokens :func:`score` puts through the model, padding not counted."""
    skip = tries.shared_prefix(sequences)
    widest = max(_WIDEST.values())
    return skip + sum(map(len, tries.rows(sequences, skip, widest)))
