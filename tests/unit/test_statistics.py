import numpy as np
import pytest
from scipy.stats import binomtest

from maple import statistics


def test_mcnemar_is_the_exact_binomial_of_the_discordant_items():
    first = [1] * 5 + [0] * 12 + [1] * 30
    second = [0] * 5 + [1] * 12 + [1] * 30
    assert statistics.mcnemar(first, second) == pytest.approx(binomtest(12, 17).pvalue)
    assert statistics.mcnemar([1, 0], [1, 0]) == 1.0


def test_permutation_is_exact_where_few_items_differ():
    # All signs equal: only 2 of the 2^4 sign patterns are as extreme. Equal items say nothing.
    assert statistics.permutation([0, 0, 0, 0, 1], [0.5, 0.2, 0.4, 0.3, 1], 2000, 0) == pytest.approx(2 / 16)
    assert statistics.permutation([1, 0], [1, 0], 100, 0) == 1.0
    assert statistics.permutation([0, 1], [0.5, 1], 100, 0) == 1.0


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
