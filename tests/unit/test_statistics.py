import numpy as np
import pytest
from scipy import stats
from statsmodels.stats import contingency_tables
from statsmodels.stats.proportion import proportion_confint

from maple import item_tables, scored, statistics, variance
from maple.systems import System


def column(won, lost, same):
    return np.array([1] * won + [-1] * lost + [0] * same)


@pytest.mark.parametrize(("hits", "n"), [(0, 24), (31, 100), (450, 900), (5010, 5010)])
def test_interval_of_right_and_wrong_is_wilsons(hits, n):
    low, high = statistics.interval([1] * hits + [0] * (n - hits))
    assert (low, high) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-12)


def test_interval_of_fractions_counts_as_more_items():
    # Credits of 1/4 and 3/4 have a quarter of a coin's variance: as good as four times as many coins.
    low, high = statistics.interval([0.25, 0.75] * 50)
    assert (low, high) == pytest.approx(proportion_confint(200, 400, method="wilson"), abs=1e-12)
    # Equal fractions do not make an interval of no width.
    low, high = statistics.interval([1 / 3] * 30)
    assert (low, high) == pytest.approx(proportion_confint(10, 30, method="wilson"), abs=1e-9)


def test_interval_of_many_systems_at_once():
    credits = np.random.default_rng(0).random((50, 3))
    lows, highs = statistics.interval(credits)
    for place in range(3):
        assert (lows[place], highs[place]) == pytest.approx(statistics.interval(credits[:, place]))


def test_wilson_covers_at_the_counts_in_use():
    # Exact: the chance of every number of hits, over scores from 0.2 to 0.9.
    for n in (100, 500, 900, 1190, 1511, 5010):
        hits, found = np.arange(n + 1), []
        low, high = np.transpose([proportion_confint(hits, n, method="wilson")])[..., 0].T
        for true in np.linspace(0.2, 0.9, 71):
            found.append(stats.binom.pmf(hits, n, true)[(low <= true) & (true <= high)].sum())
        assert 0.945 < np.mean(found) < 0.955 and min(found) > 0.93, n


def test_difference_interval_by_hand():
    # Agresti and Min: 12 and 7 of 100 discordant; half an item more in each cell of the table.
    low, high = statistics.difference_interval(column(12, 7, 81))
    middle, se = 5 / 102, np.sqrt(((19 + 1) / 102 - (5 / 102) ** 2) / 102)
    assert (low, high) == pytest.approx((middle - 1.96 * se, middle + 1.96 * se), abs=1e-5)
    low, high = statistics.difference_interval(np.zeros(100))
    assert low < 0 < high


def test_many_small_gains_against_a_few_large_losses_are_no_gain():
    # Ties that are won (a third of a credit each) and answers that are lost: the mean is below zero, and by chance.
    ties = np.array([1 / 3] * 30 + [-1] * 11 + [0] * 60)
    assert ties.mean() < 0 and statistics.mcnemar(ties) < 0.005
    names, p = statistics.paired_test(np.stack([ties, column(30, 11, 60), np.zeros(101)], axis=1))
    assert list(names) == ["sign flips", "exact McNemar", "exact McNemar"]
    assert list(p) == [statistics.sign_flip(ties), statistics.mcnemar(column(30, 11, 60)), 1.0]
    assert p[0] > 0.5


def test_gains_and_losses_of_unequal_sizes_that_cancel_are_not_called_a_difference():
    drawn = np.random.default_rng(0).choice([1 / 3, -1, 0], p=[0.3, 0.1, 0.6], size=(200, 2000))
    _, p = statistics.paired_test(drawn)
    # Exact: the mean is zero. McNemar's test, which counts, is sure of a gain.
    assert (p < 0.05).mean() < 0.06 and (statistics.mcnemar(drawn) < 0.05).mean() > 0.9


def test_mcnemar_is_statsmodels_exact_test():
    pairs = [(5, 12), (0, 0), (9, 9), (1, 0), (300, 240)]
    found = statistics.mcnemar(np.stack([column(won, lost, 600 - won - lost) for won, lost in pairs], axis=1))
    for p, (won, lost) in zip(found, pairs, strict=True):
        expected = contingency_tables.mcnemar([[0, won], [lost, 0]], exact=True).pvalue if won + lost else 1.0
        assert p == pytest.approx(expected)


def test_sign_flip_of_equal_sizes_is_the_corrected_mcnemar():
    for won, lost in [(5, 12), (30, 18), (2, 0)]:
        expected = contingency_tables.mcnemar([[0, won], [lost, 0]], exact=False, correction=True).pvalue
        assert statistics.sign_flip(column(won, lost, 40)) == pytest.approx(expected)
    assert statistics.sign_flip(np.zeros(10)) == 1.0


