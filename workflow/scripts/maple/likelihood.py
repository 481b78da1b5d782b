"""Log-likelihoods of continuations, each token that sequences share computed once."""

import torch

from maple import tries

_WIDEST = {"cpu": 512, "cuda": 2048}


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

    Tokens that follow the same place share one row of logits. Logits are taken to fp32 before the
    log-softmax: in bf16 a sum near -200 has a resolution of 1, which ties options that differ.
    """
    rows, columns = torch.tensor(places).T.to(hidden.device, non_blocking=True)
    states = hidden[rows, columns]
    judged = torch.tensor(judged)
    step = engine.head_rows()
    # The judged tokens are sorted by their place, so those of a slice of places are neighbours.
    bounds = torch.searchsorted(judged[:, 0].contiguous(), torch.arange(0, len(places) + step, step)).tolist()
    owners, labels = judged.T.to(hidden.device, non_blocking=True)
    found = []
    for number, start in enumerate(range(0, len(places), step)):
        logits = engine.parts.head(states[start : start + step]).float()
        part = slice(bounds[number], bounds[number + 1])
        local = owners[part] - start
        found.append(logits[local, labels[part]] - logits.logsumexp(-1)[local])
    return torch.cat(found)


def score(engine, sequences, progress=None) -> tuple[list[float], int]:
    """Return the log-likelihood of the judged part of each sequence.

    Args:
        engine: :class:`maple.engine.Engine`.
        sequences: :class:`maple.requests.Sequence`, all with the same demonstrations for the best speed.
        progress: Called with the number of sequences done.

    Returns:
        Natural-log likelihoods, summed in fp64, in the order given; and the number of tokens put through
        the model, those shared counted once.
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
