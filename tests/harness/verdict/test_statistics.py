"""Intervals against published values, exact arithmetic and their own definition."""

from __future__ import annotations

import math
import random
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.harness.verdict.statistics import (
    Interval,
    mean_interval,
    needed,
    percentile,
    percentile_interval,
    ratio_interval,
    wilson,
    zero_bound,
)

TAIL = Fraction(25, 1000)
seconds = st.floats(min_value=0, max_value=1e6) | st.just(math.inf)
samples = st.lists(seconds, min_size=1, max_size=200)
shares = st.sampled_from([0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999])


def at_most(k: int, n: int, p: Fraction) -> Fraction:
    """P(B ≤ k) for B binomial (n, p), exactly."""
    return sum((math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1)), Fraction(0))


class TestWilson:
    @pytest.mark.parametrize(
        ("hits", "n", "low", "high"),
        [
            # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
            (29, 29, 29 / (29 + 1.959964**2), 1.0),
        ],
    )
    def test_published_values(self, hits: int, n: int, low: float, high: float) -> None:
        assert wilson(hits, n) == pytest.approx((low, high), abs=6e-5)

    def test_confidence_sets_the_width(self) -> None:
        # p = 1/2: the half-width is z / (2 √(n + z²)); z = 2.5758 for 99 %.
        low, high = wilson(50, 100, confidence=0.99)
        assert (high - low) / 2 == pytest.approx(2.575829 / (2 * math.sqrt(100 + 2.575829**2)), rel=1e-6)

    def test_nothing_sampled_leaves_everything_open(self) -> None:
        assert wilson(0, 0) == Interval(0.0, 1.0)

    @pytest.mark.parametrize(("hits", "n"), [(-1, 5), (6, 5), (0, -1)])
    def test_impossible_counts_are_refused(self, hits: int, n: int) -> None:
        with pytest.raises(ValueError, match=f"{hits} of {n} is not a ratio"):
            wilson(hits, n)

    @pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, math.nan])
    def test_impossible_confidence_is_refused(self, confidence: float) -> None:
        with pytest.raises(ValueError, match="confidence"):
            wilson(1, 2, confidence)

    @given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
    def test_encloses_the_ratio_within_0_and_1(self, counts: tuple[int, int]) -> None:
        hits, n = counts
        low, high = wilson(hits, n)
        assert 0 <= low <= hits / n <= high <= 1
        assert (low == 0) == (hits == 0)
        assert (high == 1) == (hits == n)

    def test_zero_bound_is_the_sentence_of_the_report(self) -> None:
        assert f"{100 * zero_bound(200):.1f} %" == "1.9 %"
        assert zero_bound(20) == pytest.approx(0.1611, abs=5e-5)
        assert zero_bound(0) == 1.0


class TestRatioInterval:
    @pytest.mark.parametrize(("hits", "n"), [(0, 200), (1, 150), (3, 7), (149, 150), (190, 200), (20, 20)])
    def test_holds_wilson_and_both_exact_tails(self, hits: int, n: int) -> None:
        low, high = ratio_interval(hits, n)
        score = wilson(hits, n)
        assert low <= score.low
        assert high >= score.high
        # Clopper and Pearson: were the true ratio an end, seeing this many (or more; or fewer) had at most 2.5 %.
        slack = Fraction(1, 10**9)
        assert hits == 0 or 1 - at_most(hits - 1, n, Fraction(low)) <= TAIL + slack
        assert hits == n or at_most(hits, n, Fraction(high)) <= TAIL + slack

    def test_clopper_pearson_end_is_tight_where_it_decides(self) -> None:
        # 1 miss in 150: the upper end is the root of p^150 = 0.975, far beyond Wilson's 0.9988.
        assert ratio_interval(149, 150).high == pytest.approx(0.975 ** (1 / 150), rel=1e-9)
        assert wilson(149, 150).high < 0.999 < ratio_interval(149, 150).high

    @pytest.mark.parametrize("n", [5, 20, 60, 150])
    @pytest.mark.parametrize("true", [0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999])
    def test_each_side_misses_the_truth_in_at_most_2_5_percent(self, n: int, true: float) -> None:
        p = Fraction(true)
        chance = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
        too_high = sum((chance[k] for k in range(n + 1) if ratio_interval(k, n).low > true), Fraction(0))
        too_low = sum((chance[k] for k in range(n + 1) if ratio_interval(k, n).high < true), Fraction(0))
        assert too_high <= TAIL
        assert too_low <= TAIL

    def test_wilson_alone_would_miss_more_often(self) -> None:
        # The reason for the widening: an app that answers 99.9 % loses one of 150 in 14 % of all runs.
        assert float(1 - at_most(0, 150, Fraction(1, 1000))) == pytest.approx(0.139, abs=1e-3)
        assert wilson(149, 150).high < 0.999


class TestPercentile:
    @pytest.mark.parametrize(
        ("n", "p", "rank"),
        [(100, 0.95, 95), (20, 0.95, 19), (21, 0.95, 20), (100, 0.07, 7), (1000, 0.999, 999), (1, 0.5, 1), (5, 0.5, 3)],
    )
    def test_nearest_rank_is_exact_in_decimals(self, n: int, p: float, rank: int) -> None:
        values = [float(v) for v in range(1, n + 1)]
        random.Random(n).shuffle(values)
        assert percentile(values, p) == rank

    def test_failures_are_ranked_last(self) -> None:
        assert percentile([1.0] * 94 + [math.inf] * 6, 0.95) == math.inf
        assert percentile([1.0] * 95 + [math.inf] * 5, 0.95) == 1.0

    @given(samples, shares)
    def test_is_the_smallest_value_with_the_share_at_or_below(self, values: list[float], p: float) -> None:
        found = percentile(values, p)
        share = Fraction(repr(p)) * len(values)
        assert found in values
        assert sum(v <= found for v in values) >= share
        assert sum(v < found for v in values) < share

    @pytest.mark.parametrize("p", [0.0, 1.0, 95, -0.1, math.nan])
    def test_a_percentile_is_a_share(self, p: float) -> None:
        for wrong in (
            lambda: percentile([1.0], p),
            lambda: percentile_interval([1.0], p),
            lambda: needed(p),
        ):
            with pytest.raises(ValueError, match=r"p95 is 0\.95"):
                wrong()

    def test_nan_and_nothing_are_refused(self) -> None:
        with pytest.raises(ValueError, match="NaN"):
            percentile([1.0, math.nan], 0.5)
        with pytest.raises(ValueError, match="no samples"):
            percentile_interval([], 0.5)


