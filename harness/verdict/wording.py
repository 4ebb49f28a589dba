"""How a verdict and its findings are said: the words, signs and numbers that every output shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from brownout.harness.verdict.finding import Finding, Severity, Status, Waiver, show, show_range
from brownout.harness.verdict.result import ExperimentResult, Result
from brownout.harness.verdict.statistics import zero_bound
from brownout.harness.verdict.table import Word

__all__ = [
    "NONE",
    "OUTCOMES",
    "SEVERITIES",
    "SIGNS",
    "STATUSES",
    "Standing",
    "by_weight",
    "headline",
    "interval",
    "limit",
    "number",
    "plural",
    "share",
    "standing",
    "value",
    "waived",
]

NONE = "–"
"""Stands where there is no number."""

STATUSES = {
    Status.PASS: "pass",
    Status.FAIL: "fail",
    Status.UNKNOWN: "unknown",
    Status.NOT_APPLICABLE: "not tested",
}
SIGNS = {Status.PASS: "✔", Status.FAIL: "✘", Status.UNKNOWN: "?", Status.NOT_APPLICABLE: "–"}
SEVERITIES = {Severity.BLOCKS: "blocks", Severity.CONDITION: "condition", Severity.NOTE: "note"}

OUTCOMES = (
    "answered",
    "degraded",
    "shed",
    "refused",
    "truncated",
    "wrong",
    "error",
    "timeout",
    "abandoned",
    "unproven",
)
"""What a user can get, from the best to what says nothing."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands between a run and GO, in the order of the experiments; nothing is in two places.

    `blocking` are the fails that forbid the launch, `unsound` the experiments that were no valid measurement,
    `undecided` the blocking expectations that are unknown, `conditions` the other fails and unknowns that count, `untested`
    what did not apply and the notes that are unknown. Findings of unsound experiments count for nothing and are in none.
    """

    blocking: tuple[Finding, ...]
    unsound: tuple[ExperimentResult, ...]
    undecided: tuple[Finding, ...]
    conditions: tuple[Finding, ...]
    untested: tuple[Finding, ...]


def standing(result: Result) -> Standing:
    """Sort the findings of a run by what they mean for the launch."""
    places: dict[str, list[Finding]] = {"blocking": [], "undecided": [], "conditions": [], "untested": [], "": []}
    for experiment in result.experiments:
        for finding in experiment.findings if experiment.valid else ():
            places[_place(finding)].append(finding)
    return Standing(
        tuple(places["blocking"]),
        tuple(e for e in result.experiments if not e.valid),
        tuple(places["undecided"]),
        tuple(places["conditions"]),
        tuple(places["untested"]),
    )


def _place(finding: Finding) -> str:
    if finding.status is Status.NOT_APPLICABLE:
        return "untested"
    if not finding.status.open:
        return ""
    if finding.severity is Severity.BLOCKS:
        return "blocking" if finding.status is Status.FAIL else "undecided"
    if finding.waiver is not None or finding.severity is Severity.CONDITION:
        return "conditions"
    return "untested" if finding.status is Status.UNKNOWN else ""


def headline(result: Result) -> str:
    """The verdict's reason in one sentence."""
    at = standing(result)
    match result.verdict.word:
        case Word.NO_GO:
            many = len({f.experiment for f in at.blocking})
            of = f"{many} of {plural(len(result.experiments), 'experiment')}"
            said = f"The app is not ready: {plural(len(at.blocking), 'blocking expectation')} failed, in {of}."
        case Word.INVALID:
            unsound = plural(len(at.unsound), "experiment")
            was = "was" if len(at.unsound) == 1 else "were"
            said = f"{unsound} {was} not a sound measurement, so the run says nothing certain about the app."
        case Word.INCONCLUSIVE if at.undecided:
            said = (
                f"{plural(len(at.undecided), 'blocking expectation')} could not be decided; nothing failed that blocks."
            )
        case Word.INCONCLUSIVE:
            said = f"Nothing was shown: {'; '.join(result.verdict.reasons) or 'no expectation was decided'}."
        case Word.CONDITIONS:
            said = f"Nothing blocks the launch; {plural(len(at.conditions), 'condition')} to settle or to accept."
        case Word.GO:
            held = sum(f.status is Status.PASS for e in result.experiments for f in e.findings)
            tested = plural(sum(bool(e.findings) for e in result.experiments), "experiment")
            said = f"{plural(held, 'expectation')} held in {tested}, and nothing stands in the way."
    if result.verdict.logic_only:
        said += " Reached in virtual time: speed and capacity were not tested."
    return said


def number(value: float | None, unit: str) -> str:
    """A number for people. What takes infinitely long *never* happens; None and NaN are ``–``."""
    if value is None or math.isnan(value):
        return NONE
    return "never" if value == math.inf and unit == "s" else show(value, unit)


def value(finding: Finding) -> str:
    """What was measured."""
    return number(finding.value, finding.unit)


def limit(finding: Finding) -> str:
    """What it had to be: ``< 2 s``. An invariant allows none."""
    if finding.limit is None or finding.op is None:
        return "none allowed" if _invariant(finding) else NONE
    return f"{finding.op} {number(finding.limit, finding.unit)}"


def interval(finding: Finding) -> str:
    """The 95 % interval: ``1.2–2.4 s``. For an invariant that held, the share of violations it rules out."""
    low, high = finding.low, finding.high
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        held = _invariant(finding) and finding.value == 0 and finding.n > 0
        return f"below {number(zero_bound(finding.n), 'ratio')}" if held else NONE
    if math.isfinite(low) and math.isfinite(high):
        return show_range(low, high, finding.unit)
    return f"{number(low, finding.unit)} – {number(high, finding.unit)}" if low < high else number(low, finding.unit)


def _invariant(finding: Finding) -> bool:
    return finding.op is None and finding.unit == "count" and finding.value is not None


def waived(waiver: Waiver) -> str:
    """A waiver in words: who accepts the finding, until when, and why."""
    return f"waived by {waiver.owner} until {waiver.expires}: {waiver.reason}"


def by_weight(outcomes: Mapping[str, int]) -> list[tuple[str, int]]:
    """Outcomes that occurred with their counts, in the order of `OUTCOMES`; others follow by name."""
    order = {name: i for i, name in enumerate(OUTCOMES)}
    return sorted(((k, v) for k, v in outcomes.items() if v > 0), key=lambda o: (order.get(o[0], len(order)), o[0]))


def share(part: int, whole: int) -> str:
    """A part of a whole in percent; ``–`` where there is no whole."""
    return number(part / whole, "ratio") if whole else NONE


def plural(count: int, noun: str) -> str:
    """A count with its noun: ``1 experiment``, ``3 experiments``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
