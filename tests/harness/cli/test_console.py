"""What the console tells of a run: on a terminal, in a log, quietly, and of hostile text."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace

import pytest
import rich.console
from rich.text import Text
from tests.reports.made import HOSTILE, WAIVER, experiment, finding, hostile, result, usual

from brownout.harness.cli.console import Console
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
from brownout.harness.verdict.finding import Status
from brownout.harness.verdict.result import Result

FOLDER = "/runs/2026-11-22T101500-7"


def events(made: Result) -> Iterator[Event]:
    """The events of a run of which `made` is the result: 120 s of load each, progress every second."""
    yield RunStarted(made.run, FOLDER, "demo:naive", made.seed, tuple(e.name for e in made.experiments))
    for number, e in enumerate(made.experiments, 1):
        yield ExperimentStarted(e.name, e.title, e.question, number, len(made.experiments), 1, 360, 120.0)
        yield StepDone(e.name, "app", "ready at http://127.0.0.1:5000", 1.31)
        for phase, start, end in (("baseline", 0, 30), ("fault", 30, 90), ("recovery", 90, 120)):
            faults = ("latency-10s",) if phase == "fault" else ()
            yield PhaseStarted(e.name, phase, 3.0 + start, float(end - start), faults)
            for at in range(start, end):
                yield Progress(e.name, phase, at, 120 - at, 3 * at, {"complete": 2 * at, "error": at}, 4 * at, at)
        yield ExperimentFinished(e.name, e, 123.0)
    yield RunFinished(made, FOLDER)


class Screen(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def told(made: Result, quiet: bool = False, width: int = 120, file: io.StringIO | None = None) -> str:
    file = file or io.StringIO()
    with Console(rich.console.Console(file=file, width=width), quiet, ["report.html", "junit.xml"]) as console:
        for event in events(made):
            console.handle(event)
    return file.getvalue()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_a_log_has_plain_lines_in_order() -> None:
    text = told(usual())
    assert "\x1b" not in text
    assert "\r" not in text
    at = -1
    for said in (
        f"brownout demo:naive: 3 experiments, seed 7, into {FOLDER}",
        "[1/3] The model is slow to begin  360 requests in 120 s",
        "Do users get a first word in time",
        "app      ready at http://127.0.0.1:5000  1.31 s",
        "baseline 30 s, no faults",
        "fault    60 s, latency-10s",
        "40 s gone, 80 s left: 120 ended: 80 complete, 40 error, 160 calls, 40 faults",
        "measured soundly, 2 min 3 s",
        "✔ baseline ttft_p95 < 2s  810 ms (740–930 ms)",
        "✘ fault    ttft_p95 < 2s  3.3 s (2.9–4.4 s)",
        "Users wait 3.3 s for the first word when the model is slow",
        "? fault    total_p95 < 20s  never (18.2 s – never)",
        "– fault    no cut streams",
        "Not applicable: the app does not stream.",
        "NO-GO",
        "The app is not ready: 3 blocking expectations failed, in 2 of 3 experiments.",
        "What blocks the launch",
        "usual fix: Fall back to the smaller model after the first failed call.",
        "Conditions",
        "waived by ana until 2030-01-31: the provider answers in March",
        "What was not tested",
        f"Run folder: {FOLDER}",
        "report.html",
        "junit.xml",
    ):
        assert text.find(said, at + 1) > at, said
        at = text.find(said, at + 1)
    assert re.search(
        r"fault +120 answered, 30 degraded, 21 +420 ms / 3.3 s +2.1 s / never +180 +412 +96 +\$0.087", text
    )


def test_a_log_gets_at_most_one_line_of_progress_in_ten_seconds() -> None:
    gone = [int(s) for s in re.findall(r"(\d+) s gone", told(result([experiment()])))]
    assert gone == [10, 20, 40, 50, 60, 70, 80, 100, 110]


def test_a_terminal_has_one_live_line_and_gets_its_cursor_back() -> None:
    text = told(result([experiment()]), file=Screen())
    assert "s gone" not in text
    assert "2 s left" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") > 0
    assert "\x1b[2K" in text, "the line is drawn over"
    # What stays on the screen: the live line was erased before the table of the phases.
    assert "s left" not in screen(text)


def screen(text: str) -> str:
    """What a terminal shows at the end: enough of one for a line that is drawn over."""
    lines = [""]
    for part in re.split(r"(\n|\r|\x1b\[[0-9;?]*[A-Za-z])", text):
        if part == "\n":
            lines.append("")
        elif part == "\x1b[2K":
            lines[-1] = ""
        elif part == "\x1b[1A":
            lines.pop()
        elif not part.startswith("\x1b") and part != "\r":
            lines[-1] += part
    return "\n".join(lines)


def test_close_ends_the_live_line_in_the_middle_of_a_run() -> None:
    file = Screen()

    def interrupted() -> None:
        with Console(rich.console.Console(file=file, width=100)) as console:
            for event in events(usual()):
                console.handle(event)
                if isinstance(event, Progress):
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert file.getvalue().rindex("\x1b[?25h") > file.getvalue().rindex("\x1b[?25l")


def test_forced_colour_makes_no_live_line_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    text = told(usual())
    assert "\x1b[1m" in text
    assert "\x1b[2K" not in text
    assert "40 s gone" in Text.from_ansi(text).plain


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    colours = r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38)[;m]"
    assert re.search(colours, told(usual(), file=Screen()))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(colours, told(usual(), file=Screen()))


def test_quiet_leaves_the_verdict() -> None:
    lines = told(usual(), quiet=True).strip().splitlines()
    assert "NO-GO" in lines[0]
    assert lines[-3:] == [f"Run folder: {FOLDER}", "  report.html", "  junit.xml"]
    assert "[1/3]" not in "\n".join(lines)


@pytest.mark.parametrize("file", [io.StringIO, Screen])
def test_hostile_text_is_inert(file: type[io.StringIO]) -> None:
    text = told(hostile(), width=200, file=file())
    plain = Text.from_ansi(text).plain if file is Screen else text
    for said in ("<script>alert(1)</script> ]]> & red link gnp.exe", "[red]markup[/red] :boom:"):
        assert said in plain
    assert not re.search("[\x00-\x09\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text)
    assert "\x1b]" not in text
    assert "\n# heading" not in text.replace("    # heading", ""), "a line break of the app starts no line"


def test_hostile_progress_and_steps_are_inert() -> None:
    file = io.StringIO()
    console = Console(rich.console.Console(file=file, width=120))
    console.handle(StepDone("x", "app", f"\n\n{HOSTILE}", 1.0))
    console.handle(PhaseStarted("x", "fault", 0.0, 9.0, (HOSTILE,)))
    for at in (0.0, 10.0):
        console.handle(Progress("x", HOSTILE, at, 0.0, 1, {HOSTILE: 1}, 1, 1))
    assert len(file.getvalue().splitlines()) == 3
    assert "\x1b" not in file.getvalue()


def test_an_unsound_experiment_and_its_repetition_are_told() -> None:
    unsound = experiment(valid=False, why_invalid=("sent late",), phases=(), samples={"output": "Traceback\nboom"})
    file = io.StringIO()
    console = Console(rich.console.Console(file=file, width=120))
    console.handle(ExperimentStarted("x", "X", "", 1, 1, 2, 9, 9.0))
    console.handle(ExperimentFinished("x", unsound, 1.0))
    assert file.getvalue().splitlines() == [
        "  The measurement was unsound: once more.",
        "  not a sound measurement: sent late",
        "    Traceback",
        "    boom",
    ]


def test_virtual_time_and_expired_waivers_are_told() -> None:
    made = replace(result([experiment(findings=[finding()])], clock="virtual"), expired_waivers=(WAIVER,))
    text = told(made)
    assert "GO (logic only)" in text
    assert "speed and capacity were not tested" in " ".join(text.replace("┃", " ").split())
    assert "Waivers that have expired and changed nothing" in text


def test_a_narrow_terminal_gets_a_narrow_table() -> None:
    lines = told(result([experiment(findings=[finding(Status.PASS)])]), width=80).splitlines()
    (row,) = [line for line in lines if line.startswith("  fault      120 answered")]
    assert row.split()[-1] == "180"
    assert all(len(line) <= 80 for line in lines[: lines.index(row)] if "─" in line)


def test_in_a_process_a_signal_that_cannot_be_encoded_ends_no_run() -> None:
    code = """
        from brownout.harness.cli.console import Console
        from brownout.harness.events import RunFinished
        from tests.reports.made import usual
        Console().handle(RunFinished(usual(), "/runs/x"))
    """
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict", "PYTHONPATH": "."}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "NO-GO" in done.stdout
    assert "Run folder: /runs/x" in done.stdout


def test_on_a_real_terminal() -> None:
    code = """
        from brownout.harness.cli.console import Console
        from tests.harness.cli.test_console import events
        from tests.reports.made import experiment, result
        with Console() as console:
            for event in events(result([experiment()])):
                console.handle(event)
    """
    here, there = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": ".", "COLUMNS": "100"}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdin=there, stdout=there, stderr=subprocess.STDOUT, env=environment) as process:
        os.close(there)
        seen = b""
        while True:
            try:
                more = os.read(here, 65536)
            except OSError:  # the other end was closed
                break
            if not more:
                break
            seen += more
        os.close(here)
    assert process.returncode == 0, seen.decode()
    assert seen.count(b"\x1b[?25l") == seen.count(b"\x1b[?25h") == 1
    assert b"\x1b[2K" in seen
    assert b"INCONCLUSIVE" in seen


def test_experiments_that_were_not_run_are_named() -> None:
    out = io.StringIO()
    with Console(rich.console.Console(file=out, width=100)) as console:
        console.handle(RunFinished(replace(usual(), not_run=("The moon is full: no time",)), FOLDER))
    assert "The moon is full: no time" in out.getvalue()