class TestPercentileInterval:
    @pytest.mark.parametrize(("p", "n"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688)])
    def test_least_n_for_an_upper_end(self, p: float, n: int) -> None:
        assert needed(p) == n
        values = [float(v) for v in range(1, n + 1)]
        assert percentile_interval(values, p).high == n
        assert percentile_interval(values[:-1], p).high == math.inf

    @pytest.mark.parametrize("p", [0.05, 0.5, 0.9, 0.95, 0.99])
    @pytest.mark.parametrize("n", [1, 2, 5, 6, 19, 35, 36, 71, 72, 100, 146, 200])
    def test_ranks_are_the_tightest_exact_ones(self, n: int, p: float) -> None:
        low, high = percentile_interval([float(v) for v in range(1, n + 1)], p)
        share = Fraction(repr(p))
        lower = 0 if low == -math.inf else int(low)
        upper = n + 1 if high == math.inf else int(high)
        assert at_most(lower - 1, n, share) <= TAIL
        assert lower == n or at_most(lower, n, share) > TAIL
        assert 1 - at_most(upper - 1, n, share) <= TAIL
        assert upper == 1 or 1 - at_most(upper - 2, n, share) > TAIL

    @given(samples, shares)
    def test_encloses_the_estimate_in_any_order(self, values: list[float], p: float) -> None:
        low, high = percentile_interval(values, p)
        assert low <= percentile(values, p) <= high
        assert percentile_interval(values[::-1], p) == (low, high)

    def test_too_many_failures_have_no_upper_end(self) -> None:
        assert percentile_interval([1.0] * 180 + [math.inf] * 20, 0.95) == Interval(math.inf, math.inf)
        assert percentile_interval([1.0] * 193 + [math.inf] * 7, 0.95) == Interval(1.0, math.inf)

    def test_covers_the_truth(self) -> None:
        rng = random.Random(7)
        true = math.exp(0.6 * 1.6448536)
        covered = 0
        for _ in range(400):
            low, high = percentile_interval([rng.lognormvariate(0, 0.6) for _ in range(150)], 0.95)
            covered += low <= true <= high
        assert covered >= 0.95 * 400 - 2 * math.sqrt(400 * 0.95 * 0.05)

    def test_a_hundred_thousand_values_take_a_moment(self) -> None:
        rng = random.Random(1)
        values = [rng.random() for _ in range(100_000)]
        before = time.process_time()
        percentile_interval(values, 0.95)
        percentile(values, 0.95)
        mean_interval(values)
        ratio_interval(95_123, 100_000)
        assert time.process_time() - before < 1.0  # about 0.1 s


class TestMeanInterval:
    @pytest.mark.parametrize(
        ("freedom", "t"),
        # NIST/SEMATECH e-Handbook of Statistical Methods 1.3.6.7.2, column 0.975, and further digits from tables.
        [(1, 12.7062047), (2, 4.3026527), (3, 3.1824463), (10, 2.2281389), (30, 2.0422725), (100, 1.9839715)],
    )
    def test_students_quantile(self, freedom: int, t: float) -> None:
        n = freedom + 1
        # Half of the values at -1 and half at 1 (one at 0 if n is odd): the mean is 0 and the variance is known.
        values = [1.0] * (n // 2) + [-1.0] * (n // 2) + [0.0] * (n % 2)
        error = math.sqrt(2 * (n // 2) / freedom / n)
        low, high = mean_interval(values)
        assert high / error == pytest.approx(t, rel=1e-6)
        assert low == pytest.approx(-high)

    def test_tends_to_the_normal_quantile(self) -> None:
        n = 100_000
        low, high = mean_interval([1.0, 3.0] * (n // 2))
        assert (high + low) / 2 == pytest.approx(2.0)
        assert (high - low) / 2 * math.sqrt(n) == pytest.approx(1.95999, abs=2e-5)

    @pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1e300, -7.0])
    def test_equal_values_have_no_width(self, value: float) -> None:
        assert mean_interval([value] * 11) == Interval(value, value)

    def test_a_failure_makes_it_infinite(self) -> None:
        assert mean_interval([1.0, math.inf, 2.0]) == Interval(math.inf, math.inf)

    def test_one_value_bounds_nothing(self) -> None:
        assert mean_interval([3.0]) == Interval(-math.inf, math.inf)

    @pytest.mark.parametrize("values", [[], [1.0, math.nan], [1.0, -math.inf], [math.nan, math.inf]])
    def test_what_has_no_mean_is_refused(self, values: list[float]) -> None:
        with pytest.raises(ValueError, match=r"no samples|NaN"):
            mean_interval(values)

    @settings(deadline=None)
    @given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=50))
    def test_any_finite_values_have_an_interval(self, values: list[float]) -> None:
        low, high = mean_interval(values)
        assert low <= high
        assert low <= max(values)
        assert high >= min(values)
