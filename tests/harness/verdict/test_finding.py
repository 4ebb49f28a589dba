"""Waivers lower what they cover, as long as they last; numbers are shown without claiming more than was measured."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.harness.verdict.finding import Finding, Severity, Status, Waiver, apply_waivers, show, show_range

TODAY = date(2026, 12, 1)


def finding(
    status: Status = Status.FAIL,
    severity: Severity = Severity.BLOCKS,
    *,
    check: str = "ttft_p95",
    experiment: str = "slow-model",
) -> Finding:
    return Finding(
        experiment=experiment,
        phase="fault",
        check=check,
        expectation="ttft_p95 < 2s",
        severity=severity,
        status=status,
        value=3.0,
        unit="s",
        op="<",
        limit=2.0,
        low=2.5,
        high=3.5,
        n=200,
        message="the first word comes late",
    )


def waiver(
    check: str = "ttft_p95",
    experiment: str | None = None,
    expires: date = TODAY,
    reason: str = "known; fixed in January",
) -> Waiver:
    return Waiver(check, experiment, reason, "Ada", expires)


class TestWaivers:
    @pytest.mark.parametrize("status", [Status.FAIL, Status.UNKNOWN])
    @pytest.mark.parametrize(
        ("severity", "lowered"),
        [
            (Severity.BLOCKS, Severity.CONDITION),
            (Severity.CONDITION, Severity.NOTE),
            (Severity.NOTE, Severity.NOTE),
        ],
    )
    def test_lower_a_fail_or_unknown_by_one_step(self, status: Status, severity: Severity, lowered: Severity) -> None:
        (after,) = apply_waivers([finding(status, severity)], [waiver()], TODAY).findings
        assert (after.status, after.severity, after.waiver) == (status, lowered, waiver())

    @pytest.mark.parametrize("status", [Status.PASS, Status.NOT_APPLICABLE])
    def test_leave_what_needs_none_and_are_unused(self, status: Status) -> None:
        assert apply_waivers([finding(status)], [waiver()], TODAY) == ((finding(status),), (), (waiver(),))

    def test_hold_through_their_last_day_and_not_longer(self) -> None:
        assert apply_waivers([finding()], [waiver(expires=TODAY)], TODAY).findings[0].waiver is not None
        expired = waiver(expires=TODAY - timedelta(days=1))
        assert apply_waivers([finding()], [expired], TODAY) == ((finding(),), (expired,), ())

    @pytest.mark.parametrize("other", [waiver("total_p95"), waiver(experiment="outage")])
    def test_cover_only_their_check_and_experiment(self, other: Waiver) -> None:
        assert apply_waivers([finding()], [other], TODAY) == ((finding(),), (), (other,))

    def test_one_that_names_the_experiment_comes_first_and_two_lower_once(self) -> None:
        general, named = waiver(reason="general"), waiver(experiment="slow-model", reason="named")
        found, expired, unused = apply_waivers([finding()], [general, named], TODAY)
        assert (found[0].waiver, found[0].severity) == (named, Severity.CONDITION)
        assert (expired, unused) == ((), ())

    @given(
        st.lists(st.builds(finding, st.sampled_from(Status), st.sampled_from(Severity)), max_size=5),
        st.lists(
            st.builds(
                waiver,
                st.sampled_from(["ttft_p95", "other"]),
                st.sampled_from([None, "slow-model", "outage"]),
                st.sampled_from([TODAY - timedelta(days=1), TODAY]),
            ),
            max_size=5,
        ),
    )
    def test_twice_is_once_and_each_waiver_is_accounted_for(
        self, findings: list[Finding], waivers: list[Waiver]
    ) -> None:
        once = apply_waivers(findings, waivers, TODAY)
        assert apply_waivers(once.findings, waivers, TODAY) == once
        assert {f.waiver for f in once.findings} - {None} <= set(waivers) - set(once.expired) - set(once.unused)
        active = [w for w in waivers if w.expires >= TODAY]
        assert apply_waivers(findings, active, TODAY).findings == once.findings


class TestShow:
    @pytest.mark.parametrize(
        ("value", "unit", "text"),
        [
            (0.25, "s", "250 ms"),
            (1.7, "s", "1.7 s"),
            (math.inf, "s", "never"),
            (math.inf, "usd", "∞"),
            (-math.inf, "", "-∞"),
            (0.975, "ratio", "97.5 %"),
            (1.0, "ratio", "100 %"),
            (0.9997, "ratio", "99.97 %"),
            (12.0, "ratio", "1,200 %"),
            (0.42, "usd", "$0.42"),
            (0.0012, "usd", "$0.0012"),
            (0.0, "usd", "$0.00"),
            (12_345.678, "usd", "$12,345.68"),
            (3.0, "calls", "3 calls"),
            (12_345.0, "count", "12,345"),
            (2.5, "", "2.5"),
            (4.0, "tokens", "4 tokens"),
        ],
    )
    def test_numbers(self, value: float, unit: str, text: str) -> None:
        assert show(value, unit) == text

    @pytest.mark.parametrize(
        ("low", "high", "unit", "text"),
        [
            (1.2, 2.4, "s", "1.2–2.4 s"),
            (0.9, 1.2, "s", "900 ms–1.2 s"),
            (1.2, math.inf, "s", "1.2 s–never"),
            (125.0, 190.0, "s", "2 min 5 s–3 min 10 s"),
            (0.91, 0.973, "ratio", "91–97.3 %"),
            (1.0, 2.0, "usd", "$1.00–$2.00"),
            (1.0, 2.0, "count", "1–2"),
            (119.0, 130.0, "s", "119 s–2 min 10 s"),
        ],
    )
    def test_ranges(self, low: float, high: float, unit: str, text: str) -> None:
        assert show_range(low, high, unit) == text
