"""How many generated answers could not be parsed, in words: bases and adapters apart, as these differ most in it."""


def shares(scores) -> str:
    """Return both shares as part of a sentence: ``27.5 % of the untuned bases' and 2.3 % of the adapters'``.

    Args:
        scores: Rows of the table of scores; whose there are none are not named.
    """
    base = scores["data"].isna()
    said = [
        f"{rows['unparsed'].sum() / rows['items'].sum() * 100:.1f} % of {whose}"
        for whose, rows in (("the untuned bases'", scores[base]), ("the adapters'", scores[~base]))
        if len(rows)
    ]
    return " and ".join(said)
