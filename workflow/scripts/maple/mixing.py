"""How many records of which language and source go into a mixture, and which."""

import random


def allocate(available: dict, weights: dict, total: int) -> dict:
    """Share out ``total`` draws in proportion to weights, no key getting more than it has.

    What a key cannot take is shared out among the others; remainders go to the largest fractions. Equal
    arguments give equal results.

    Args:
        available: Key -> what it has.
        weights: Key -> positive weight.
        total: Draws; at most what all have together.

    Returns:
        Key -> draws, summing to ``total``.
    """
    result, open_keys = dict.fromkeys(available, 0), {key for key, count in available.items() if count}
    left = min(total, sum(available.values()))
    while left and open_keys:
        weight = sum(weights[key] for key in open_keys)
        full = {key for key in open_keys if left * weights[key] / weight >= available[key]}
        if not full:
            break
        for key in full:
            result[key] = available[key]
            left -= available[key]
        open_keys -= full
    if left and open_keys:
        weight = sum(weights[key] for key in open_keys)
        exact = {key: left * weights[key] / weight for key in open_keys}
        for key, value in exact.items():
            result[key] = int(value)
        short = left - sum(result[key] for key in open_keys)
        for key in sorted(open_keys, key=lambda key: (int(exact[key]) - exact[key], str(key)))[:short]:
            result[key] += 1
    return result


def by_temperature(counts: dict[str, int], total: int, temperature: float) -> dict[str, int]:
    """Return how many records to draw per language: in proportion to count ** (1 / temperature).

    1 keeps the proportions of the data; the higher, the more even (Conneau et al. 2020, eq. 1, with
    alpha = 1 / temperature).
    """
    return allocate(counts, {code: max(count, 1) ** (1 / temperature) for code, count in counts.items()}, total)


def by_weight(counts: dict[int, int], weights: dict[int, float], total: int | None) -> dict[int, int]:
    """Return how many records to draw per source.

    Without a total it is the largest one at which no source has to repeat a record.
    """
    if total is None:
        total = int(min(counts[key] * sum(weights.values()) / weights[key] for key in counts))
        return {key: min(counts[key], round(total * weights[key] / sum(weights.values()))) for key in counts}
    return allocate(counts, weights, total)


def with_replay(english: int, others: int, share: float, total: int | None) -> tuple[int, int]:
    """Return how many English and other records to draw so that English has a given share.

    Args:
        english: English records there are.
        others: Other records there are.
        share: In (0, 1).
        total: Records wanted; as many as there can be when ``None``.
    """
    most = min(english / share, others / (1 - share))
    whole = most if total is None else min(total, most)
    return round(whole * share), round(whole * (1 - share))


def draw(records: list, count: int, seed: str) -> list:
    """Return ``count`` of the records without repetition, in their order; a larger count keeps a smaller one's."""
    order = list(range(len(records)))
    random.Random(seed).shuffle(order)
    return [records[place] for place in sorted(order[:count])]
