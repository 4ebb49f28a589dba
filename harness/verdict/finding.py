"""Findings: what the checks of one experiment say about the app, and the waivers that lower their weight."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Literal, NamedTuple

from brownout.faults.values.units import show_seconds

__all__ = [
    "Finding",
    "Op",
    "Phase",
    "Severity",
    "Status",
    "Waived",
    "Waiver",
    "apply_waivers",
    "show",
    "show_range",
]

Op = Literal["<", "<=", ">", ">="]
Phase = Literal["baseline", "fault", "recovery", "run"]


class Status(StrEnum):
    """What a check says. Unknown: it could not tell; not applicable: it has no meaning here, and was not tested."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"

    @property
    def open(self) -> bool:
        """Whether something is left to do about it: a fail or an unknown."""
        return self in (Status.FAIL, Status.UNKNOWN)


class Severity(StrEnum):
    """What a fail does to the launch: forbids it, ties it to a condition, or is only noted."""

    BLOCKS = "blocks"
    CONDITION = "condition"
    NOTE = "note"

    @property
    def lowered(self) -> Severity:
        """One step down; a note stays a note."""
        return Severity.CONDITION if self is Severity.BLOCKS else Severity.NOTE


@dataclass(frozen=True, slots=True)
class Waiver:
    """Someone's decision to launch in spite of a finding, until the end of the day `expires`.

    It covers the check in the experiment named, or in all of them.
    """

    check: str
    experiment: str | None
    reason: str
    owner: str
    expires: date

    def covers(self, finding: Finding) -> bool:
        """Whether it speaks of this finding: a fail or an unknown of its check. Nothing else needs a waiver."""
        return finding.status.open and finding.check == self.check and self.experiment in (None, finding.experiment)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says about one phase of one experiment.

    `expectation` is the line as the experiment has it. `value`, `low`, `high` and `limit` are in `unit` ("s", "ratio",
    "calls", "usd", "count"), None where there is no such number; `n` counts the samples or opportunities. `message` is
    one plain sentence for people who did not write the app, `meaning` what it means for users, `fix` the usual fix.
    `evidence` holds short lines, `requests` the numbers of the requests whose traces prove it. `severity` is what
    counts: where `waiver` is set it has been lowered.
    """

    experiment: str
    phase: Phase
    check: str
    expectation: str
    severity: Severity
    status: Status
    value: float | None
    unit: str
    op: Op | None
    limit: float | None
    low: float | None
    high: float | None
    n: int
    message: str
    meaning: str = ""
    fix: str = ""
    evidence: tuple[str, ...] = ()
    requests: tuple[int, ...] = ()
    waiver: Waiver | None = None


class Waived(NamedTuple):
    """The outcome of `apply_waivers`.

    `expired` lists waivers past their day, which changed nothing; `unused` those in force that no fail or unknown
    needed: the check passes now, or its name is mistaken.
    """

    findings: tuple[Finding, ...]
    expired: tuple[Waiver, ...]
    unused: tuple[Waiver, ...]


def apply_waivers(findings: Iterable[Finding], waivers: Iterable[Waiver], today: date) -> Waived:
    """Lower every fail and unknown that a waiver in force covers by one step, and attach that waiver.

    One finding gets one waiver: one that names its experiment before one for all, else the first. A finding that has
    one already is left as it is, so applying waivers twice is the same as once.
    """
    given = tuple(waivers)
    active = sorted((w for w in given if today <= w.expires), key=lambda w: w.experiment is None)
    used: set[Waiver] = set()
    waived: list[Finding] = []
    for finding in findings:
        covering = [w for w in active if w.covers(finding)]
        used.update(covering)
        if covering and finding.waiver is None:
            finding = replace(finding, severity=finding.severity.lowered, waiver=covering[0])
        waived.append(finding)
    return Waived(
        tuple(waived),
        tuple(w for w in given if today > w.expires),
        tuple(w for w in given if today <= w.expires and w not in used),
    )


def show(value: float, unit: str) -> str:
    """A number in a unit of findings, for people: ``1.2 s``, ``97.5 %``, ``3 calls``, ``$0.42``; +∞ seconds are *never*."""
    if math.isinf(value):
        return ("never" if unit == "s" else "∞") if value > 0 else "-∞"
    if unit == "s":
        return show_seconds(value)
    if unit == "usd":
        return f"${value:,.2f}" if value == 0 or abs(value) >= 0.1 else f"${value:.2g}"
    if unit == "ratio":
        return f"{_three_figures(100 * value)} %"
    number = _three_figures(value)
    return number if unit in ("", "count") else f"{number} {unit}"


def _three_figures(value: float) -> str:
    text = f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"
    # Rounded to 100, 99.97 would claim that nothing was missed.
    return text if text != "100" else f"{value:.6g}"


def show_range(low: float, high: float, unit: str) -> str:
    """An interval for people: ``1.2–2.4 s``; the unit is written once where both ends share it."""
    first, last = show(low, unit), show(high, unit)
    number, _, suffix = first.partition(" ")
    if suffix and last.count(" ") == 1 and last.endswith(f" {suffix}"):
        first = number
    return f"{first}–{last}"
