"""A system's outputs for AlpacaEval's instructions, asked for in the format that adapters are trained on."""

from maple import chat
from maple.canonical import digest
from maple.errors import UserError
from maple.requests import Sequence


def _pieces(instruction: str) -> list[str]:
    """Return the text before a response, in pieces: headings and the instruction."""
    messages = [{"role": "user", "content": instruction.strip()}, {"role": "assistant", "content": ""}]
    return [text for text, learned in chat.render(messages) if not learned]


# An untuned base goes on with a heading of the format, its own next instruction or the response again.
STOP = tuple(heading.strip() for heading in _pieces("")[::2])


def format_digest() -> str:
    """Return the digest of the format."""
    return digest([_pieces("instruction"), STOP])[:16]


def tokens_before(instruction: str, tokenizer) -> tuple[int, ...]:
    """Return the tokens after which a response begins: those of training, which tokenises piece by piece."""
    found = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    for text in _pieces(instruction):
        found += tokenizer.encode(text, add_special_tokens=False)
    return tuple(found)


def compute(items: list[dict], engine, tokenizer, new: int, progress=None) -> tuple[list[dict], int]:
    """Return one record per item, in the order of the items, and how many tokens were read.

    Args:
        items: Prepared items.
        engine: :class:`maple.engine.Engine`.
        tokenizer: The model's.
        new: Tokens of an output at most.
        progress: Called with the number of outputs done.

    Raises:
        UserError: An instruction with its output is longer than the model can take; its id is named.
    """
    from maple import generation

    sequences = []
    for place, item in enumerate(items):
        tokens = tokens_before(item["instruction"], tokenizer)
        if len(tokens) + new > engine.longest:
            raise UserError(
                f"AlpacaEval item {item['id']} has {len(tokens)} tokens, with {new} for the output more than the "
                f"{engine.longest} that the model can take: lower alpaca_eval.max_new_tokens"
            )
        sequences.append(Sequence((place, 0), tokens, len(tokens)))
    texts, count = generation.generate(engine, sequences, tokenizer, new, STOP, progress)
    prompt = format_digest()
    records = [
        {"id": item["id"], "language": "en", "output": text.strip(), "raw": text, "prompt": prompt}
        for item, text in zip(items, texts, strict=True)
    ]
    return records, count
