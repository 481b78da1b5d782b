"""Numbers in sentences: counts with their nouns, shares, points, intervals."""

_PLURALS = {"is": "are", "has": "have", "lies": "lie", "was": "were", "wins": "win"}


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 language``, ``2 languages``, ``no language``."""
    if number == 0:
        return f"no {noun}"
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def some(number: int) -> str:
    """Return a number in a sentence: ``none``, ``12``, ``1,234``."""
    return f"{number:,}" if number else "none"


def verb(number: int, singular: str) -> str:
    """Return a verb that agrees with a count; none takes the singular (``no language is``)."""
    return singular if number in (0, 1) else _PLURALS[singular]


def listed(parts: list[str], last: str = "and") -> str:
    """Return a list in words: ``a, b and c``."""
    parts = list(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}" if len(parts) > 1 else "".join(parts)


def percent(share: float) -> str:
    """Return a share in per cent."""
    return f"{share * 100:.1f} %"


def signed(difference: float, digits: int = 1) -> str:
    """Return a difference of shares in points, with its sign; what rounds to nothing has none."""
    text = f"{difference * 100:+.{digits}f}"
    return text[1:] if not float(text) else text.replace("-", "−")


def points(row, digits: int = 1, value: str = "difference") -> str:
    """Return a difference with its 95 % interval, as the report's page explains: ``+1.2 points (−0.3 to +2.7)``.

    Args:
        row: With the difference, ``low`` and ``high``; without an interval only the difference is said.
        digits: After the decimal point.
        value: Name of the difference.
    """
    said = f"{signed(row[value], digits)} points"
    if row["low"] != row["low"]:
        return f"{said} (no interval)"
    return f"{said} ({signed(row['low'], digits)} to {signed(row['high'], digits)})"


def scored(row) -> str:
    """Return a score with its 95 % interval."""
    return f"{percent(row['score'])} ({row['low'] * 100:.1f} to {row['high'] * 100:.1f})"


def probability(p: float) -> str:
    """Return a p value as part of a sentence: ``p = 0.031``, ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
