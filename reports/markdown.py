"""Markdown for the job summary of a CI system, in the dialect of GitHub (GFM).

A summary of more than 1,024 KiB is refused as a whole, so this one stays below 1,000 KiB: the details of the last
experiments are left out first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain

from brownout.harness.report import reports
from brownout.harness.verdict.finding import Finding, Status
from brownout.harness.verdict.plain import one_line
from brownout.harness.verdict.result import ExperimentResult, Result
from brownout.harness.verdict.table import Word
from brownout.harness.verdict.wording import (
    SEVERITIES,
    SIGNS,
    STATUSES,
    by_weight,
    headline,
    interval,
    limit,
    number,
    share,
    standing,
    value,
    waived,
)
from brownout.reports.words import app_name, instant, measurement, reproduce

__all__ = ["LARGEST", "Markdown", "escape"]

LARGEST = 1000 * 1024
"""The most bytes of a summary."""
_LISTED = 40
"""The most entries of one list before the details."""
_EMOJI = {Word.NO_GO: "🛑", Word.INVALID: "⚠️", Word.INCONCLUSIVE: "❔", Word.CONDITIONS: "🟡", Word.GO: "✅"}


class Markdown:
    """The verdict and what led to it, for the summary of a job."""

    name = "md"
    title = "Markdown for the summary of a CI job"
    filename = "summary.md"

    def render(self, result: Result) -> str:
        # Details are made one by one, as long as there is room for them.
        return _fit(_head(result), _table(result), map(_details, result.experiments), _scope(result))


def escape(text: str, most: int = 400) -> str:
    """A text on one line that shows as it is: no markup, HTML, link, mention or end of a table's cell comes of it."""
    text = one_line(text, most)
    text = re.sub(r"[\\`*\[\]|~$]", r"\\\g<0>", text)
    text = re.sub(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])", r"\_", text)
    text = text.replace("&", "&amp;")
    text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)
    # An invisible space ends what would be a mention, and an entity what would become a link.
    text = text.replace("@", "@\u200b").replace("://", "&#58;//")
    text = re.sub(r"\bwww\.", "www&#46;", text, flags=re.IGNORECASE)
    # What makes a heading, quotation, list or rule at the beginning of a line.
    return re.sub(r"^(\d+)(?=[.)](?:\s|$))|^(?=[#>+=-])", r"\1\\", text)


def _fit(head: str, table: str, details: Iterable[str], scope: str) -> str:
    """The parts together, without the last details, and then the table, as far as there is no room for them."""
    note = "More details did not fit here: see the other reports of this run.\n"
    room = LARGEST - sum(len(part.encode()) + 1 for part in (head, scope, note))
    kept: list[str] = []
    for part in chain([table], details):
        room -= len(part.encode()) + 1
        if room < 0:
            return "\n".join([head, *kept, note, scope])
        kept.append(part)
    return "\n".join([head, *kept, scope])


def _head(result: Result) -> str:
    at = standing(result)
    lines = [f"# {_EMOJI[result.verdict.word]} {result.verdict}", "", escape(headline(result), 1000), ""]
    lines += _list("What blocks the launch", map(_problem, at.blocking))
    unsound = (f"**{escape(e.title or e.name)}**: {escape('; '.join(e.why_invalid))}" for e in at.unsound)
    lines += _list("What was not measured soundly", unsound)
    lines += _list("What could not be decided, and blocks if it fails", map(_problem, at.undecided))
    lines += _list("Conditions", map(_brief, at.conditions))
    expired = (f"{escape(v.check)}: {escape(waived(v))}" for v in result.expired_waivers)
    lines += _list("Waivers that have expired and changed nothing", expired)
    lines += _list("Experiments that were not run", map(escape, result.not_run))
    lines += _list("What was not tested", map(_brief, at.untested))
    return "\n".join(lines)


