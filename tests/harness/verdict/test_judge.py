"""The three-state rule for estimates, the counter-example rule for invariants, and what a clock can show."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.harness.verdict.finding import Op, Status
from brownout.harness.verdict.judge import Clock, Judgement, Limit, judge, under_clock
from brownout.harness.verdict.measurement import (
    Invariant,
    Mean,
    Measurement,
    NotApplicable,
    Percentile,
    Ratio,
    Unknown,
    Value,
    Violation,
)

PASS, FAIL, UNKNOWN, NOT_APPLICABLE = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.NOT_APPLICABLE
OPS: tuple[Op, ...] = ("<", "<=", ">", ">=")
BELOW_2 = Limit("<", 2.0)


class TestLimit:
    @pytest.mark.parametrize(("op", "allowed"), [("<", [1.0]), ("<=", [1.0, 2.0]), (">", [3.0]), (">=", [2.0, 3.0])])
    def test_compares_as_it_is_written(self, op: Op, allowed: list[float]) -> None:
        assert [v for v in (1.0, 2.0, 3.0) if Limit(op, 2.0).allows(v)] == allowed

    def test_refuses_other_operators_and_nan(self) -> None:
        with pytest.raises(ValueError, match="'==' is not a comparison; a limit is written with one of <, <=, >, >="):
            Limit("==", 1.0)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="NaN"):
            Limit("<", math.nan)


class TestThreeStates:
    @pytest.mark.parametrize(
        ("op", "low", "high", "status"),
        [
            ("<", 1.0, 1.9, PASS),
            ("<", 1.0, 2.0, UNKNOWN),
            ("<", 2.0, 3.0, FAIL),
            ("<=", 1.0, 2.0, PASS),
            ("<=", 2.0, 3.0, UNKNOWN),
            ("<=", 2.1, 3.0, FAIL),
            (">", 2.1, 3.0, PASS),
            (">", 2.0, 3.0, UNKNOWN),
            (">", 1.0, 2.0, FAIL),
            (">=", 2.0, 3.0, PASS),
            (">=", 1.0, 2.0, UNKNOWN),
            (">=", 1.0, 1.9, FAIL),
            ("<", 2.0, 2.0, FAIL),
            ("<=", 2.0, 2.0, PASS),
            ("<", 3.0, math.inf, FAIL),
            ("<", math.inf, math.inf, FAIL),
            ("<", 1.0, math.inf, UNKNOWN),
        ],
    )
    def test_the_whole_interval_decides(self, op: Op, low: float, high: float, status: Status) -> None:
        judged = judge(Value(low, low, high, 1), Limit(op, 2.0))
        assert (judged.status, judged.low, judged.high) == (status, low, high)

    @given(
        st.sampled_from(OPS),
        st.floats(0, 10),
        st.lists(st.floats(0, 10) | st.just(math.inf), min_size=3, max_size=3).map(sorted),
    )
    def test_pass_and_fail_are_opposites(self, op: Op, limit: float, ends: list[float]) -> None:
        opposite: dict[Op, Op] = {"<": ">=", ">=": "<", ">": "<=", "<=": ">"}
        seen = Value(ends[1], ends[0], ends[2], 1)
        states = {judge(seen, Limit(op, limit)).status, judge(seen, Limit(opposite[op], limit)).status}
        assert states in ({PASS, FAIL}, {UNKNOWN})


class TestPercentile:
    def test_pass_fail_and_unknown(self) -> None:
        assert judge(Percentile((1.0,) * 72, 0.95), BELOW_2).status is PASS
        assert judge(Percentile((3.0,) * 72, 0.95), BELOW_2).status is FAIL
        assert judge(Percentile((1.0,) * 184 + (3.0,) * 16, 0.95), BELOW_2).status is UNKNOWN

    def test_too_few_samples_do_not_pass_and_say_how_many_would(self) -> None:
        judged = judge(Percentile((1.0,) * 71, 0.95), BELOW_2)
        assert judged == Judgement(UNKNOWN, 1.0, 1.0, math.inf, 71, judged.reason)
        assert judged.reason == "p95 1 s (1 s–never) straddles 2 s; n = 71, at least 72 needed"

    def test_a_few_samples_can_fail(self) -> None:
        assert judge(Percentile((30.0,) * 3, 0.95), BELOW_2).status is FAIL

    def test_failed_requests_count_as_never(self) -> None:
        judged = judge(Percentile((0.1,) * 170 + (math.inf,) * 30, 0.95), BELOW_2)
        assert (judged.status, judged.value) == (FAIL, math.inf)
        assert "n = 200, 30 of them never (error, timeout or abandoned)" in judged.reason

    def test_a_duration_is_never_below_nothing(self) -> None:
        judged = judge(Percentile((1.0, 2.0), 0.5), Limit(">", 0.5))
        assert (judged.low, judged.status) == (0.0, UNKNOWN)

    def test_a_straddling_interval_is_spelt_out_with_the_samples_that_would_decide(self) -> None:
        values = [1.0 + k / 100 for k in range(200)]  # p95 2.89 s; 195 of 200 are below 2.945 s
        judged = judge(Percentile(tuple(values), 0.95), Limit("<", 2.945))
        # |0.975 − 0.95| ≥ 1.96 √(0.95 · 0.05 / n) from n = 292 on
        assert judged.reason == "p95 2.89 s (2.83–2.96 s) straddles 2.94 s; n = 200, about 300 needed"

    def test_the_number_of_samples_asked_for_is_about_right(self) -> None:
        rng = random.Random(5)
        values = tuple(rng.lognormvariate(0, 0.6) for _ in range(100))
        judged = judge(Percentile(values, 0.9), Limit("<", 2.6))
        assert judged.status is UNKNOWN
        asked = int(judged.reason.split("about ")[1].split()[0])
        assert judge(Percentile(values * (asked // 100 + 2), 0.9), Limit("<", 2.6)).status is PASS
        assert judge(Percentile(values * max(1, asked // 200), 0.9), Limit("<", 2.6)).status is UNKNOWN

    def test_other_percentiles_are_named(self) -> None:
        assert judge(Percentile((1.0,) * 4000, 0.999), BELOW_2).reason.startswith("p99.9 1 s is within the limit < 2 s")


class TestRatio:
    @pytest.mark.parametrize(
        ("hits", "n", "limit", "status"),
        [
            (400, 400, Limit(">=", 0.99), PASS),
            (200, 200, Limit(">=", 0.99), UNKNOWN),
            (180, 200, Limit(">=", 0.99), FAIL),
            (0, 200, Limit("<", 0.019), PASS),
            (0, 200, Limit("<", 0.018), UNKNOWN),
            (50, 200, Limit("<=", 0.1), FAIL),
            (149, 150, Limit(">=", 0.999), UNKNOWN),
        ],
    )
    def test_states(self, hits: int, n: int, limit: Limit, status: Status) -> None:
        judged = judge(Ratio(hits, n), limit)
        assert (judged.status, judged.value, judged.n) == (status, hits / n, n)

    def test_says_how_many_samples_would_show_it(self) -> None:
        judged = judge(Ratio(200, 200), Limit(">=", 0.99))
        assert judged.reason == "100 % (98.1–100 %) straddles 99 %; n = 200, about 390 needed"
        assert judge(Ratio(390, 390), Limit(">=", 0.99)).status is PASS
        assert judge(Ratio(370, 370), Limit(">=", 0.99)).status is UNKNOWN

    @pytest.mark.parametrize(("hits", "limit"), [(200, Limit(">=", 1.0)), (0, Limit("<=", 0.0))])
    def test_no_sample_shows_an_absolute(self, hits: int, limit: Limit) -> None:
        judged = judge(Ratio(hits, 200), limit)
        assert judged.status is UNKNOWN
        assert "make it an invariant" in judged.reason

    @pytest.mark.parametrize("limit", [5e-324, 1e-300, 0.5])
    def test_a_ratio_on_its_limit_or_next_to_it_asks_for_no_number_of_samples(self, limit: float) -> None:
        judged = judge(Ratio(0 if limit < 0.5 else 5, 10), Limit(">", limit))
        assert judged.status is UNKNOWN
        assert judged.reason.endswith("n = 10")

    @pytest.mark.parametrize("n", [1, 5, 20, 60, 150, 300])
    @pytest.mark.parametrize("true", [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999])
    def test_false_pass_and_false_fail_are_rare_even_on_the_limit(self, n: int, true: float) -> None:
        """Exact, over all outcomes: the true ratio is the limit itself, the hardest case."""
        chance = [math.comb(n, k) * true**k * (1 - true) ** (n - k) for k in range(n + 1)]
        for op in OPS:
            rate = Counter[Status]()
            for hits in range(n + 1):
                rate[judge(Ratio(hits, n), Limit(op, true)).status] += chance[hits]  # type: ignore[assignment]
            assert rate[PASS] <= 0.025
            assert rate[FAIL] <= 0.025


class TestMean:
    def test_states(self) -> None:
        values = (1.0, 3.0) * 50  # 2 ± 0.2
        assert judge(Mean(values), Limit("<", 2.3)).status is PASS
        assert judge(Mean(values), Limit("<", 1.7)).status is FAIL
        judged = judge(Mean(values, unit="calls"), Limit("<", 2.1))
        assert judged.reason == "mean 2 calls (1.8–2.2 calls) straddles 2.1 calls; n = 100, about 400 needed"

    def test_needs_values(self) -> None:
        judged = judge(Mean((1.0,) * 19, unit="calls"), Limit("<=", 1.1))
        assert judged.status is UNKNOWN
        assert judged.reason == "mean 1 calls, limit <= 1.1 calls; only 19 values, 20 needed"
        assert judge(Mean((1.0,) * 20), Limit("<=", 1.1)).status is PASS
        assert judge(Mean((1.0,) * 3), Limit("<=", 1.1), least=3).status is PASS
        assert judge(Mean((1.0,)), Limit("<=", 1.1), least=1).status is UNKNOWN

    def test_one_failure_is_an_infinite_mean(self) -> None:
        assert judge(Mean((1.0,) * 50 + (math.inf,)), BELOW_2).status is FAIL

    def test_the_estimate_lies_in_its_interval(self) -> None:
        judged = judge(Mean((0.1,) * 22), Limit("<=", 0.1))
        assert (judged.status, judged.value) == (PASS, 0.1)


class TestInvariant:
    def test_one_counter_example_is_enough(self) -> None:
        found = Violation(17, 40, "another user's answer")
        assert judge(Invariant(200, (found,)), None) == Judgement(
            FAIL, 1, None, None, 200, "1 violation in 200 opportunities: another user's answer (request 17)"
        )
        assert judge(Invariant(0, (found,)), None).status is FAIL
        assert judge(Invariant(9, (Violation(None, 2, "leak"), found)), None).reason == (
            "2 violations in 9 opportunities: leak"
        )

    def test_none_in_enough_opportunities_passes_with_its_bound(self) -> None:
        assert judge(Invariant(200), None) == Judgement(PASS, 0, None, None, 200, "0 of 200: below 1.9 % at 95 %")

    @pytest.mark.parametrize(
        ("n", "least", "status", "reason"),
        [
            (20, 20, PASS, "0 of 20: below 16 % at 95 %"),
            (19, 20, UNKNOWN, "only 19 opportunities, 20 needed"),
            (1, 3, UNKNOWN, "only 1 opportunity, 3 needed"),
            (3, 3, PASS, "0 of 3: below 56 % at 95 %"),
            (0, 1, UNKNOWN, "no opportunities: nothing that happened could violate it"),
        ],
    )
    def test_opportunities(self, n: int, least: int, status: Status, reason: str) -> None:
        judged = judge(Invariant(n), None, least=least)
        assert (judged.status, judged.reason) == (status, reason)

    def test_takes_no_limit(self) -> None:
        with pytest.raises(ValueError, match="takes no limit"):
            judge(Invariant(200), BELOW_2)

    @pytest.mark.parametrize("least", [0, -1])
    def test_nothing_passes_on_no_opportunity(self, least: int) -> None:
        with pytest.raises(ValueError, match="at least one"):
            judge(Invariant(0), None, least=least)


EMPTY: list[Measurement] = [Percentile((), 0.95), Ratio(0, 0), Mean(()), Value(1.0, 1.0, 1.0, 0)]
NAN: list[Measurement] = [
    Percentile((1.0,) * 200 + (math.nan,), 0.95),
    Mean((1.0,) * 200 + (math.nan,)),
    Mean((1.0,) * 200 + (-math.inf,)),
    Value(math.nan, 1.0, 1.0, 200),
    Value(1.0, 1.0, math.nan, 200),
    Value(1.0, math.nan, 1.0, 200),
]


@pytest.mark.parametrize("op", OPS)
class TestNeverInVain:
    @pytest.mark.parametrize("seen", EMPTY, ids=lambda m: type(m).__name__)
    def test_no_samples(self, seen: Measurement, op: Op) -> None:
        assert judge(seen, Limit(op, 1.5)) == Judgement(UNKNOWN, None, None, None, 0, "no samples")

    @pytest.mark.parametrize("seen", NAN, ids=lambda m: type(m).__name__)
    def test_what_is_no_number(self, seen: Measurement, op: Op) -> None:
        judged = judge(seen, Limit(op, 1.5))
        assert (judged.status, judged.value) == (UNKNOWN, None)
        assert "not a number" in judged.reason

    def test_checks_that_did_not_measure(self, op: Op) -> None:
        limit = Limit(op, 1.0)
        assert judge(Unknown("no fault fired"), limit) == Judgement(UNKNOWN, None, None, None, 0, "no fault fired")
        assert judge(NotApplicable("does not stream"), limit).status is NOT_APPLICABLE
        assert judge(NotApplicable(""), limit).reason
        assert judge(Unknown(""), None).reason


def test_an_estimate_without_a_limit_is_shown_and_not_judged() -> None:
    judged = judge(Ratio(3, 4), None)
    assert (judged.status, judged.value, judged.n) == (NOT_APPLICABLE, 0.75, 4)
    assert judged.reason == "75 % (19.4–99.4 %); no limit is set; n = 4"


@given(
    st.lists(st.floats(0, 5) | st.just(math.inf), max_size=120),
    st.sampled_from([0.5, 0.9, 0.95]),
    st.sampled_from(OPS),
    st.floats(0, 5),
)
def test_a_pass_is_within_the_limit_with_all_of_its_interval(
    values: list[float], p: float, op: Op, limit: float
) -> None:
    for seen in (
        Percentile(tuple(values), p),
        Mean(tuple(values)),
        Ratio(len([v for v in values if v < 1]), len(values)),
    ):
        judged = judge(seen, Limit(op, limit))
        assert judged.reason
        if judged.status in (PASS, FAIL):
            ends = (judged.low, judged.value, judged.high)
            assert {Limit(op, limit).allows(v) for v in ends if v is not None} == {judged.status is PASS}


JUDGED = {status: Judgement(status, 1.0, 0.9, 1.1, 200, "1 s") for status in Status}


class TestUnderClock:
    @pytest.mark.parametrize("clock", ["live", "virtual"])
    @pytest.mark.parametrize("status", list(Status))
    @pytest.mark.parametrize(
        ("pass_valid", "fail_valid", "after"),
        [
            (True, True, {PASS: PASS, FAIL: FAIL, UNKNOWN: UNKNOWN}),
            (False, True, {PASS: UNKNOWN, FAIL: FAIL, UNKNOWN: UNKNOWN}),
            (True, False, {PASS: PASS, FAIL: UNKNOWN, UNKNOWN: UNKNOWN}),
            (False, False, {PASS: NOT_APPLICABLE, FAIL: NOT_APPLICABLE, UNKNOWN: NOT_APPLICABLE}),
        ],
    )
    def test_only_what_the_clock_can_show_remains(
        self, clock: Clock, status: Status, pass_valid: bool, fail_valid: bool, after: dict[Status, Status]
    ) -> None:
        before = JUDGED[status]
        now = under_clock(before, clock, pass_valid=pass_valid, fail_valid=fail_valid)
        assert now.status is after.get(status, NOT_APPLICABLE)
        assert (now.value, now.low, now.high, now.n) == (1.0, 0.9, 1.1, 200)
        assert (now.reason == before.reason) == (now.status is status)

    def test_a_latency_pass_in_virtual_time_says_why_it_is_none(self) -> None:
        now = under_clock(JUDGED[PASS], "virtual", pass_valid=False, fail_valid=True)
        assert now.reason == "would pass, but in virtual time, where computing takes none, that proves nothing: 1 s"

    def test_what_cannot_be_measured_says_so(self) -> None:
        now = under_clock(JUDGED[FAIL], "virtual", pass_valid=False, fail_valid=False)
        assert now.reason == "cannot be measured in virtual time"


def states_near_a_limit(true_over_limit: float, *, n: int = 200, runs: int = 500) -> Counter[Status]:
    """How often each state comes out for lognormal durations (sigma 0.6) whose true p95 is so far from the limit."""
    rng = random.Random(20_261)
    limit = Limit("<", math.exp(0.6 * 1.6448536269514722) / true_over_limit)
    return Counter(
        judge(Percentile(tuple(rng.lognormvariate(0, 0.6) for _ in range(n)), 0.95), limit).status for _ in range(runs)
    )


@pytest.mark.parametrize(("true_over_limit", "wrong"), [(0.9, FAIL), (1.1, PASS), (1.0, PASS), (1.0, FAIL)])
def test_few_verdicts_near_a_limit_are_wrong(true_over_limit: float, wrong: Status) -> None:
    states = states_near_a_limit(true_over_limit)
    assert states[wrong] / 500 <= 0.05
    assert states[UNKNOWN] > states[wrong]


def test_far_from_a_limit_the_rule_decides() -> None:
    assert states_near_a_limit(0.6)[PASS] / 500 >= 0.9
    assert states_near_a_limit(1.7)[FAIL] / 500 >= 0.9
