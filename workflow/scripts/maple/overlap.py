"""Which training records repeat text of the benchmarks."""

import re
import unicodedata

# 13 words is the length at which GPT-3's authors called a repetition contamination (Brown et al. 2020, app. C).
_WORDS = 13
# Scripts without spaces between words are compared by characters.
_CHARACTERS = 30
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def grams(text: str) -> set[str]:
    """Return the n-grams of a text: of 13 words, or of 30 characters in scripts without spaces.

    Case, punctuation and spacing do not count. A shorter text has none: it is too short to tell a copy from
    a coincidence.
    """
    plain = "".join(
        " " if unicodedata.category(character)[0] in "PSZC" else character
        for character in unicodedata.normalize("NFKC", text).casefold()
    )
    letters = plain.replace(" ", "")
    if len(_UNSPACED.findall(letters)) > len(letters) / 2:
        return {letters[start : start + _CHARACTERS] for start in range(len(letters) - _CHARACTERS + 1)}
    words = plain.split()
    return {" ".join(words[start : start + _WORDS]) for start in range(len(words) - _WORDS + 1)}


class Overlap:
    """The n-grams of benchmark items, to be asked for training records."""

    def __init__(self):
        """Begin with nothing."""
        self._owner = {}

    def add(self, benchmark: str, items: list[dict]) -> None:
        """Take in the text fields of normalised items."""
        for item in items:
            for text in item["fields"].values():
                for gram in grams(text):
                    self._owner.setdefault(gram, benchmark)

    def benchmark(self, messages: list[dict]) -> str | None:
        """Return a benchmark that a conversation shares an n-gram with, or ``None``."""
        for message in messages:
            for gram in grams(message["content"]):
                if gram in self._owner:
                    return self._owner[gram]
        return None
