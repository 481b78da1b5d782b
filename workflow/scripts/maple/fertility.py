"""How many tokens a model's tokenizer makes of a language's text."""

from dataclasses import dataclass

# ISO 15924 codes of scripts that put no space between words; there a "word" between spaces is a clause.
WITHOUT_SPACES = {"Hans", "Hant", "Jpan", "Khmr", "Laoo", "Mymr", "Thai", "Tibt"}


@dataclass(frozen=True)
class Counts:
    """What some texts hold.

    Attributes:
        texts: Number of different texts.
        tokens: Tokens of the tokenizer, without those it adds around a text.
        words: Runs of characters between spaces.
        characters: Characters that are no space.
    """

    texts: int
    tokens: int
    words: int
    characters: int


def texts_of(items: list[dict], values: dict[str, tuple[str, ...]]) -> list[str]:
    """Return the different texts of a benchmark's items; fields that only name one of a few values are no text.

    Args:
        items: Normalised items.
        values: Such fields of the benchmark.
    """
    return list(dict.fromkeys(text for item in items for name, text in item["fields"].items() if name not in values))


def count(texts: list[str], tokenizer) -> Counts:
    """Return what some texts hold."""
    tokens = sum(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts)
    words = [text.split() for text in texts]
    return Counts(len(texts), tokens, sum(map(len, words)), sum(len(word) for text in words for word in text))


def unit(script: str) -> str:
    """Return what tokens are counted per in a script: word or character."""
    return "character" if script in WITHOUT_SPACES else "word"
