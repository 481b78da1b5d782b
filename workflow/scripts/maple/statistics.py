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


def mcnemar(first, second) -> tuple[float, int, int]:
    """Return the exact two-sided McNemar p value of paired credits, and the items won and lost by ``second``.

    Items on which both earn the same credit say nothing about the difference and drop out.
    """
    from scipy.stats import binomtest

    won = sum(b > a for a, b in zip(first, second, strict=True))
    lost = sum(b < a for a, b in zip(first, second, strict=True))
    if won + lost == 0:
        return 1.0, 0, 0
    return float(binomtest(won, won + lost, 0.5).pvalue), won, lost


def holm(p_values: list[float]) -> list[float]:
    """Return Holm-adjusted p values (Holm 1979) of one family."""
    from statsmodels.stats.multitest import multipletests

    return [float(value) for value in multipletests(p_values, method="holm")[1]] if p_values else []