@pytest.mark.parametrize("shift", [0.0, 0.01, 0.02])
def test_sign_flip_agrees_with_drawn_flips(shift):
    rng = np.random.default_rng(3)
    found = np.where(rng.random(600) < 0.3, rng.normal(0, 0.4, 600), 0) + shift * (rng.random(600) < 0.6)
    drawn = stats.permutation_test(
        (found,), np.mean, permutation_type="samples", n_resamples=5000, rng=np.random.default_rng(0)
    ).pvalue
    assert statistics.sign_flip(found) == pytest.approx(drawn, rel=0.15, abs=0.015)


def test_holm_by_hand():
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([0.01, np.nan, 0.04]) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert len(statistics.holm([])) == 0


def test_items_alone_give_a_normal_test():
    result = variance.combine(np.array([0.03]), np.array([0.0001]))
    assert result.p == pytest.approx(2 * stats.norm.sf(3)) and result.low == pytest.approx(0.03 - 1.96 * 0.01, abs=1e-6)


def test_an_estimate_that_nothing_moves_has_no_interval():
    found = variance.combine([0.1, 0.1], np.array([0.0, 0.01]))
    assert found.p[0] == 1.0 and np.isnan([found.low[0], found.high[0]]).all() and found.low[1] < 0.1 < found.high[1]


def test_units_alone_give_students_test():
    values = np.array([0.01, 0.04, 0.03, 0.02])
    result = variance.combine(values.mean(), 0.0, [variance.Spread(values.var(ddof=1) / 4, 0.0, 3)])
    expected = stats.ttest_1samp(values, 0)
    interval = expected.confidence_interval()
    assert result.p == pytest.approx(expected.pvalue)
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_items_and_units_together():
    spread = variance.Spread(observed=0.0004, noise=0.0001, df=2)
    result = variance.combine(0.03, 0.0002, [spread])
    assert result.se == pytest.approx(np.sqrt(0.0005))
    weight, ratio = 0.0004 / 0.0005, 0.03 / np.sqrt(0.0005)
    assert result.p == pytest.approx(2 * (weight * stats.t.sf(ratio, 2) + (1 - weight) * stats.norm.sf(ratio)))
    # An estimate that nothing moves cannot be tested.
    assert variance.combine(0.5, 0.0).p == 1.0


def test_spread_between_seeds_is_pooled_and_items_are_not_counted_twice():
    systems = [System("m", 16)] + [System("m", 16, "d", "lora", rank, seed) for rank in (8, 16) for seed in range(3)]
    rng = np.random.default_rng(0)
    means = rng.normal(0.5, 0.01, (7, 1))
    drawn = means + rng.normal(0, 0.02, (4000, 7, 1))
    part = scored.Scored(systems, ["x"] * 7, [("en", "English", 5)], means, drawn, [100])
    spread = scored.between_seeds(part, [0])
    assert spread.df == 4
    assert spread.observed == pytest.approx((means[1:4].var(ddof=1) + means[4:].var(ddof=1)) / 2)
    assert spread.noise == pytest.approx(0.02**2, rel=0.05) and spread.own == 0


def test_resampling_keeps_translations_and_systems_together():
    import pyarrow as pa

    rng = np.random.default_rng(0)
    first = (rng.random((400, 2)) < 0.5).astype(float)
    ids = pa.array([str(number) for number in range(400)])
    # The second language has half of the items, with the same outcomes; the third shares nothing.
    tables = {
        "en": item_tables.Items(ids, first),
        "de": item_tables.Items(ids[:200], first[:200]),
        "fr": item_tables.Items(pa.array([f"other {number}" for number in range(400)]), first[::-1].copy()),
    }
    drawn = item_tables.resample(tables, 3000, 1)
    assert drawn.shape == (3000, 2, 3)
    assert drawn.mean(axis=0)[:, 0] == pytest.approx(first.mean(axis=0), abs=0.005)
    assert drawn[:, 0, 0].std() == pytest.approx(first[:, 0].std() / 20, rel=0.05)
    assert np.corrcoef(drawn[:, 0, 0], drawn[:, 0, 1])[0, 1] == pytest.approx(np.sqrt(0.5), abs=0.05)
    assert abs(np.corrcoef(drawn[:, 0, 0], drawn[:, 0, 2])[0, 1]) < 0.06
    assert (item_tables.resample(tables, 50, 1) == item_tables.resample(tables, 50, 1)).all()
