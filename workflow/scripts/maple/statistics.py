"""Intervals and paired tests on item-level credits."""

import warnings


def interval(credits, resamples: int, seed: int) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean credit (Efron 1979), items resampled."""
    import numpy as np
    from scipy.stats import bootstrap

    credits = np.asarray(credits, dtype=float)
    if len(credits) < 2 or credits.min() == credits.max():
        return float(credits.mean()), float(credits.mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = bootstrap(
            (credits,), np.mean, n_resamples=resamples, method="percentile", rng=np.random.default_rng(seed)
        ).confidence_interval
    return float(found.low), float(found.high)


def mcnemar(first, second) -> float:
    """Return the exact two-sided McNemar p value of paired credits.

    Items on which both earn the same credit say nothing about the difference and drop out.
    """
    from scipy.stats import binomtest

    won = sum(b > a for a, b in zip(first, second, strict=True))
    lost = sum(b < a for a, b in zip(first, second, strict=True))
    if won + lost == 0:
        return 1.0
    return float(binomtest(won, won + lost, 0.5).pvalue)


def permutation(first, second, resamples: int, seed: int) -> float:
    """Return the two-sided p value of the mean paired difference, its signs flipped at random.

    For credits between 0 and 1, such as F1, where McNemar's test does not apply.
    """
    import numpy as np
    from scipy.stats import permutation_test

    difference = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    difference = difference[difference != 0]
    if len(difference) < 2:
        # One difference is as large with either sign.
        return 1.0
    return float(
        permutation_test(
            (difference,), np.mean, permutation_type="samples", n_resamples=resamples, rng=np.random.default_rng(seed)
        ).pvalue
    )


def holm(p_values: list[float]) -> list[float]:
    """Return Holm-adjusted p values (Holm 1979) of one family."""
    from statsmodels.stats.multitest import multipletests

    return [float(value) for value in multipletests(p_values, method="holm")[1]] if p_values else []
