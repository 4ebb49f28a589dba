"""Command-line apps: a process for each request, seen as its user sees it, and gone afterwards."""

import contextlib
import json
import os
import signal
import statistics
import sys
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brownout.faults.values.clock import NS
from brownout.harness.config.answer import AnswerSpec
from brownout.harness.config.route import RouteSpec
from brownout.harness.config.rule import ReplyRule
from brownout.harness.load import command, schedule
from brownout.harness.load.asking import asking
from brownout.harness.load.client import Terms
from brownout.harness.load.command import CommandExchange
from brownout.harness.load.run import LoadConfig, LoadRun
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
    code = "import sys,time,os; os.write(1, (sys.argv[1] + chr(10)).encode()); time.sleep(.4); os.write(1, (os.environ['COLOUR'] + ' ' + os.getcwd()).encode())"
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


@pytest.mark.parametrize(("status", "said"), [(3, "exit status 3: no luck"), (255, "exit status 255: no luck")])
def test_a_command_that_fails(tmp_path: Path, status: int, said: str) -> None:
    code = f"import sys; print('half'); print('first', file=sys.stderr); print('\\x1b[31mno luck\\x1b[0m', file=sys.stderr); sys.exit({status})"
    s = ask(tmp_path, code)
    assert (s.end, s.status, s.good, s.error, s.text.strip()) == ("error", status, False, said, "half")


