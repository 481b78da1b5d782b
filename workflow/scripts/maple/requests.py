"""From items to token sequences: demonstrations in front, the part to be judged marked, everything fitted in."""

from dataclasses import dataclass

from maple.errors import UserError


@dataclass(frozen=True)
class Sequence:
    """Tokens for the model.

    Attributes:
        key: ``(item's place, option's place)``; the option is 0 where text is generated.
        tokens: Token ids.
        start: Where the part to be judged begins, at least 1; the length where text is generated.
    """

    key: tuple[int, int]
    tokens: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class Fitted:
    """What is asked of the model for one item.

    Attributes:
        shots: Demonstrations left.
        options: Text of each option; empty where text is generated.
        sequences: One per option, or the only one.
    """

    shots: int
    options: dict[str, str]
    sequences: list[Sequence]


def encode(tokenizer, texts: list[str]) -> list[list[int]]:
    """Return the token ids of each text, special tokens as the tokenizer adds them."""
    return tokenizer(texts, return_attention_mask=False)["input_ids"] if texts else []


def _first(tokenizer) -> int:
    """Return the token that stands before an empty context: BOS, or EOS where a model has no BOS."""
    return tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id


def _tokenise(tokenizer, batch: list[tuple[int, str, list[str]]]) -> dict[int, list[Sequence]]:
    """Return the sequences of ``(place, context, continuations)``; no continuations: the context alone.

    Context and continuation are tokenised as one text, so that a token may span the seam. As in
    lm-evaluation-harness, spaces at the end of the context count as the continuation's, and the
    continuation is what follows as many tokens as the context alone has.
    """
    contexts, wholes, owners = [], [], []
    for place, context, continuations in batch:
        bare = context.rstrip() if continuations else context
        contexts.append(bare)
        for number, text in enumerate(continuations or [""]):
            wholes.append(context + text)
            owners.append((place, number, len(contexts) - 1))
    lengths = [len(ids) for ids in encode(tokenizer, contexts)]
    empty = len(tokenizer("")["input_ids"])
    found = {place: [] for place, *_ in batch}
    for (place, number, context), ids in zip(owners, encode(tokenizer, wholes), strict=True):
        start = lengths[context] if contexts[context] else empty
        if not batch[context][2]:
            start = len(ids)
        elif start >= len(ids):
            start = len(ids) - 1
        if start == 0 or not ids:
            ids, start = [_first(tokenizer), *ids], start + 1
        found[place].append(Sequence((place, number), tuple(ids), start))
    return found


def fit(items: list[dict], shots: list[dict], prompts, tokenizer, longest: int, scored: bool) -> list[Fitted]:
    """Return what is asked of the model for each item.

    Where an item with all its demonstrations is longer than the model can take, demonstrations are
    dropped one at a time, the last first; the item itself is never cut.

    Args:
        items: Normalised items of one language.
        shots: Demonstrations, in the order shown.
        prompts: The prompt set.
        tokenizer: The model's.
        longest: Tokens that the model can take, room for generated ones already taken off.
        scored: Whether options are scored; otherwise text is generated after the context.

    Raises:
        UserError: An item does not fit by itself; its id is named.
    """
    shown = [prompts.demonstration(shot) for shot in shots]
    rendered = [prompts.render(item) for item in items]
    result, waiting = [None] * len(items), dict.fromkeys(range(len(items)), len(shots))
    while waiting:
        batch = []
        for place, left in waiting.items():
            context, options = rendered[place]
            batch.append((place, "".join(shown[:left]) + context, list(options.values()) if scored else []))
        again = {}
        for place, sequences in _tokenise(tokenizer, batch).items():
            left = waiting[place]
            if max(len(sequence.tokens) for sequence in sequences) <= longest:
                result[place] = Fitted(left, rendered[place][1], sequences)
            elif left:
                again[place] = left - 1
            else:
                raise UserError(
                    f"item {items[place]['id']} ({items[place]['language']}) has more than the {longest} tokens that "
                    f"the model can take: leave it out or choose a model with a longer context"
                )
        waiting = again
    return result
