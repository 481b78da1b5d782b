"""Scoring options by likelihood, with what the options of an item share computed once.

The options of an item are laid out as a tree in one row: the tokens they share, then each option's own
tokens. A mask lets every token see its own path only and position ids count along that path, so the
numbers are those of one plain forward pass per option.
"""

from dataclasses import dataclass

_HEAD_ROWS = 64


@dataclass(frozen=True)
class Tree:
    """An item's options as one row of tokens.

    Attributes:
        key: Whatever the caller needs to find the item again.
        prefix: Tokens that all options share.
        tails: Each option's own tokens, at least one.
    """

    key: object
    prefix: tuple[int, ...]
    tails: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        """Tokens in the row."""
        return len(self.prefix) + sum(map(len, self.tails))


def tree(key, tokenizer, context: str, options: list[str]) -> Tree:
    """Return the tree of ``context + option`` for each option.

    Context and option are tokenised as one text, so a token may span the seam; the shared tokens are
    found in the tokens, not in the template.
    """
    sequences = [tuple(tokenizer.encode(context + option)) for option in options]
    shortest = min(map(len, sequences))
    shared = 0
    while shared < shortest - 1 and len({sequence[shared] for sequence in sequences}) == 1:
        shared += 1
    return Tree(key, sequences[0][:shared], tuple(sequence[shared:] for sequence in sequences))


def batches(trees: list[Tree], budget: int) -> list[list[Tree]]:
    """Group trees of similar length so that no padded batch exceeds ``budget`` tokens (one tree may)."""
    groups = []
    for item in sorted(trees, key=len):
        if groups and (len(groups[-1]) + 1) * len(item) <= budget:
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


def _lay_out(group: list[Tree]):
    """Return tokens, positions and the visibility mask of a batch, and where each tail token is predicted.

    Shapes: tokens and positions (rows, width); visible (rows, 1, width, width), boolean. The targets are
    four equally long lists: row, place of the predicting token, label, (tree index, option index).
    """
    import torch

    width = max(map(len, group))
    tokens = torch.zeros(len(group), width, dtype=torch.long)
    positions = torch.zeros(len(group), width, dtype=torch.long)
    # -1 is padding, 0 the shared prefix, 1.. the options.
    branch = torch.full((len(group), width), -1)
    rows, places, labels, owners = [], [], [], []
    for row, item in enumerate(group):
        shared = len(item.prefix)
        tokens[row, :shared] = torch.tensor(item.prefix)
        positions[row, :shared] = torch.arange(shared)
        branch[row, :shared] = 0
        start = shared
        for option, tail in enumerate(item.tails):
            end = start + len(tail)
            tokens[row, start:end] = torch.tensor(tail)
            positions[row, start:end] = torch.arange(shared, shared + len(tail))
            branch[row, start:end] = option + 1
            rows += [row] * len(tail)
            places += [shared - 1, *range(start, end - 1)]
            labels += tail
            owners += [(row, option)] * len(tail)
            start = end
    order = torch.arange(width)
    earlier = order[None, :] <= order[:, None]
    same_path = (branch[:, None, :] == 0) | (branch[:, None, :] == branch[:, :, None])
    # Padding sees itself, since a row of the mask with nothing in it gives NaN.
    visible = (earlier & same_path & (branch[:, None, :] >= 0)) | torch.eye(width, dtype=torch.bool)
    return tokens, positions, visible[:, None], (rows, places, labels, owners)


def _masks(config, visible, positions):
    """Return the mask in the form the architecture takes: limited to the window where attention slides."""
    window = getattr(config, "sliding_window", None)
    if not window:
        return visible
    distance = positions[:, None, :, None] - positions[:, None, None, :]
    sliding = visible & (distance < window)
    kinds = set(getattr(config, "layer_types", None) or ["sliding_attention"])
    if kinds == {"full_attention"}:
        return visible
    if kinds == {"sliding_attention"}:
        return sliding
    return {"full_attention": visible, "sliding_attention": sliding}


def score(parts, config, group: list[Tree], device) -> list[list[float]]:
    """Return the log-likelihood of each option's own tokens, for each tree of a batch.

    Logits are taken to fp32 before the log-softmax and summed in fp64: in bf16 a sum near -200 has a
    resolution of 1, which ties options that differ.

    Args:
        parts: ``(trunk, head)`` of the model.
        config: The model's configuration.
        group: Trees.
        device: Where the model is.

    Returns:
        Natural-log likelihoods, one list per tree in option order.
    """
    import torch

    tokens, positions, visible, (rows, places, labels, owners) = _lay_out(group)
    trunk, head = parts
    visible, positions = visible.to(device), positions.to(device)
    result = [[0.0] * len(item.tails) for item in group]
    with torch.inference_mode():
        hidden = trunk(
            input_ids=tokens.to(device),
            position_ids=positions,
            attention_mask=_masks(config, visible, positions),
            use_cache=False,
        ).last_hidden_state
        wanted = hidden[torch.tensor(rows), torch.tensor(places)]
        labels = torch.tensor(labels, device=device)
        found = []
        # Few rows at a time: with a vocabulary of 262,144 the logits of one row are a megabyte.
        for start in range(0, len(labels), _HEAD_ROWS):
            part = slice(start, start + _HEAD_ROWS)
            logits = head(wanted[part]).float()
            own = logits.gather(1, labels[part, None])[:, 0]
            found += (own - logits.logsumexp(-1)).double().tolist()
    for (row, option), value in zip(owners, found, strict=True):
        result[row][option] += value
    return result
