"""Training examples: tokenised records, which are held out, which make up a step, how they are packed."""

import hashlib
import math
from dataclasses import dataclass

from maple import chat


@dataclass(frozen=True)
class Example:
    """A tokenised record: ``tokens`` and, of equal length, whether each token is to be learned."""

    identifier: str
    tokens: tuple[int, ...]
    learned: tuple[bool, ...]

    @property
    def labels(self) -> int:
        """How many of its tokens a loss is taken of."""
        return sum(self.learned[1:])


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


def split(examples: list[Example], share: float) -> tuple[list[Example], list[Example]]:
    """Return the examples to learn from and those held out: the same ones for every system of a data set."""
    count = round(share * len(examples))
    order = sorted(examples, key=lambda example: hashlib.sha256(example.identifier.encode()).hexdigest())
    return order[count:], order[:count]


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
        order = torch.randperm(len(self._examples), generator=generator)
        chosen = order[position * self._batch_size : (position + 1) * self._batch_size]
        return [self._examples[index] for index in chosen.tolist()]


def _by_length(examples: list[Example]) -> list[Example]:
    return sorted(examples, key=lambda example: (len(example.tokens), example.identifier))


def portion(batch: list[Example], rank: int, count: int) -> list[Example]:
    """Return what one of ``count`` processes takes of a global batch: about equally many tokens each."""
    return _by_length(batch)[rank::count]


def packs(examples: list[Example], budget: int, lead: int = 0) -> list[list[Example]]:
    """Split examples into groups of about equally many tokens, at most ``budget``, ``lead`` more before each counted.

    One example longer than the budget still makes a group of its own.
    """
    total = sum(lead + len(example.tokens) for example in examples)
    target = total / max(1, math.ceil(total / budget))
    groups, size = [], math.inf
    for example in _by_length(examples):
        length = lead + len(example.tokens)
        if size >= target or size + length > budget:
            groups.append([])
            size = 0
        groups[-1].append(example)
        size += length
    return groups


@dataclass(frozen=True)
class DeviceBatch:
    """A group of examples on its device, one after another in one row.

    Attributes:
        tokens: Token ids, shape (1, tokens); 0 where virtual tokens belong.
        positions: Places within each example, shape (1, tokens).
        starts: Where each example begins, and where the last one ends, shape (examples + 1,), int32.
        longest: Tokens of the longest example.
        virtual: Places of the virtual tokens, shape (examples * virtual tokens,).
        places: Of each label, the place of the token before it, which predicts it.
        labels: Token ids to be learned, shape (labels,).
    """

    tokens: object
    positions: object
    starts: object
    longest: int
    virtual: object
    places: object
    labels: object


def stage(group: list[Example], device, lead: int = 0) -> DeviceBatch:
    """Send a group to the device, without waiting for it to arrive; ``lead`` virtual tokens go before each example."""
    import torch

    tokens, positions, starts, virtual, places, labels = [], [], [0], [], [], []
    for example in group:
        first = len(tokens) + lead
        virtual += range(len(tokens), first)
        for place, (token, learn) in enumerate(zip(example.tokens[1:], example.learned[1:], strict=True), first):
            if learn:
                places.append(place)
                labels.append(token)
        tokens += [0] * lead + list(example.tokens)
        positions += range(lead + len(example.tokens))
        starts.append(len(tokens))
    lists = ([tokens], [positions], virtual, places, labels)
    parts = [torch.tensor(part, dtype=torch.long) for part in lists]
    parts.append(torch.tensor(starts, dtype=torch.int32))
    if device.type == "cuda":
        parts = [part.pin_memory().to(device, non_blocking=True) for part in parts]
    tokens, positions, virtual, places, labels, starts = parts
    longest = lead + max(len(example.tokens) for example in group)
    return DeviceBatch(tokens, positions, starts, longest, virtual, places, labels)
