"""Command-line apps: a process for each request, seen as its user sees it, and gone afterwards."""

import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from brownout.harness.config.answer import AnswerSpec
from brownout.harness.config.route import RouteSpec
from brownout.harness.load.asking import asking
from brownout.harness.load.client import Terms
from brownout.harness.load.command import CommandExchange
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import Arrival


def ask(tmp_path: Path, code: str, *, prompt: str = "Why {user}?", patience: float = 2.0, **route: Any) -> Sample:
    return exchange(tmp_path, code, prompt=prompt, patience=patience, **route).run()


def exchange(
    tmp_path: Path, code: str, *, prompt: str = "Why?", patience: float = 2.0, **route: Any
) -> CommandExchange:
    spec = RouteSpec(run=[sys.executable, "-c", code, "{prompt}"], **route)
    terms = Terms(None, {"ask": spec}, 0, patience, 3.0, env={**os.environ, "COLOUR": "green"}, cwd=tmp_path)
    made = asking(terms, Arrival(7, 0.0, "fault", "ask", 3, prompt, "user-7"), time.monotonic_ns())
    assert isinstance(made, CommandExchange)
    return made


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 2
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_what_it_prints_is_the_answer_as_it_comes(tmp_path: Path) -> None:
    code = (
        "import sys,time,os; print(sys.argv[1], flush=True); time.sleep(.4); print(os.environ['COLOUR'], os.getcwd())"
    )
    s = ask(tmp_path, code)
    assert (s.end, s.status, s.good) == ("complete", 0, True)
    assert s.text.split("\n")[:2] == ["Why {user}?", f"green {tmp_path}"], "what a prompt holds is not filled"
    assert s.pieces == 2
    assert s.first is not None
    assert s.last is not None
    assert 0.3 < s.last - s.first < 1.0
    assert s.max_gap == pytest.approx(s.last - s.first, abs=0.01)
    assert s.ended is not None
    assert s.ended >= s.last


def test_the_question_on_standard_input(tmp_path: Path) -> None:
    spec = RouteSpec(run=[sys.executable, "-c", "import sys; print(sys.stdin.read().upper())"], stdin="{prompt}!")
    terms = Terms(None, {"ask": spec}, 0, 2.0, 3.0, cwd=tmp_path)
    s = asking(terms, Arrival(1, 0.0, "fault", "ask", 3, "why", "u"), time.monotonic_ns()).run()
    assert s.text.strip() == "WHY!"


@pytest.mark.parametrize(("status", "said"), [(3, "exit status 3: no luck"), (75, "exit status 75: no luck")])
def test_a_command_that_fails(tmp_path: Path, status: int, said: str) -> None:
    code = f"import sys; print('half'); print('first', file=sys.stderr); print('no luck', file=sys.stderr); sys.exit({status})"
    s = ask(tmp_path, code)
    assert (s.end, s.status, s.good, s.error, s.text.strip()) == ("error", status, False, said, "half")


def test_a_command_that_a_signal_ends(tmp_path: Path) -> None:
    s = ask(tmp_path, "import os,signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (s.end, s.status) == ("error", 139)


def test_a_command_that_cannot_be_started(tmp_path: Path) -> None:
    terms = Terms(None, {"ask": RouteSpec(run=["./nothing-here", "{prompt}"])}, 0, 2.0, 3.0, cwd=tmp_path)
    s = asking(terms, Arrival(1, 0.0, "fault", "ask", 3, "why", "u"), time.monotonic_ns()).run()
    assert s.end == "refused"
    assert s.error == "cannot be started: No such file or directory"


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, '-c', 'import signal,time; signal.signal(15, 1); time.sleep(60)'])
open('pids', 'w').write(f'{os.getpid()} {child.pid}')
print('begun', flush=True)
time.sleep(60)
"""


def test_a_user_who_leaves_takes_the_command_and_its_children_along(tmp_path: Path) -> None:
    started = time.monotonic()
    s = ask(tmp_path, STUBBORN, patience=0.8)
    assert (s.end, s.text.strip()) == ("left", "begun")
    assert 0.8 < time.monotonic() - started < 3.0
    for pid in (tmp_path / "pids").read_text().split():
        assert gone(int(pid))


def test_a_child_that_outlives_its_command_is_ended(tmp_path: Path) -> None:
    code = "import subprocess,sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    started = time.monotonic()
    s = ask(tmp_path, code)
    assert s.end == "complete", "it holds the pipe open, and the command has ended all the same"
    assert time.monotonic() - started < 2.0
    assert gone(int(s.text))


def test_what_is_running_when_the_load_stops_is_ended(tmp_path: Path) -> None:
    made = exchange(tmp_path, STUBBORN, patience=30)
    thread = threading.Thread(target=lambda: _ignore(made))
    thread.start()
    while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
        time.sleep(0.01)
    s = made.unfinished()
    assert s.end == "unfinished"
    for pid in (tmp_path / "pids").read_text().split():
        assert gone(int(pid))
    thread.join(5)


def _ignore(made: CommandExchange) -> None:
    with contextlib.suppress(OSError, ValueError):
        made.run()


def test_escape_sequences_are_no_text(tmp_path: Path) -> None:
    code = r"""
import sys, time
for piece in ('\x1b[?25l', '\x1b[3', '1mred\x1b[0m ', '\x1b]0;title', '\x07end\n'):
    sys.stdout.write(piece); sys.stdout.flush(); time.sleep(.05)
"""
    s = ask(tmp_path, code)
    assert s.text == "red end\n"
    assert s.pieces == 2


def test_much_output_is_bounded(tmp_path: Path) -> None:
    s = ask(tmp_path, "import sys; sys.stdout.write('x' * 5_000_000)")
    assert (s.end, s.bytes, len(s.text)) == ("complete", 5_000_000, 65_536)


def test_an_answer_within_json(tmp_path: Path) -> None:
    s = ask(tmp_path, 'print(\'{"answer": "yes"}\')', answer=AnswerSpec(json="$.answer"))
    assert (s.end, s.text, s.pieces) == ("complete", "yes", 1)


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ({"path": "/x"}, "not both"),
        ({"good": [{"status": "2xx"}]}, "exit status"),
        ({"good": [{"status": 400}]}, "from 0 to 255"),
        ({"degraded": [{"header": {"x": "y"}}]}, "not at headers"),
        ({"conversation": {}}, "no conversation"),
    ],
)
def test_what_a_command_cannot_have(route: dict[str, Any], said: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    with pytest.raises(ValidationError, match=said):
        TypeAdapter(RouteSpec).validate_python({"run": "ask {prompt}", **route})
