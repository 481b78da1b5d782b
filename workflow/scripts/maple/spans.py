r"""SQuAD exact match and token F1 of answers, with MLQA's normalisation by language.

The rules are those of MLQA's official script, mlqa_evaluation_v1.py (Lewis et al. 2020): lower-case, delete
punctuation, blank out articles, cut into tokens. Where they surprise, they are kept, so that scores compare:

* Punctuation is Unicode's categories P* and ASCII's symbols (``$+<=>^`|~``). It is deleted, not replaced
  by a space: "twenty-one" is one token. SQuAD v1.1 itself deletes ASCII punctuation only.
* Arabic loses every "ال", inside words too: "العالم" gives "ع م". The script's pattern, ``\sال^|ال``,
  has a first alternative that can never match, so what remains is its second.
* Chinese: each character of U+4E00 to U+9FA5 is a token; what is between them is split at whitespace.
  The script also makes each punctuation mark a token, but deletes punctuation before.
* Characters are compared as they are: no Unicode normal form, no folding of full-width letters.
* An answer with no token left matches another such exactly, yet its F1 is 0, as in SQuAD v1.1.

MLQA has no rule for other languages; here they keep their articles and are split at whitespace. Thai, which
puts no spaces between words, is split into its characters (code points), whitespace dropped; so does
MKQA's official script (Longpre et al. 2021).
"""

import re
import string
import unicodedata
from collections import Counter

_ARTICLES = {
    "ar": r"ال",
    "de": r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "en": r"\b(a|an|the)\b",
    "es": r"\b(un|una|unos|unas|el|la|los|las)\b",
    "vi": r"\b(của|là|cái|chiếc|những)\b",
}
# Languages without spaces between words, and the characters that are tokens by themselves there.
CHARACTERS = {"th": r".", "zh": r"[\u4e00-\u9fa5]"}


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P") or character in string.punctuation


def normalise(text: str, language: str) -> str:
    """Return the tokens that count of an answer, joined by single spaces.

    Args:
        text: The answer.
        language: Our code of its language; subtags do not count ("zh-Hant" is read as "zh").
    """
    language = language.partition("-")[0]
    text = "".join(character for character in text.lower() if not _is_punctuation(character))
    if language in _ARTICLES:
        text = re.sub(_ARTICLES[language], " ", text)
    if language in CHARACTERS:
        text = re.sub(CHARACTERS[language], r" \g<0> ", text)
    return " ".join(text.split())


def tokens(text: str, language: str) -> list[str]:
    """Return the tokens that count of an answer."""
    return normalise(text, language).split()


def exact(prediction: str, answer: str, language: str) -> float:
    """Return 1 if prediction and gold answer have the same tokens in the same order, else 0."""
    return float(normalise(prediction, language) == normalise(answer, language))


def f1(prediction: str, answer: str, language: str) -> float:
    """Return the harmonic mean of precision and recall of the prediction's tokens, as multisets."""
    found, wanted = tokens(prediction, language), tokens(answer, language)
    shared = (Counter(found) & Counter(wanted)).total()
    return 2 * shared / (len(found) + len(wanted)) if shared else 0.0


def best(measure, prediction: str, answers: list[str], language: str) -> float:
    """Return a measure's maximum over the gold answers.

    Raises:
        ValueError: There is no gold answer.
    """
    return max(measure(prediction, answer, language) for answer in answers)