def test_a_command_that_a_signal_ends(tmp_path: Path) -> None:
    s = ask(tmp_path, "import os,signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (s.end, s.status, s.error) == ("error", 139, "exit status 139 (killed by SIGSEGV)")


def test_a_command_that_cannot_be_started(tmp_path: Path) -> None:
    terms = Terms(None, {"ask": RouteSpec(run=["./nothing-here", "{prompt}"])}, 0, 2.0, 3.0, cwd=tmp_path)
    s = asking(terms, Arrival(1, 0.0, "fault", "ask", 3, "why", "u"), time.monotonic_ns()).run()
    assert s.end == "refused"
    assert (s.status, s.good, s.bytes) == (127, False, 0)
    assert s.error.startswith("ask: cannot run './nothing-here': there is no file ")
    assert s.ended is not None


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
    assert (s.end, s.text.strip(), s.status, s.good) == ("left", "begun", 143, False)
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


def test_who_stops_a_load_is_first_to_say_how_a_command_ended(tmp_path: Path) -> None:
    """The keeper of a load signals everything at once. A command that then ends by itself must not pass for an answer."""
    made = exchange(tmp_path, STUBBORN.replace("signal.SIG_IGN", "lambda *_: os._exit(0)"), patience=30)
    done: list[Sample] = []
    thread = threading.Thread(target=lambda: done.append(made.run()))
    thread.start()
    while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
        time.sleep(0.01)
    os.kill(int((tmp_path / "pids").read_text().split()[0]), signal.SIGTERM)
    time.sleep(0.05)
    assert not done
    s = made.unfinished()
    assert (s.end, s.ended, s.status, s.good) == ("unfinished", None, 143, False)
    thread.join(5)


@pytest.mark.parametrize("told", [True, False])
def test_when_it_ended_is_known_whether_the_kernel_tells_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    def no_pidfd(pid: int) -> int:
        raise OSError(38, "Function not implemented")

    if told:
        monkeypatch.setattr(command, "TICK", 10.0)
    else:
        monkeypatch.setattr(os, "pidfd_open", no_pidfd)
    worked = time.process_time()
    s = shell(tmp_path, "echo hi; exec >&- 2>&-; sleep .5; exit 3")
    assert time.process_time() - worked < 0.25, "waiting is no work"
    assert (s.end, s.status, s.text) == ("error", 3, "hi\n")
    assert s.ended is not None
    assert s.last is not None
    assert s.ended - s.last == pytest.approx(0.5, abs=0.1)


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


@pytest.mark.parametrize(("good", "end"), [([], "error"), ([0, 1], "complete"), ([0, 2], "error")])
def test_an_exit_status_that_good_names_is_an_answer(tmp_path: Path, good: list[int], end: str) -> None:
    rules = [ReplyRule(status=status) for status in good]
    s = shell(tmp_path, "echo found 3; exit 1", good=rules)
    assert (s.end, s.status, s.good) == (end, 1, end == "complete")


def shell(tmp_path: Path, script: str, *, patience: float = 2.0, longest: float = 3.0, **route: Any) -> Sample:
    """One question to a script that finds it in $1."""
    spec = RouteSpec(run=["sh", "-c", script, "sh", "{prompt}"], **route)
    terms = Terms(None, {"ask": spec}, 0, patience, longest, env=dict(os.environ), cwd=tmp_path)
    return asking(terms, Arrival(7, 0.0, "fault", "ask", 3, "Why?", "user-7", "acme"), time.monotonic_ns()).run()


def test_words_are_filled_once_and_by_no_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWNOUT_TEST", "{prompt}")
    words = ["printf", "%s|", "{prompt}", "{user} {tenant}", "{env.BROWNOUT_TEST}", "{braces}", "$HOME;*"]
    terms = Terms(None, {"ask": RouteSpec(run=words)}, 0, 2.0, 3.0, env=dict(os.environ), cwd=tmp_path)
    arrival = Arrival(7, 0.0, "fault", "ask", 3, "{user} $(id)", "user-7", "acme")
    s = asking(terms, arrival, time.monotonic_ns()).run()
    assert s.text == "{user} $(id)|user-7 acme|{prompt}|{braces}|$HOME;*|"
    assert (s.user, s.tenant, s.prompt, s.route, s.phase, s.request) == ("user-7", "acme", 3, "ask", "fault", 7)


ASYNCIO = """
import asyncio, sys
async def main():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print((await reader.read()).decode().upper())
asyncio.run(main())
"""


def test_standard_input_is_a_pipe_or_nothing(tmp_path: Path) -> None:
    assert ask(tmp_path, ASYNCIO, stdin="{prompt}", prompt="why").text.strip() == "WHY"
    assert shell(tmp_path, "readlink /proc/self/fd/0").text.strip() == "/dev/null"


def test_standard_input_of_any_size_read_or_not(tmp_path: Path) -> None:
    much = "{prompt}" + "x" * 1_000_000
    assert shell(tmp_path, "sleep .1; wc -c", stdin=much).text.strip() == "1000004"
    assert shell(tmp_path, "exec <&-; sleep .2; echo no matter", stdin=much).text.strip() == "no matter"
    assert shell(tmp_path, "sleep 60", stdin=much, patience=0.5).end == "left"


def test_one_that_closes_its_output_and_goes_on_is_waited_for_as_long_as_patience_lasts(tmp_path: Path) -> None:
    s = shell(tmp_path, "sleep .3; echo hi; exec >&- 2>&-; echo $$ > pid; exec sleep 60", patience=0.5)
    assert (s.end, s.text) == ("left", "hi\n")
    assert s.ended is not None
    assert s.last is not None
    assert s.ended - s.last == pytest.approx(0.5, abs=0.1)
    assert gone(int((tmp_path / "pid").read_text()))


def test_no_command_outlasts_the_longest(tmp_path: Path) -> None:
    s = shell(tmp_path, "while :; do echo again; sleep .1; done", patience=0.6, longest=1.0)
    assert s.end == "timeout"
    assert s.ended is not None
    assert s.ended - s.intended == pytest.approx(1.0, abs=0.1)


def test_what_left_its_session_is_ended_too(tmp_path: Path) -> None:
    s = shell(tmp_path, "setsid sleep 60 > /dev/null 2>&1 & echo $!; sleep .2")
    assert s.end == "complete"
    assert gone(int(s.text))


def test_the_end_is_the_commands_although_a_child_holds_its_output(tmp_path: Path) -> None:
    s = shell(tmp_path, "sleep 60 & echo hi; exit 4")
    assert (s.end, s.status, s.text) == ("error", 4, "hi\n")
    assert s.ended is not None
    assert s.ended - s.intended < 0.5


def test_all_that_it_wrote_counts_although_it_ended_at_once(tmp_path: Path) -> None:
    s = shell(tmp_path, "head -c 60000 /dev/zero | tr '\\0' x; echo; echo why >&2; exit 2")
    assert (s.bytes, len(s.text), s.error) == (60_001, 60_001, "exit status 2: why")


SPINNER = """
import itertools, sys, time
for count, sign in enumerate(itertools.cycle('|/-')):
    if count == int(sys.argv[2] if len(sys.argv) > 2 else 1000): break
    sys.stdout.write('\\r' + sign + ' thinking'); sys.stdout.flush(); time.sleep(.05)
print('\\r' + ' ' * 20 + '\\rDone.')
"""


def test_a_spinner_is_nothing_new(tmp_path: Path) -> None:
    s = ask(tmp_path, SPINNER, patience=0.6)
    assert s.end == "left"
    assert s.pieces == 1
    s = ask(tmp_path, SPINNER.replace("1000", "6"), patience=0.6)
    assert (s.end, s.text, s.bytes) == ("complete", "Done.\n", 94)


FLOOD = "head -c 30000000 /dev/zero | tr '\\0' x"


@pytest.mark.parametrize("script", [FLOOD, f"{FLOOD} >&2; exit 1", f"printf '\\033]'; {FLOOD}"])
def test_a_flood_is_not_kept(tmp_path: Path, script: str) -> None:
    shell(tmp_path, "true")  # what is imported then is no part of it
    tracemalloc.start()
    try:
        s = shell(tmp_path, script, patience=10.0, longest=20.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert s.end in ("complete", "error")
    assert peak < 4_000_000


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


def load(folder: Path, scripts: dict[str, str], names: list[str], every: float) -> tuple[LoadRun, LoadConfig]:
    """A load of `names`, one `every` so many seconds, in a folder where commands can put their PIDs."""
    (folder / "pids").mkdir()
    routes = {n: RouteSpec(run=["sh", "-c", f"touch pids/$$; {s}", "sh", "{prompt}"]) for n, s in scripts.items()}
    routes["missing"] = RouteSpec(run=["no-such-command", "{prompt}"])
    files = folder / "schedule.jsonl", folder / "requests.jsonl"
    config = LoadConfig(time.monotonic_ns(), "", *files, 1.0, 3.0, routes, env=dict(os.environ), cwd=folder)
    arrivals = [Arrival(i, i * every, "fault", name, i, f"p{i}", "u") for i, name in enumerate(names)]
    schedule.write(config.schedule, arrivals)
    return LoadRun.start(folder, config), config


def samples(config: LoadConfig) -> list[Sample]:
    return [Sample.from_record(json.loads(line)) for line in config.samples.read_text().splitlines()]


def all_gone(folder: Path) -> bool:
    return all(gone(int(pid)) for pid in os.listdir(folder / "pids"))


def until(what: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.load
class TestLocust:
    def test_commands_are_run_at_their_times_whatever_becomes_of_them(self, tmp_path: Path) -> None:
        scripts = {
            "stream": "for i in 1 2 3 4; do sleep .1; echo $1; done",
            "fail": "echo sorry >&2; exit 2",
            "busy": "exit 75",
            "hang": "echo so; exec sleep 60",
            "stubborn": "trap '' TERM; while :; do sleep .1; done",
            "leave": "sleep 60 & touch pids/$!; echo bye",
        }
        names = [*scripts, "missing"] * 4
        run, config = load(tmp_path, scripts, names, 0.15)
        try:
            run.wait_ready()
            start_ns = time.monotonic_ns() + NS // 5
            run.begin(start_ns)
            until(lambda: run.finished, 20.0)
            assert all_gone(tmp_path), "before the load is told to end"
        finally:
            run.stop()
        found = samples(config)
        assert Counter((s.route, s.end, s.status) for s in found) == {
            ("stream", "complete", 0): 4,
            ("fail", "error", 2): 4,
            ("busy", "error", 75): 4,
            ("hang", "left", 143): 4,
            ("stubborn", "left", 143): 4,
            ("leave", "complete", 0): 4,
            ("missing", "refused", 127): 4,
        }
        for s in found:
            assert s.intended == pytest.approx((start_ns - config.origin_ns) / NS + s.request * 0.15, abs=1e-5)
            assert s.sent is not None
            assert s.ended is not None
        lags = [s.sent - s.intended for s in found if s.sent is not None]
        assert statistics.median(lags) < 0.02
        streams = [s for s in found if s.route == "stream"]
        assert {s.text for s in streams} == {f"p{s.request}\n" * 4 for s in streams}
        assert {s.pieces for s in streams} == {4}
        assert statistics.median(s.max_gap for s in streams) == pytest.approx(0.1, abs=0.04)
        assert "Traceback" not in (tmp_path / "load.log").read_text()

    def test_stopped_in_the_middle(self, tmp_path: Path) -> None:
        scripts = {
            "polite": "trap 'exit 0' TERM; echo so; while :; do sleep .05; done",  # it must not pass for an answer
            "mortal": "echo so; exec sleep 60",
            "stubborn": "trap '' TERM; echo so; while :; do sleep .1; done",
        }
        run, config = load(tmp_path, scripts, [*scripts] * 20, 0.05)
        try:
            run.wait_ready()
            run.begin(time.monotonic_ns())
            until(lambda: len(os.listdir(tmp_path / "pids")) >= 12, 10.0)
            asked_at = time.monotonic()
        finally:
            run.stop()
        assert time.monotonic() - asked_at < 3.0
        assert all_gone(tmp_path)
        found = samples(config)
        assert sorted(s.request for s in found) == list(range(len(found)))
        assert len(found) >= 12
        assert {(s.end, s.status, s.good, s.ended) for s in found} == {("unfinished", 143, False, None)}
