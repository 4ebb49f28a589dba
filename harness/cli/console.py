"""What a run says on the console while it goes on, and the verdict at its end."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

import rich.console
from rich import box
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from brownout.faults.values.units import show_seconds
from brownout.harness.events import (
    Event,
    ExperimentFinished,
    ExperimentStarted,
    PhaseStarted,
    Progress,
    RunFinished,
    RunStarted,
    StepDone,
)
from brownout.harness.verdict import wording
from brownout.harness.verdict.finding import Finding, Status
from brownout.harness.verdict.plain import one_line
from brownout.harness.verdict.result import PhaseSummary, Result
from brownout.harness.verdict.table import Word

__all__ = ["Console"]

_EVERY = 10.0
"""Seconds of load between two lines of progress where there is no terminal."""
_STYLES = {Status.PASS: "green", Status.FAIL: "bold red", Status.UNKNOWN: "yellow", Status.NOT_APPLICABLE: "dim"}
_COLOURS = {Word.NO_GO: "red", Word.GO: "green"}
"""Of the verdict; every other word is yellow."""


class Console:
    """Handles the events of a run by telling people of them.

    On a terminal one live line shows progress; elsewhere plain lines do, with no control codes. `quiet` leaves only the
    verdict. `reports` names the files that the run leaves beside its folder's journal, for the last lines; it may be set
    until the run finishes. Use it as a context manager, or call `close`: it gives the terminal its cursor back. Texts of
    the app appear as they are, without markup and control characters. NO_COLOR is honoured.
    """

    def __init__(
        self, console: rich.console.Console | None = None, quiet: bool = False, reports: Sequence[str] = ()
    ) -> None:
        self.console = console or _standard()
        self.quiet = quiet
        self.reports = reports
        self._live: Live | None = None
        self._told: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the live line. What was printed stays; more events may follow."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def handle(self, event: Event) -> None:
        """Tell of one event."""
        if isinstance(event, RunFinished):
            self._run_finished(event)
        elif not self.quiet:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        match event:
            case RunStarted():
                about = (
                    f"{wording.plural(len(event.experiments), 'experiment')}, seed {event.seed}, into {event.folder}"
                )
                self._line(("brownout ", "bold"), (event.app, "bold"), f": {about}")
            case ExperimentStarted():
                self._experiment_started(event)
            case StepDone():
                self._line("  ", (f"{event.step:<9}", "cyan"), event.detail, (f"  {show_seconds(event.took)}", "dim"))
            case PhaseStarted():
                self._told = None
                faults = ", ".join(event.faults) or "no faults"
                self._line("  ", (f"{event.phase:<9}", "cyan"), f"{event.seconds:.0f} s, {faults}")
            case Progress():
                self._progress(event)
            case ExperimentFinished():
                self._experiment_finished(event)

    def _experiment_started(self, event: ExperimentStarted) -> None:
        if event.attempt > 1:
            self._line("  ", ("The measurement was unsound: once more.", "yellow"))
            return
        size = f"{event.requests:,} requests in {event.seconds:.0f} s"
        self._line()
        self._line((f"[{event.number}/{event.of}] ", "dim"), (event.title or event.experiment, "bold"), f"  {size}")
        if event.question:
            self._line("  ", (event.question, "italic"))

    def _progress(self, event: Progress) -> None:
        counts = [f"{event.requests:,} ended"]
        if event.ends:
            counts[0] += ": " + ", ".join(f"{n:,} {one_line(end, 40)}" for end, n in sorted(event.ends.items()))
        counts += [wording.plural(event.calls, "call"), wording.plural(event.faults, "fault")]
        left = f"{event.left:.0f} s left"
        if _is_terminal(self.console):
            line = Table.grid(padding=(0, 1), expand=False)
            bar = ProgressBar(total=max(event.elapsed + event.left, 1e-9), completed=event.elapsed, width=20)
            line.add_row(_text(("  " + event.phase, "cyan")), bar, _text(left), _text((" · ".join(counts), "dim")))
            if self._live is None:
                # Without a thread of its own: it is redrawn by each event, about once a second.
                self._live = Live(console=self.console, auto_refresh=False, transient=True)
                self._live.start()
            self._live.update(line, refresh=True)
        elif self._told is None:
            # The phase has just been announced.
            self._told = event.elapsed
        elif event.elapsed - self._told >= _EVERY:
            self._told = event.elapsed
            self._line(f"    {event.elapsed:.0f} s gone, {left}: {', '.join(counts)}")

    def _experiment_finished(self, event: ExperimentFinished) -> None:
        self.close()
        result = event.result
        if result.phases:
            self.console.print(_phases(result.phases, wide=self.console.width >= 100))
        if result.valid:
            self._line("  ", ("measured soundly", "green"), f", {show_seconds(event.took)}")
        else:
            self._line("  ", ("not a sound measurement", "bold yellow"), f": {'; '.join(result.why_invalid)}")
            if isinstance(output := result.samples.get("output"), str):
                for line in output.splitlines()[-15:]:
                    self._line("    ", (line, "dim"))
        for finding in result.findings:
            self._finding(finding)

    def _finding(self, finding: Finding) -> None:
        sign = wording.SIGNS[finding.status]
        measured = "" if finding.value is None else f"  {wording.value(finding)}"
        between = wording.interval(finding)
        measured += f" ({between})" if measured and between not in (wording.NONE, wording.value(finding)) else ""
        mark = (f"{sign} ", _STYLES[finding.status])
        self._line("  ", mark, f"{finding.phase:<9}", finding.expectation, (measured, "dim"))
        if finding.status is not Status.PASS:
            self._line("      ", finding.message)

    def _run_finished(self, event: RunFinished) -> None:
        self.close()
        result = event.result
        colour = _COLOURS.get(result.verdict.word, "yellow")
        body = Text("\n").join(_account(result))
        panel = Panel(body, border_style=colour, box=box.HEAVY, padding=(1, 2), width=min(self.console.width, 120))
        panel.title, panel.title_align = _text((f" {result.verdict} ", f"bold {colour}")), "left"
        self._line()
        self.console.print(panel)
        self._line("Run folder: ", event.folder)
        for name in self.reports:
            self._line("  ", name)

    def _line(self, *parts: str | tuple[str, str]) -> None:
        self.console.print(_text(*parts), soft_wrap=not _is_terminal(self.console))


def _account(result: Result) -> list[Text]:
    """What the panel says, line by line."""
    at = wording.standing(result)
    lines = [_text((wording.headline(result), "bold"))]

    def part(title: str, entries: Iterable[Text]) -> None:
        if rows := list(entries):
            lines.extend([Text(), _text((title, "bold")), *rows])

    def problem(finding: Finding) -> Text:
        text = _text((wording.SIGNS[finding.status], _STYLES[finding.status]), f" {finding.message}")
        text.append_text(_text((f" [{finding.experiment}, {finding.phase}]", "dim")))
        if finding.fix:
            text.append("\n").append_text(_text("  ", ("usual fix: ", "dim"), finding.fix))
        if finding.waiver:
            text.append("\n").append_text(_text("  ", wording.waived(finding.waiver)))
        return text

    part("What blocks the launch", map(problem, at.blocking))
    part(
        "What was not measured soundly",
        (_text(("! ", "yellow"), f"{e.title or e.name}: {'; '.join(e.why_invalid)}") for e in at.unsound),
    )
    part("What could not be decided, and blocks if it fails", map(problem, at.undecided))
    part("Conditions", map(problem, at.conditions))
    part(
        "Waivers that have expired and changed nothing",
        (_text(f"- {waiver.check}: {wording.waived(waiver)}") for waiver in result.expired_waivers),
    )
    part("Experiments that were not run", (_text(f"– {line}") for line in result.not_run))
    if at.untested:
        what = wording.plural(len(at.untested), "expectation")
        part("What was not tested", [_text(f"{what}, see the report for each and its reason")])
    return lines


def _phases(phases: Sequence[PhaseSummary], wide: bool) -> Table:
    """One row a phase; calls, faults and cost only where there is room for them."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("  phase", no_wrap=True)
    table.add_column("what users got", overflow="fold", min_width=20)
    for name in ("first text\np50 / p95", "whole answer\np50 / p95", "requests", *(["calls", "faults", "cost"] * wide)):
        table.add_column(name, justify="right", no_wrap=True)
    for p in phases:
        got = ", ".join(f"{n:,} {one_line(name, 40)}" for name, n in wording.by_weight(p.outcomes)) or wording.NONE
        row = [f"  {one_line(p.name, 20)}", got]
        row += [f"{wording.number(p.ttft_p50, 's')} / {wording.number(p.ttft_p95, 's')}"]
        row += [f"{wording.number(p.total_p50, 's')} / {wording.number(p.total_p95, 's')}", f"{p.requests:,}"]
        row += [f"{p.calls:,}", f"{p.faults:,}", wording.number(p.cost_usd, "usd")] * wide
        table.add_row(*map(_text, row))
    return table


def _text(*parts: str | tuple[str, str]) -> Text:
    """Text with styles, from parts whose own line breaks, control characters and markup mean nothing."""
    text = Text()
    for part in parts:
        words, style = part if isinstance(part, tuple) else (part, "")
        text.append(_inert(words), style)
    return text


def _inert(words: str) -> str:
    """`one_line` for a part of a line: the spaces at its ends stay."""
    line = one_line(words, 600)
    if not line:
        return " " * words.count(" ")
    return " " * (len(words) - len(words.lstrip(" "))) + line + " " * (len(words) - len(words.rstrip(" ")))


def _is_terminal(console: rich.console.Console) -> bool:
    """Whether a line can be drawn over. With FORCE_COLOR rich takes any pipe for a terminal, but a log cannot go back."""
    isatty = getattr(console.file, "isatty", None)
    return bool(console.is_interactive and isatty is not None and isatty())


def _standard() -> rich.console.Console:
    """The console on standard output; wide where there is no terminal to fill."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A sign that the terminal cannot show must not end a run.
        sys.stdout.reconfigure(errors="replace")
    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120
    return rich.console.Console(width=wide, highlight=False, emoji=False)