def _list(title: str, entries: Iterable[str]) -> list[str]:
    lines = [f"- {entry}" for entry in entries]
    if not lines:
        return []
    more = [f"- and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return [f"## {title}", "", *lines[:_LISTED], *more, ""]


def _problem(finding: Finding) -> str:
    lines = [f"**{escape(finding.message)}** ({_where(finding)})"]
    lines += [f"For users: {escape(finding.meaning)}"] if finding.meaning else []
    lines += [f"Usual fix: {escape(finding.fix)}"] if finding.fix else []
    return "<br>".join(lines)


def _brief(finding: Finding) -> str:
    waiver = f"; {escape(waived(finding.waiver))}" if finding.waiver else ""
    return f"{SIGNS[finding.status]} {STATUSES[finding.status]}: {escape(finding.message)} ({_where(finding)}){waiver}"


def _where(finding: Finding) -> str:
    return f"{escape(finding.experiment, 100)}, {escape(finding.phase, 100)}: {escape(finding.expectation, 100)}"


def _table(result: Result) -> str:
    """One row an experiment."""
    rows = []
    for e in result.experiments:
        found = {s: sum(f.status is s for f in e.findings) for s in Status}
        measured = "✔ sound" if e.valid else "⚠ unsound"
        rows.append([escape(e.title or e.name, 100), measured, *(str(found[s]) if found[s] else "" for s in Status)])
    signs = [f"{SIGNS[s]} {STATUSES[s]}" for s in Status]
    return f"## Experiments\n\n{_rows(['Experiment', 'Measurement', *signs], rows)}\n" if rows else ""


def _details(e: ExperimentResult) -> str:
    lines = ["<details>", f"<summary>{escape(e.title or e.name)}</summary>", "", escape(e.question), ""]
    lines += [f"- {escape(why)}" for why in e.why_invalid]
    lines += ["", ", ".join(f"{name} {text}" for name, text in measurement(e)), ""]
    if e.phases:
        phases = []
        for p in e.phases:
            got = ", ".join(f"{escape(o, 50)} {n:,} ({share(n, p.requests)})" for o, n in by_weight(p.outcomes))
            first = f"{number(p.ttft_p50, 's')} / {number(p.ttft_p95, 's')}"
            whole = f"{number(p.total_p50, 's')} / {number(p.total_p95, 's')}"
            counts = [f"{p.calls:,}", f"{p.faults:,}", escape(number(p.cost_usd, "usd"))]
            phases.append([escape(p.name, 50), f"{p.requests:,}", got, first, whole, *counts])
        head = [
            "Phase",
            "Requests",
            "What users got",
            "First text p50 / p95",
            "Whole answer p50 / p95",
            "Calls",
            "Faults",
        ]
        lines += [_rows([*head, "Cost"], phases), ""]
    if e.findings:
        head = ["Result", "Phase", "Expectation", "Severity", "Measured", "95 % interval", "n", "Limit"]
        lines += [_rows(head, map(_row, e.findings)), ""]
    for f in e.findings:
        proof = [f"  - {escape(line)}" for line in f.evidence[:10]]
        if proof:
            lines += [f"- {escape(f.expectation, 200)}", *proof]
    return "\n".join([*lines, "", "</details>", ""])


def _row(f: Finding) -> list[str]:
    numbers = (value(f), interval(f), f"{f.n:,}", limit(f))
    sign = f"{SIGNS[f.status]} {STATUSES[f.status]}"
    return [sign, escape(f.phase, 50), escape(f.expectation, 200), SEVERITIES[f.severity], *map(escape, numbers)]


def _rows(head: list[str], rows: Iterable[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def _scope(result: Result) -> str:
    facts = f"{app_name(result.app)}, seed {result.seed}, {result.clock} clock, run {result.run}"
    when = f"{instant(result.started)} to {instant(result.ended)}, brownout {result.tool}"
    # An indented block takes everything as it is, backticks included.
    return f"{escape(facts)}; {escape(when)}. To make this run again:\n\n    {one_line(reproduce(result), 2000)}\n"


reports.add("md", Markdown())
