"""Intervals of 95 % confidence (two-sided, 2.5 % in each tail) for ratios, percentiles and means.

The exact ones rest on one function, the regularised incomplete beta function I_x(a, b): binomial tails, the ends of
Clopper and Pearson's interval and Student's t are all values or roots of it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

__all__ = [
    "Interval",
    "mean_interval",
    "needed",
    "percentile",
    "percentile_interval",
    "ratio_interval",
    "wilson",
    "zero_bound",
]

TAIL = 0.025
Z = NormalDist().inv_cdf(1 - TAIL)


class Interval(NamedTuple):
    """The closed interval from `low` to `high`; an end that the samples cannot bound is infinite."""

    low: float
    high: float


def wilson(hits: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for a ratio of `hits` out of `n`; 0 to 1 when n is 0.

    (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n) with p = hits/n and z the normal quantile of (1 + confidence)/2
    (E. B. Wilson, JASA 22, 1927). Raises ValueError unless 0 ≤ hits ≤ n and 0 < confidence < 1.
    """
    _check_ratio(hits, n)
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")
    if n == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = hits + z * z / 2
    spread = z * math.sqrt(hits * (n - hits) / n + z * z / 4)
    # At the extremes the formula gives 0 and 1 but for rounding.
    low = 0.0 if hits == 0 else (centre - spread) / (n + z * z)
    high = 1.0 if hits == n else (centre + spread) / (n + z * z)
    return Interval(low, high)


def zero_bound(n: int) -> float:
    """The largest ratio that 0 hits in `n` leave open at 95 %: the upper Wilson bound z²/(n + z²); 1.9 % for 200."""
    return wilson(0, n).high


@lru_cache(maxsize=4096)
def ratio_interval(hits: int, n: int) -> Interval:
    """The interval that ratios are judged by: Wilson's, widened to Clopper and Pearson's where that reaches further.

    Near 0 and 1 Wilson's interval alone misses too often on one side (L. Brown, T. Cai, A. DasGupta, Statistical
    Science 16, 2001): it calls one miss in 150 proof that 99.9 % is not kept, which chance brings about in 14 % of the
    runs of an app that keeps it. The ends of Clopper and Pearson's (Biometrika 26, 1934), the roots in p of
    I_p(hits, n − hits + 1) = 0.025 and I_p(hits + 1, n − hits) = 0.975, hold each side to 2.5 %.
    """
    score = wilson(hits, n)
    low = 0.0 if hits == 0 else _root(lambda p: _beta(hits, n - hits + 1, p), TAIL)
    high = 1.0 if hits == n else _root(lambda p: _beta(hits + 1, n - hits, p), 1 - TAIL)
    return Interval(min(score.low, low), max(score.high, high))


def percentile(values: Sequence[float], p: float) -> float:
    """The nearest-rank percentile: the smallest value with at least a share `p` of all values at or below it.

    `p` is a share (p95 is 0.95) and taken as the decimal it is written as, so that p7 of 100 values is the 7th, though
    0.07 · 100 exceeds 7 in binary. +∞ is a value like any other. Raises ValueError for no values, NaN, or p outside
    (0, 1).
    """
    ordered = _ordered(values, p)
    return ordered[math.ceil(Fraction(repr(p)) * len(ordered)) - 1]


def percentile_interval(values: Sequence[float], p: float) -> Interval:
    """The distribution-free interval of the percentile `p`, by order statistics.

    The number of values below the true percentile is binomial (n, p), so the l-th and the u-th smallest value enclose
    it with at least 95 %: l is the largest rank with P(B < l) ≤ 0.025, u the smallest with P(B ≥ u) ≤ 0.025
    (H. A. David and H. N. Nagaraja, Order Statistics, 7.1). An end without such a rank is infinite. The samples are
    taken as independent; those of one fault window are not quite, which the interval does not show. Raises as
    `percentile` does.
    """
    ordered = _ordered(values, p)
    below, above = _ranks(len(ordered), p)
    return Interval(ordered[below - 1] if below else -math.inf, ordered[-above] if above else math.inf)


