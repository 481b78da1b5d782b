"""Intervals and paired tests on item-level credits, all in closed form, so that they are the same everywhere.

A credit is what a system earns on one item: 0 or 1, 1/k where k options tie, or a token F1. Every function takes
the items of many systems or pairs at once along the first axis and returns one value for each of the others.
"""

Z = 1.959963984540054


def interval(credits):
    """Return the 95 % interval of the mean credit: Wilson's (1927), at the effective number of items.

    With credits of 0 and 1 this is Wilson's score interval. Other credits in [0, 1] vary less than a coin with
    their mean would; n is then raised to the number of coin tosses with the same variance of the mean, as Korn and
    Graubard (1998, Survey Methodology 24, 193-201) do for surveys.

    Args:
        credits: Items, or items x systems; in [0, 1].

    Returns:
        Lower and upper ends.
    """
    import numpy as np

    credits = np.asarray(credits, dtype=float)
    mean, spread = credits.mean(axis=0), credits.var(axis=0)
    coin = mean * (1 - mean)
    # Rounding can leave a spread of 1e-33 where all credits are equal; then they say no more than n coins.
    n = len(credits) * np.where(spread > 1e-12, coin / np.maximum(spread, 1e-12), 1.0)
    middle = (mean + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * np.sqrt(coin / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def difference_interval(differences):
    """Return the 95 % interval of a mean paired difference, by Agresti and Min (2005, Stat. Med. 24, 729-740).

    They add half an item to each of the four cells of the paired table: two items more, one of them discordant.
    Without that, an interval from few discordant items is too short.

    Args:
        differences: Items, or items x pairs; in [-1, 1].

    Returns:
        Lower and upper ends.
    """
    import numpy as np

    differences = np.asarray(differences, dtype=float)
    n = len(differences) + 2
    mean = differences.sum(axis=0) / n
    half = Z * np.sqrt((((differences**2).sum(axis=0) + 1) / n - mean**2) / n)
    return np.maximum(mean - half, -1.0), np.minimum(mean + half, 1.0)


def mcnemar(differences):
    """Return the exact two-sided McNemar p value of paired differences.

    Items on which both earn the same credit say nothing about the difference and drop out; of the others only the
    sign counts.
    """
    import numpy as np
    from scipy.stats import binom

    differences = np.asarray(differences)
    won, lost = (differences > 0).sum(axis=0), (differences < 0).sum(axis=0)
    return np.minimum(1.0, 2 * binom.cdf(np.minimum(won, lost), won + lost, 0.5))


def sign_flip(differences):
    """Return the two-sided p value of a mean paired difference against all flips of its signs (Fisher 1935).

    For credits between 0 and 1, such as F1 and ties, where McNemar's test would throw the sizes away. The
    distribution over the flips is taken as normal with a continuity correction of half its usual step, the mean size
    of a difference; with equal sizes this is Edwards' corrected McNemar test (1948). Drawn flips could not give p
    values as small as a Holm correction over thousands of comparisons asks for.
    """
    import numpy as np
    from scipy.special import ndtr

    differences = np.asarray(differences, dtype=float)
    total, square = np.abs(differences.sum(axis=0)), (differences**2).sum(axis=0)
    differing = np.maximum((differences != 0).sum(axis=0), 1)
    step = np.abs(differences).sum(axis=0) / differing
    z = np.maximum(total - step, 0.0) / np.sqrt(np.maximum(square, 1e-300))
    return np.where(square > 0, 2 * ndtr(-z), 1.0)


def paired_test(differences):
    """Return the name of the test of each pair's mean difference, and its two-sided p value.

    Where all items that differ do so by the same size, as answers that are right or wrong do, the mean has the sign of
    won minus lost and McNemar's test is exact. Ties (1/k) and F1 differ by several sizes: many small gains against a
    few large losses would then be called significant whatever their mean.

    Args:
        differences: Items x pairs; in [-1, 1].
    """
    import numpy as np

    sizes = np.abs(differences)
    smallest = np.where(sizes > 0, sizes, np.inf).min(axis=0)
    alike = (sizes.max(axis=0) <= smallest) | (sizes.max(axis=0) == 0)
    p = np.empty(len(alike))
    p[alike], p[~alike] = mcnemar(differences[:, alike]), sign_flip(differences[:, ~alike])
    return np.where(alike, "exact McNemar", "sign flips"), p


def holm(p_values):
    """Return Holm-adjusted p values (Holm 1979) of one family; missing ones stay missing and do not count."""
    import numpy as np
    from statsmodels.stats.multitest import multipletests

    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(p_values.shape, np.nan)
    known = ~np.isnan(p_values)
    if known.any():
        adjusted[known] = multipletests(p_values[known], method="holm")[1]
    return adjusted
