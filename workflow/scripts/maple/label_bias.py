"""Label bias: how often each option is predicted, against how often it is right."""

from maple.item_views import UNPARSED
from maple.systems import System


def rows(views: dict, systems: list[System], options: tuple[str, ...], generated: bool) -> list[dict]:
    """Return one row per system, language and option.

    Args:
        views: Language -> :class:`maple.item_views.View`.
        systems: The systems, in the order of the views' columns.
        options: The benchmark's options; without them there is no label and no row.
        generated: Whether an answer may be unparsed; such answers then have a row of their own.
    """
    import numpy as np

    listed = [*enumerate(options), *([(UNPARSED, "unparsed")] if generated else [])] if options else []
    found = []
    for place, system in enumerate(systems):
        for code, view in views.items() if listed else ():
            predicted = np.array([(view.predictions[:, place] == own).sum() for own, _ in listed])
            gold = np.array([(view.golds == own).sum() for own, _ in listed])
            distance, by_chance = total_variation(predicted, gold)
            for number, (_, name) in enumerate(listed):
                found.append(
                    {
                        "system": system,
                        "language": code,
                        "option": name,
                        "items": len(view.golds),
                        "predicted": int(predicted[number]),
                        "predicted_share": predicted[number] / len(view.golds),
                        "gold": int(gold[number]),
                        "gold_share": gold[number] / len(view.golds),
                        "total_variation": distance,
                        "total_variation_by_chance": by_chance,
                    }
                )
    return found


def total_variation(predicted, gold) -> tuple[float, float]:
    """Return the distance of two distributions over the same items, and what an unbiased guesser's would be.

    Total variation is half the sum of the differences of the shares: the share of predictions that would have to
    change. A guesser who draws each answer with the gold labels' shares is off by chance; the mean of that is half
    the sum of the mean absolute deviations of binomial shares, taken as normal.

    Args:
        predicted: How often each option was predicted.
        gold: How often each is right.
    """
    import numpy as np

    n = gold.sum()
    share = gold / n
    distance = np.abs(predicted / n - share).sum() / 2
    return float(distance), float(np.sqrt(2 * share * (1 - share) / (np.pi * n)).sum() / 2)
