"""The verdict table: each row, and the laws that hold for every run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations_with_replacement, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.harness.verdict.finding import Finding, Severity, Status, Waiver, apply_waivers
from brownout.harness.verdict.judge import Clock
from brownout.harness.verdict.table import ExperimentOutcome, Verdict, Word, verdict

PASS, FAIL, UNKNOWN, NOT_APPLICABLE = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.NOT_APPLICABLE
BLOCKS, CONDITION, NOTE = Severity.BLOCKS, Severity.CONDITION, Severity.NOTE
TODAY = date(2026, 12, 1)
WAIVER = Waiver("ttft_p95", None, "known", "Ada", TODAY)
WORST_TO_BEST = [Word.NO_GO, Word.INVALID, Word.INCONCLUSIVE, Word.CONDITIONS, Word.GO]


def finding(status: Status, severity: Severity = BLOCKS, waiver: Waiver | None = None) -> Finding:
    return Finding(
        experiment="slow-model",
        phase="fault",
        check="ttft_p95",
        expectation="ttft_p95 < 2s",
        severity=severity,
        status=status,
        value=None,
        unit="s",
        op="<",
        limit=2.0,
        low=None,
        high=None,
        n=200,
        message=f"the first word comes late ({severity}, {status})",
        waiver=waiver,
    )


def experiment(*findings: Finding, valid: bool = True, name: str = "slow-model") -> ExperimentOutcome:
    return ExperimentOutcome(name, valid, () if valid else ("requests were sent 80 ms late",), findings)


def rank(word: Word) -> int:
    return WORST_TO_BEST.index(word)


findings = st.builds(
    lambda status, severity, waived: finding(status, severity, WAIVER if waived and status.open else None),
    st.sampled_from(Status),
    st.sampled_from(Severity),
    st.booleans(),
)
experiments = st.builds(
    lambda found, valid, name: experiment(*found, valid=valid, name=name),
    st.lists(findings, max_size=4),
    st.sampled_from([True, True, True, False]),
    st.sampled_from(["outage", "slow-model", "bill"]),
)
runs = st.lists(experiments, max_size=4)
clocks: st.SearchStrategy[Clock] = st.sampled_from(["live", "virtual"])


class TestRows:
    @pytest.mark.parametrize(
        ("run", "word", "exit_code"),
        [
            ([experiment(finding(FAIL))], Word.NO_GO, 1),
            ([experiment(finding(FAIL)), experiment(valid=False)], Word.NO_GO, 1),
            ([experiment(finding(FAIL), valid=False)], Word.INVALID, 4),
            ([experiment(finding(PASS)), experiment(finding(PASS), valid=False)], Word.INVALID, 4),
            ([experiment(valid=False)], Word.INVALID, 4),
            ([experiment(finding(UNKNOWN), finding(PASS), valid=False)], Word.INVALID, 4),
            ([experiment(finding(UNKNOWN), finding(PASS))], Word.INCONCLUSIVE, 3),
            ([experiment(finding(UNKNOWN), finding(FAIL, CONDITION))], Word.INCONCLUSIVE, 3),
            ([experiment(finding(PASS), finding(FAIL, CONDITION))], Word.CONDITIONS, 0),
            ([experiment(finding(FAIL, CONDITION))], Word.CONDITIONS, 0),
            ([experiment(finding(PASS), finding(UNKNOWN, CONDITION))], Word.CONDITIONS, 0),
            ([experiment(finding(PASS), finding(FAIL, NOTE, WAIVER))], Word.CONDITIONS, 0),
            ([experiment(finding(PASS), finding(FAIL, NOTE), finding(UNKNOWN, NOTE))], Word.GO, 0),
            ([experiment(finding(PASS), finding(NOT_APPLICABLE))], Word.GO, 0),
            ([experiment(finding(PASS))], Word.GO, 0),
        ],
    )
    def test_first_that_applies(self, run: list[ExperimentOutcome], word: Word, exit_code: int) -> None:
        found = verdict(run)
        assert (found.word, found.exit_code, found.logic_only) == (word, exit_code, False)

    @pytest.mark.parametrize(
        ("run", "reason"),
        [
            ([], "no experiment was run"),
            ([experiment()], "no expectation was judged"),
            ([experiment(finding(NOT_APPLICABLE)), experiment()], "none of 1 expectations could be decided"),
            ([experiment(finding(UNKNOWN, NOTE))], "none of 1 expectations could be decided"),
            ([experiment(*[finding(UNKNOWN, CONDITION)] * 2)], "none of 2 expectations could be decided"),
        ],
    )
    def test_nothing_shown_is_never_go(self, run: list[ExperimentOutcome], reason: str) -> None:
        assert verdict(run) == Verdict(Word.INCONCLUSIVE, 3, (reason,), False)


class TestReasons:
    def test_name_what_counted_and_nothing_else(self) -> None:
        run = [
            experiment(finding(FAIL), finding(PASS), finding(UNKNOWN), name="outage"),
            experiment(finding(FAIL), finding(FAIL, NOTE), name="bill"),
            experiment(finding(FAIL), valid=False, name="slow-model"),
        ]
        late = "the first word comes late (blocks, fail)"
        assert verdict(run).reasons == (f"bill: {late}", f"outage: {late}")

    def test_say_what_was_unsound(self) -> None:
        assert verdict([experiment(valid=False)]).reasons == ("slow-model: requests were sent 80 ms late",)
        assert verdict([ExperimentOutcome("bill", False, (), ())]).reasons == ("bill: not a valid run",)

    def test_say_who_waived_what_until_when(self) -> None:
        (reason,) = verdict([experiment(finding(PASS), finding(FAIL, CONDITION, WAIVER))]).reasons
        assert reason.endswith("(condition, fail) (waived by Ada until 2026-12-01: known)")

    def test_a_go_says_how_much_was_decided(self) -> None:
        (reason,) = verdict([experiment(finding(PASS), finding(NOT_APPLICABLE))]).reasons
        assert reason == "1 of 2 expectations were decided, and none stands in the way"


class TestVirtualTime:
    def test_a_go_is_of_logic_only(self) -> None:
        assert str(verdict([experiment(finding(PASS))], clock="virtual")) == "GO (logic only)"
        assert str(verdict([experiment(finding(PASS))])) == "GO"

    @given(runs, st.booleans())
    def test_changes_nothing_but_that_mark(self, run: list[ExperimentOutcome], strict: bool) -> None:
        live = verdict(run, strict=strict)
        logic_only = live.word in (Word.GO, Word.CONDITIONS)
        assert verdict(run, strict=strict, clock="virtual") == replace(live, logic_only=logic_only)


class TestLaws:
    def test_every_combination_has_one_verdict_in_the_order_of_the_table(self) -> None:
        """All runs of two experiments with up to two findings, against the table read as five separate conditions."""
        kinds = [finding(status, severity) for status, severity in product(Status, Severity)]
        kinds += [finding(status, severity, WAIVER) for status in (FAIL, UNKNOWN) for severity in (CONDITION, NOTE)]
        contents = [(), *((k,) for k in kinds), *combinations_with_replacement(kinds, 2)]
        outcomes = [experiment(*found, valid=valid) for found in contents for valid in (True, False)]
        seen = set()
        for one in outcomes:
            for other in outcomes[::7]:
                word = verdict([one, other]).word
                assert word is self.read_from_the_table([one, other])
                seen.add(word)
        assert seen == set(Word)

    @staticmethod
    def read_from_the_table(run: list[ExperimentOutcome]) -> Word:
        everything = [(e.valid, f.status, f.severity, f.waiver) for e in run for f in e.findings]
        rows = {
            Word.NO_GO: any(row[:3] == (True, FAIL, BLOCKS) for row in everything),
            Word.INVALID: not all(e.valid for e in run),
            Word.INCONCLUSIVE: any(row[1:3] == (UNKNOWN, BLOCKS) for row in everything)
            or not any(status in (PASS, FAIL) for _, status, _, _ in everything),
            Word.CONDITIONS: any(
                waiver or (severity is CONDITION and status in (FAIL, UNKNOWN))
                for _, status, severity, waiver in everything
            ),
            Word.GO: True,
        }
        return next(word for word, applies in rows.items() if applies)

    @given(runs, st.data())
    def test_turning_a_pass_into_anything_worse_never_improves(
        self, run: list[ExperimentOutcome], data: st.DataObject
    ) -> None:
        passes = [(i, j) for i, e in enumerate(run) for j, f in enumerate(e.findings) if f.status is PASS]
        if not passes:
            return
        i, j = data.draw(st.sampled_from(passes))
        worse = replace(run[i].findings[j], status=data.draw(st.sampled_from([FAIL, UNKNOWN])))
        changed = replace(run[i], findings=(*run[i].findings[:j], worse, *run[i].findings[j + 1 :]))
        assert rank(verdict([*run[:i], changed, *run[i + 1 :]]).word) <= rank(verdict(run).word)

    @given(runs, st.lists(findings, max_size=3), st.booleans(), clocks)
    def test_a_blocking_fail_in_a_valid_experiment_is_always_no_go(
        self, run: list[ExperimentOutcome], others: list[Finding], strict: bool, clock: Clock
    ) -> None:
        found = verdict([*run, experiment(*others, finding(FAIL))], strict=strict, clock=clock)
        assert (found.word, found.exit_code, found.logic_only) == (Word.NO_GO, 1, False)

    @given(runs)
    def test_an_invalid_experiment_is_never_a_go(self, run: list[ExperimentOutcome]) -> None:
        assert verdict([*run, experiment(valid=False)]).word in (Word.NO_GO, Word.INVALID)

    @given(runs, clocks)
    def test_strict_changes_the_exit_code_of_conditions_only(self, run: list[ExperimentOutcome], clock: Clock) -> None:
        lax, strict = verdict(run, clock=clock), verdict(run, strict=True, clock=clock)
        assert strict == (replace(lax, exit_code=1) if lax.word is Word.CONDITIONS else lax)
        codes = {Word.NO_GO: 1, Word.INVALID: 4, Word.INCONCLUSIVE: 3, Word.CONDITIONS: 0, Word.GO: 0}
        assert lax.exit_code == codes[lax.word]

    @given(runs.flatmap(lambda run: st.tuples(st.just(run), st.permutations(run))))
    def test_order_does_not_matter(self, orders: tuple[list[ExperimentOutcome], list[ExperimentOutcome]]) -> None:
        assert verdict(orders[0]) == verdict(orders[1])
        assert verdict([replace(e, findings=e.findings[::-1]) for e in orders[0]]) == verdict(orders[0])

    @given(runs)
    def test_there_is_always_a_reason(self, run: list[ExperimentOutcome]) -> None:
        assert verdict(run).reasons

    @given(runs, st.integers(1, 1000))
    def test_expired_waivers_have_no_effect(self, run: list[ExperimentOutcome], days: int) -> None:
        expired = replace(WAIVER, expires=TODAY - timedelta(days=days))
        waived = [replace(e, findings=apply_waivers(e.findings, [expired], TODAY).findings) for e in run]
        assert verdict(waived) == verdict(run)

    @given(runs)
    def test_a_waiver_in_force_never_makes_a_plain_go(self, run: list[ExperimentOutcome]) -> None:
        waived = [replace(e, findings=apply_waivers(e.findings, [WAIVER], TODAY).findings) for e in run]
        if any(f.waiver for e in waived for f in e.findings):
            assert verdict(waived).word is not Word.GO


def test_a_waiver_turns_no_go_into_go_with_conditions() -> None:
    failed = (finding(PASS), finding(FAIL))
    assert verdict([experiment(*failed)]).word is Word.NO_GO
    waived = apply_waivers(failed, [WAIVER], TODAY).findings
    assert verdict([experiment(*waived)]).word is Word.CONDITIONS