def needed(p: float) -> int:
    """The smallest n with which the interval of percentile `p` has a finite upper end: p^n ≤ 0.025; 72 for p95."""
    _check_percentile(p)
    n = max(1, math.floor(math.log(TAIL) / math.log(p)) - 1)
    while p**n > TAIL:
        n += 1
    return n


def mean_interval(values: Sequence[float]) -> Interval:
    """Student's interval of a mean: m ± t s/√n, t the 97.5 % quantile with n − 1 degrees of freedom.

    Equal values have no width; one value bounds nothing; a value of +∞ makes the mean +∞, whatever the others are.
    t is found to a relative error below 1e-6. Raises ValueError for no values, NaN or −∞.
    """
    n = len(values)
    if n == 0:
        raise ValueError("no samples: a mean has no value")
    low, high = min(values), max(values)
    if any(map(math.isnan, values)) or low == -math.inf:
        raise ValueError("a mean is taken of numbers; NaN and -inf are none that can be measured")
    if high == math.inf:
        return Interval(math.inf, math.inf)
    if n == 1:
        return Interval(-math.inf, math.inf)
    if low == high:
        return Interval(low, high)
    mean = math.fsum(v / n for v in values)
    variance = sum((v - mean) * (v - mean) / (n - 1) for v in values)
    spread = _student(n - 1) * math.sqrt(variance / n)
    return Interval(mean - spread, mean + spread)


def _check_ratio(hits: int, n: int) -> None:
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is not a ratio")


def _check_percentile(p: float) -> None:
    if not 0 < p < 1:
        raise ValueError(f"a percentile is a share between 0 and 1, not {p}; p95 is 0.95")


def _ordered(values: Sequence[float], p: float) -> list[float]:
    _check_percentile(p)
    if not values:
        raise ValueError("no samples: a percentile has no value")
    if any(map(math.isnan, values)):
        raise ValueError("a percentile is taken of numbers; NaN has no rank")
    return sorted(values)


@lru_cache(maxsize=4096)
def _ranks(n: int, p: float) -> tuple[int, int]:
    """The ranks of the two ends, the lower one counted from the smallest value, the upper one from the largest.

    0 stands for an end that n samples cannot bound.
    """
    return _largest_rank(n, p), _largest_rank(n, 1 - p)


def _largest_rank(n: int, p: float) -> int:
    # P(B ≤ k) grows with k: the number of k for which it is at most 2.5 % is the largest l with P(B ≤ l − 1) ≤ 2.5 %.
    return bisect_right(range(n), TAIL, key=lambda k: _beta(n - k, k + 1, 1 - p))


@lru_cache(maxsize=4096)
def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t: P(|T| > t) = I_x(ν/2, 1/2) with x = ν/(ν + t²) (DLMF 8.17, NIST 1.3.6.7.2)."""
    x = _root(lambda x: _beta(freedom / 2, 0.5, x), 2 * TAIL)
    return math.sqrt(freedom * (1 - x) / x)


def _root(increasing: Callable[[float], float], target: float) -> float:
    """Where a function that grows from 0 to 1 over [0, 1] takes the value `target`, by bisection to 2^-54."""
    low, high = 0.0, 1.0
    for _ in range(54):
        middle = (low + high) / 2
        if increasing(middle) < target:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b) for a, b > 0, by its continued fraction (DLMF 8.17.22).

    Evaluated by Lentz's method, in about √max(a, b) steps; relative error below 1e-8 up to a + b of a million.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # there the fraction converges slowly; I_x(a, b) = 1 − I_{1−x}(b, a)
        return 1 - _beta(b, a, 1 - x)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    numerator, denominator, fraction = 1.0, 0.0, 1.0
    for k in range(100_000):
        m = k // 2
        if k == 0:
            term = 1.0
        elif k % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        denominator = 1 / (1 + term * denominator)
        numerator = 1 + term / numerator
        fraction *= numerator * denominator
        if k and abs(numerator * denominator - 1) < 1e-14:
            break
    return math.exp(scale) / a * (fraction - 1)
