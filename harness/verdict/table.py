"""The verdict table: from the findings of all experiments to one word and an exit code.

======================  =================================================================  ====
the first that applies  when                                                               exit
======================  =================================================================  ====
NO-GO                   a blocking fail in a valid experiment                              1
INVALID                 an experiment's measurement or set-up was unsound                  4
INCONCLUSIVE            a blocking expectation is unknown, or nothing at all was decided   3
GO WITH CONDITIONS      a fail or an unknown of severity condition, or a waiver in force   0
                                                                                (strict:)  1
GO                      everything else                                                    0
======================  =================================================================  ====

Notes never count. Page, Markdown, JUnit and exit code all derive from this one function.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from brownout.harness.verdict.finding import Finding, Severity, Status
from brownout.harness.verdict.judge import Clock

__all__ = ["ExperimentOutcome", "Verdict", "Word", "verdict"]


class Word(StrEnum):
    """The answer to "is this app ready to launch?", from worst to best."""

    NO_GO = "NO-GO"
    INVALID = "INVALID"
    INCONCLUSIVE = "INCONCLUSIVE"
    CONDITIONS = "GO WITH CONDITIONS"
    GO = "GO"


EXIT_CODES = {Word.NO_GO: 1, Word.INVALID: 4, Word.INCONCLUSIVE: 3, Word.CONDITIONS: 0, Word.GO: 0}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word, the process exit code, and a sentence for each thing that led to it, in alphabetical order.

    `logic_only` marks a GO, with or without conditions, that was reached in virtual time: speed and capacity were not
    tested.
    """

    word: Word
    exit_code: int
    reasons: tuple[str, ...]
    logic_only: bool

    def __str__(self) -> str:
        return f"{self.word} (logic only)" if self.logic_only else str(self.word)


@dataclass(frozen=True, slots=True)
class ExperimentOutcome:
    """What the table needs of one experiment. `why_invalid` says what was unsound if it is not `valid`."""

    name: str
    valid: bool
    why_invalid: tuple[str, ...]
    findings: tuple[Finding, ...]


def verdict(outcomes: Iterable[ExperimentOutcome], *, strict: bool = False, clock: Clock = "live") -> Verdict:
    """Apply the table. The order of experiments and findings does not matter.

    Findings come with their waivers applied (`apply_waivers`). *Decided* means a pass or a fail: a run without any is
    INCONCLUSIVE, since nothing was shown, whatever the severities. `strict` makes the exit code of GO WITH CONDITIONS 1.
    """
    experiments = tuple(outcomes)
    word, reasons = _first_that_applies(experiments)
    exit_code = 1 if strict and word is Word.CONDITIONS else EXIT_CODES[word]
    logic_only = clock == "virtual" and word in (Word.GO, Word.CONDITIONS)
    return Verdict(word, exit_code, tuple(sorted(reasons)), logic_only)


def _first_that_applies(experiments: tuple[ExperimentOutcome, ...]) -> tuple[Word, list[str]]:
    findings = [(e, f) for e in experiments for f in e.findings]

    def those(status: Status, severity: Severity) -> list[tuple[ExperimentOutcome, Finding]]:
        return [(e, f) for e, f in findings if f.status is status and f.severity is severity]

    if blocking := [(e, f) for e, f in those(Status.FAIL, Severity.BLOCKS) if e.valid]:
        return Word.NO_GO, [_sentence(e, f) for e, f in blocking]
    if unsound := [e for e in experiments if not e.valid]:
        return Word.INVALID, [f"{e.name}: {why}" for e in unsound for why in e.why_invalid or ("not a valid run",)]
    if undecided := those(Status.UNKNOWN, Severity.BLOCKS):
        return Word.INCONCLUSIVE, [_sentence(e, f) for e, f in undecided]
    decided = sum(f.status in (Status.PASS, Status.FAIL) for _, f in findings)
    if not decided:
        return Word.INCONCLUSIVE, [_nothing_decided(len(experiments), len(findings))]
    if conditions := [(e, f) for e, f in findings if _is_condition(f)]:
        return Word.CONDITIONS, [_sentence(e, f) for e, f in conditions]
    return Word.GO, [f"{decided} of {len(findings)} expectations were decided, and none stands in the way"]


def _is_condition(finding: Finding) -> bool:
    return finding.waiver is not None or (finding.status.open and finding.severity is Severity.CONDITION)


def _sentence(experiment: ExperimentOutcome, finding: Finding) -> str:
    text = f"{experiment.name}: {finding.message}"
    if finding.waiver is None:
        return text
    return f"{text} (waived by {finding.waiver.owner} until {finding.waiver.expires}: {finding.waiver.reason})"


def _nothing_decided(experiments: int, findings: int) -> str:
    if not experiments:
        return "no experiment was run"
    if not findings:
        return "no expectation was judged"
    return f"none of {findings} expectations could be decided"
