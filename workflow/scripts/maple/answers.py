"""From scores or generated text to an answer; where the text gives none, the answer is "unparsed"."""


def by_likelihood(options: dict[str, str], scored) -> dict:
    """Return the part of a record that likelihoods decide.

    The largest sum wins, as in the published tasks of lm-evaluation-harness; options that are equal to
    the last digit kept are all listed under ``tied``.

    Args:
        options: Name -> text of each option.
        scored: ``(sequence, log-likelihood)`` of each option, in the same order.
    """
    found = {}
    for (name, text), (sequence, value) in zip(options.items(), scored, strict=True):
        found[name] = {
            "sum": round(value, 6),
            "per_token": round(value / (len(sequence.tokens) - sequence.start), 6),
            "per_byte": round(value / len(text.encode()), 6),
        }
    best = max(part["sum"] for part in found.values())
    tied = [name for name, part in found.items() if part["sum"] == best]
    return {"prediction": tied[0], "tied": tied, "options": found}


def from_text(options: dict[str, str], text: str) -> dict:
    """Return the part of a record that generated text decides.

    An answer in words is the text itself, unparsed if empty. Of options, the one whose text the answer
    begins with is chosen; if it begins with none, or the beginning fits several equally well, it is
    unparsed: ``prediction`` is ``None``.
    """
    if not options:
        return {"prediction": text.strip() or None, "raw": text}
    said = _plain(text)
    fitting = {}
    for name, option in options.items():
        own = _plain(option)
        rest = said[len(own) :]
        if own and said.startswith(own) and not (rest and rest[0].isalnum() and own[-1].isalnum()):
            fitting.setdefault(len(own), []).append(name)
    longest = fitting[max(fitting)] if fitting else []
    chosen = longest[0] if len(longest) == 1 else None
    return {"prediction": chosen, "tied": [chosen] if chosen else [], "raw": text}


def _plain(text: str) -> str:
    """Return text as answers are compared: lower case, nothing before the first letter or digit."""
    text = text.casefold().strip()
    while text and not text[0].isalnum():
        text = text[1:]
    return " ".join(text.split())
