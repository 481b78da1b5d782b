import numpy as np
import pytest
from scipy.stats import binomtest

from maple import statistics


def test_mcnemar_is_the_exact_binomial_of_the_discordant_items():
    first = [1] * 5 + [0] * 12 + [1] * 30
    second = [0] * 5 + [1] * 12 + [1] * 30
    p, won, lost = statistics.mcnemar(first, second)
    assert (won, lost) == (12, 5) and p == pytest.approx(binomtest(12, 17).pvalue)
    assert statistics.mcnemar([1, 0], [1, 0]) == (1.0, 0, 0)


def test_holm_by_hand():
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([]) == []


def test_interval_is_seeded_and_covers():
    rng = np.random.default_rng(1)
    sample = rng.random(200) < 0.4
    assert statistics.interval(sample, 500, 0) == statistics.interval(sample, 500, 0)
    covered = 0
    for _ in range(200):
        low, high = statistics.interval(rng.random(150) < 0.4, 300, 0)
        covered += low <= 0.4 <= high
    assert covered >= 180


def test_interval_of_equal_credits():
    assert statistics.interval([1, 1, 1], 100, 0) == (1.0, 1.0)
