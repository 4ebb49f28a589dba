"""The supervisor, with real processes. Every process of a test carries a token; none may be left when the test ends."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.faults.values.errors import SetupError
from brownout.harness.supervisor import keeper
from brownout.harness.supervisor.child import DEVNULL, PIPE, STDOUT, Child, Exit, tail

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests look for leftovers in /proc: Linux only")

HERE = Path(__file__).parent / "supervised"
TOKEN = "BROWNOUT_TEST_TOKEN"


def carriers(token: str) -> dict[int, str]:
    """All living processes whose environment or command line holds the token: PID to command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                command = (entry / "cmdline").read_bytes()
                if token.encode() in (entry / "environ").read_bytes() + command:
                    found[int(entry.name)] = command.replace(b"\0", b" ").decode()
    return found


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def nothing_left(token: str, seconds: float = 5.0) -> bool:
    """Nothing in three looks in a row: a process that forks and exits may hide from one."""

    def looks() -> Iterator[bool]:
        for _ in range(3):
            yield not carriers(token)
            time.sleep(0.01)

    return eventually(lambda: all(looks()), seconds)


@pytest.fixture
def token() -> Iterator[str]:
    value = secrets.token_hex(12)
    yield value
    left = carriers(value)
    for pid in left:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    assert not left


@pytest.fixture
def env(token: str) -> dict[str, str]:
    return {**os.environ, TOKEN: token, "PYTHON": sys.executable}


def start(env: dict[str, str], *argv: str, grace: float = 5.0, stdout: Path | int = DEVNULL) -> Child:
    return Child.start(argv, name="the app", env=env, grace=grace, stdout=stdout, stderr=DEVNULL)


def shell(env: dict[str, str], script: str, grace: float = 5.0) -> Child:
    return start(env, "sh", "-c", script, grace=grace)


def processes(token: str, count: int) -> Callable[[], bool]:
    """Whether `count` processes or more run beside the keeper."""
    return lambda: len(carriers(token)) >= count + 1


# -- stopping -------------------------------------------------------------------------------------------------------


def test_stop_ends_a_plain_command(env: dict[str, str], token: str) -> None:
    child = start(env, "sleep", "300")
    assert child.running
    assert sorted(carriers(token)) == sorted([child.pid, child.main_pid])
    assert child.stop() == Exit(signal=signal.SIGTERM) == child.stop() == child.poll() == child.main_exit
    assert not child.running
    assert not carriers(token)


def test_stop_ends_what_a_shell_started(env: dict[str, str], token: str) -> None:
    with shell(env, "sleep 300 & setsid sleep 300 & sleep 300") as child:
        assert eventually(processes(token, 4))
    assert child.poll() == Exit(signal=signal.SIGTERM)
    assert not carriers(token)


def test_a_command_may_end_in_its_own_way(env: dict[str, str]) -> None:
    child = shell(env, 'trap "exit 7" TERM; echo; while :; do sleep 0.02; done', grace=30)
    time.sleep(0.1)
    began = time.monotonic()
    assert child.stop() == Exit(code=7)
    assert time.monotonic() - began < 5


def test_a_daemon_runs_until_it_is_stopped(env: dict[str, str], token: str) -> None:
    child = start(env, sys.executable, "-S", str(HERE / "daemonise.py"))
    assert eventually(lambda: child.main_exit is not None)
    assert child.main_exit == Exit(code=4)
    assert eventually(lambda: len(carriers(token)) == 2)  # the keeper and the daemon
    with pytest.raises(TimeoutError, match="the app is still running"):
        child.wait(0.1)
    assert child.running
    assert child.stop() == Exit(code=4)
    assert not carriers(token)


def test_sigterm_ignored_means_sigkill_after_the_grace(env: dict[str, str], token: str) -> None:
    child = shell(env, 'trap "" TERM; setsid sleep 300 & while :; do sleep 1; done', grace=0.4)
    assert eventually(processes(token, 3))
    time.sleep(0.05)
    began = time.monotonic()
    with pytest.raises(SetupError, match=r"the app could not be ended within 0\.1 s"):
        child.stop(timeout=0.1)
    assert child.stop() == Exit(signal=signal.SIGKILL)
    assert 0.4 <= time.monotonic() - began < 3
    assert not carriers(token)


@pytest.mark.skipif(
    shutil.which("node") is None and os.environ.get("CI") != "true",
    reason="NOT TESTED: node is not installed, so nothing shows that an app under node leaves no process",
)
def test_node_with_a_detached_grandchild(env: dict[str, str], token: str) -> None:
    assert shutil.which("node"), "CI must have node"
    with start(env, "node", str(HERE / "detach.js"), grace=1):
        assert eventually(lambda: any("sleep 300" in command for command in carriers(token).values()))
    assert not carriers(token)


@pytest.mark.parametrize("trap", ["", 'trap "" TERM; '])
def test_a_stopped_descendant_is_ended(env: dict[str, str], token: str, trap: str) -> None:
    grace = 0.2 if trap else 30
    child = shell(env, f"setsid sh -c '{trap}kill -STOP $$; sleep 300' & sleep 300", grace=grace)

    def stopped() -> bool:
        with contextlib.suppress(OSError):
            return any(") T " in Path(f"/proc/{pid}/stat").read_text() for pid in carriers(token))
        return False

    assert eventually(stopped)
    began = time.monotonic()
    child.stop()
    assert time.monotonic() - began < 5
    assert not carriers(token)


def test_processes_that_fork_without_end_are_ended(env: dict[str, str], token: str) -> None:
    hop = f"{sys.executable} -S {HERE / 'hop.py'}"
    script = f'trap "" TERM; {hop} & {hop} & while true; do sleep 0.01 & done'
    child = shell(env, script, grace=0.1)
    assert eventually(lambda: sum("hop.py" in command for command in carriers(token).values()) >= 2)
    began = time.monotonic()
    assert child.stop() == Exit(signal=signal.SIGKILL)
    assert time.monotonic() - began < 6
    assert nothing_left(token, 0.2)


def test_children_are_ended_although_the_tree_cannot_be_read_in_time(env: dict[str, str], token: str) -> None:
    """As where a process forks and exits faster than /proc can be listed: every such list is out of date."""
    late = f"import runpy; k = runpy.run_path({keeper.__file__!r}); m = k['main']; m.__globals__['descendants'] = dict"
    control, ours = os.pipe()
    script = 'trap "" TERM; setsid sh -c "sleep 300 & sleep 300" & sleep 300'
    argv = [str(control), "2", str(os.getpid()), "0", "--", "sh", "-c", script]
    process = subprocess.Popen(
        [sys.executable, "-c", f"{late}; import sys; sys.exit(m(sys.argv[1:]))", *argv],
        env=env,
        pass_fds=[control],
        stderr=DEVNULL,
    )
    os.close(control)
    assert eventually(processes(token, 5))
    os.close(ours)
    assert process.wait(5) == 128 + signal.SIGKILL
    assert not carriers(token)


def test_children_that_end_without_end_do_not_occupy_the_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    watching = keeper.Keeper.__new__(keeper.Keeper)
    watching.main, watching.ended = 1, None
    watching.wake, watching.waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    monkeypatch.setattr(os, "waitpid", lambda *_: (2, 0))
    assert watching.reap()
    began = time.monotonic()
    watching._wait(5)
    assert time.monotonic() - began < 2  # not a wait: there are more to be reaped
    monkeypatch.undo()
    os.close(watching.wake)
    os.close(watching.waker)


def test_signals_to_the_own_group_do_not_reach_the_keeper(env: dict[str, str], token: str) -> None:
    child = shell(env, 'setsid sleep 300 & sleep 0.1; trap "" TERM; kill -TERM 0; kill -KILL 0')
    assert eventually(lambda: child.main_exit is not None)
    assert child.main_exit == Exit(signal=signal.SIGKILL)
    assert child.running
    child.stop()
    assert not carriers(token)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_keeper_is_the_order_to_stop(env: dict[str, str], token: str, number: int) -> None:
    child = shell(env, "setsid sleep 300 & sleep 300")
    assert eventually(processes(token, 3))
    os.kill(child.pid, number)
    assert child.wait(5) == Exit(signal=signal.SIGTERM)
    assert not carriers(token)


def test_a_killed_keeper_takes_the_command_and_its_group_along(env: dict[str, str], token: str) -> None:
    child = shell(env, "sleep 300 & sleep 300")
    assert eventually(processes(token, 3))
    os.kill(child.pid, signal.SIGKILL)
    assert eventually(lambda: child.main_pid not in carriers(token))  # by the kernel
    assert child.wait(5) == Exit(signal=signal.SIGKILL)
    assert nothing_left(token)


def test_leaving_the_context_by_an_error_stops(env: dict[str, str], token: str) -> None:
    child = start(env, "sleep", "300")
    with pytest.raises(KeyboardInterrupt), child:
        raise KeyboardInterrupt
    assert not child.running
    assert not carriers(token)


def test_stop_works_while_a_copy_of_the_harness_holds_the_pipe(env: dict[str, str]) -> None:
    child = start(env, "sleep", "300")
    assert child._control is not None
    copy = os.dup(child._control)  # as a forked process would have
    try:
        assert child.stop(5) == Exit(signal=signal.SIGTERM)
    finally:
        os.close(copy)


def test_two_children_are_independent(env: dict[str, str]) -> None:
    # In both orders: neither may hold the other's pipe open, nor be touched by the other's end.
    first, second, third = (start(env, "sleep", "300", grace=0.5) for _ in range(3))
    assert first.stop() == Exit(signal=signal.SIGTERM)
    os.kill(third.main_pid, signal.SIGKILL)
    assert third.wait(5) == Exit(signal=signal.SIGKILL)
    assert second.running
    for pid in (second.pid, second.main_pid):
        names = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
        assert sum(name.startswith("pipe:") for name in names) == (4 if pid == second.pid else 0)
    assert second.stop() == Exit(signal=signal.SIGTERM)


# -- starting and passing through -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "expected", "text"),
    [
        ("exit 0", Exit(code=0), "exit code 0"),
        ("exit 3", Exit(code=3), "exit code 3"),
        ("exit 126", Exit(code=126), "exit code 126"),
        ("no-such-program-of-the-shell", Exit(code=127), "exit code 127"),
        ("exit 143", Exit(code=143), "exit code 143"),
        ("kill -KILL $$", Exit(signal=9), "killed by SIGKILL"),
        ("kill -40 $$", Exit(signal=40), "killed by signal 40"),
    ],
)
def test_the_end_of_the_command_is_passed_through(env: dict[str, str], script: str, expected: Exit, text: str) -> None:
    child = shell(env, script)
    assert child.wait(5) == expected
    assert str(expected) == text
    assert expected.ok == (text == "exit code 0")
    assert child.stop() == expected


@pytest.mark.parametrize(("script", "status"), [("exit 3", 3), ("kill -KILL $$", 137), ("missing", 127)])
def test_the_keeper_exits_as_the_command_did(env: dict[str, str], script: str, status: int) -> None:
    child = shell(env, script)
    child.wait(5)
    assert child._keeper.returncode == status


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["slepe", "1"], r"'slepe': it is not on the PATH \(.*\); did you mean sleep\?"),
        (["brwnt-no-such"], r"is the environment of the app active\?"),
        (["sleep 300"], "as separate items of a list"),
        (["./app"], r"there is no file /.*/app$"),
        (["./notes"], "no permission to execute it"),
        (["./script"], r"the interpreter in the first line of /.*/script does not exist"),
        (["./binary"], "not a program for this machine"),
        (["./notes/app"], "there is no file"),
        ([str(HERE)], "is a folder"),
        ([], "there is no command"),
    ],
)
def test_a_command_that_cannot_run(
    env: dict[str, str], token: str, tmp_path: Path, argv: list[str], reason: str
) -> None:
    for name, text, mode in (
        ("notes", "", 0o644),
        ("script", "#!/no/such/interpreter\n", 0o755),
        ("binary", "\x7fELF not", 0o755),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    env["PATH"] = os.defpath
    log = tmp_path / "log"
    with pytest.raises(SetupError, match=rf"^the app: .*{reason}") as caught:
        Child.start(argv, name="the app", env=env, cwd=tmp_path, stdout=log, stderr=log)
    if argv:
        assert f"cannot run {argv[0]!r}" in caught.value.output
        assert log.read_text().count("\n") == 1
    assert not carriers(token)


def test_places_that_cannot_be_used(env: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"the app: the working directory .*/nowhere"):
        Child.start(["true"], name="the app", env=env, cwd=tmp_path / "nowhere", stdout=DEVNULL, stderr=DEVNULL)
    with pytest.raises(SetupError, match=r"the app: .*nowhere/log"):
        Child.start(["true"], name="the app", env=env, stdout=tmp_path / "nowhere/log", stderr=DEVNULL)
    with pytest.raises(TypeError, match=r"\['sleep', '1'\]"):
        Child.start("sleep 1", name="the app", stdout=DEVNULL, stderr=DEVNULL)


def test_a_failed_start_leaves_no_descriptor_open(env: dict[str, str]) -> None:
    before = os.listdir("/proc/self/fd")
    for argv in (["brwnt-no-such"], ["true"]):
        with contextlib.suppress(SetupError), start(env, *argv) as child:
            child.wait(5)
    assert os.listdir("/proc/self/fd") == before


def test_a_keeper_that_cannot_work_says_why(
    env: dict[str, str], token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "keeper.py"
    broken.write_text("raise SystemExit('no subreaper here')")
    monkeypatch.setattr("brownout.harness.supervisor.child._KEEPER", broken)
    with pytest.raises(SetupError, match="its supervising process failed") as caught:
        Child.start(["true"], name="the app", env=env, stdout=DEVNULL, stderr=tmp_path / "log")
    assert caught.value.output == "no subreaper here"


def test_the_environment_is_passed_through_unchanged() -> None:
    # Also in the C locale, where the interpreter sets LC_CTYPE for itself.
    given = {"A": "b=c", "EMPTY": "", "UMLAUT": "ä\udcff"}
    with Child.start(["/usr/bin/env", "-0"], name="env", env=given, stdout=PIPE, stderr=DEVNULL) as child:
        assert child.stdout is not None
        assert sorted(child.stdout.read().split(b"\0")) == [b"", b"A=b=c", b"EMPTY=", b"UMLAUT=\xc3\xa4\xff"]


def test_directory_streams_and_arguments(env: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("kept\n")
    script = 'pwd; printf "%s|" "$@"; echo; cat; echo oops >&2'
    with Child.start(
        ["sh", "-c", script, "sh", "-I", "--", "a b", ""],
        name="the app",
        env=env,
        cwd=tmp_path,
        stdin=PIPE,
        stdout=log,
        stderr=STDOUT,
    ) as child:
        assert child.stdin is not None
        child.stdin.write(b"typed\n")
        child.stdin.close()  # the keeper holds no end of it: cat sees the end
        assert child.wait(5).ok
    assert log.read_text() == f"kept\n{tmp_path}\n-I|--|a b||\ntyped\noops\n"


def test_the_command_has_only_the_descriptors_meant_for_it(env: dict[str, str]) -> None:
    ours, theirs = os.pipe()
    leaked = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    script = f"echo said >&{theirs}; ls /proc/self/fd; exec {theirs}>&- >&-; sleep 300"
    with Child.start(
        ["bash", "-c", script], name="the app", env=env, stdout=PIPE, stderr=DEVNULL, pass_fds=[theirs]
    ) as child:
        os.close(theirs)
        os.close(leaked)
        assert child.stdout is not None
        # `ls` has one more: the folder. The streams end although the command and its keeper live on.
        numbers = {int(line) for line in child.stdout.read().split()}
        assert {0, 1, 2, theirs} <= numbers
        assert len(numbers) == 5
        assert os.read(ours, 100) == b"said\n"
        assert os.read(ours, 100) == b""
        assert child.running
        assert Path(f"/proc/{child.pid}/cwd").readlink() == Path("/")
    os.close(ours)


def test_signals_are_at_their_defaults_in_the_command(env: dict[str, str]) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD])
    try:
        child = Child.start(["cat", "/proc/self/status"], name="cat", env=env, stdout=PIPE, stderr=DEVNULL)
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    with child:
        assert child.stdout is not None
        status = dict(line.split(b":\t", 1) for line in child.stdout.read().splitlines() if b":\t" in line)
    for field in (b"SigBlk", b"SigIgn", b"SigCgt"):
        assert int(status[field], 16) & ((1 << 31) - 1) == 0, field


def test_the_keeper_sleeps_while_nothing_happens(env: dict[str, str]) -> None:
    with start(env, "sleep", "300") as child:

        def switches() -> int:
            text = Path(f"/proc/{child.pid}/status").read_text()
            return sum(int(line.split()[1]) for line in text.splitlines() if "ctxt_switches" in line)

        time.sleep(0.1)
        before = switches()
        time.sleep(0.5)
        assert switches() - before <= 1


# -- the harness is killed ------------------------------------------------------------------------------------------


def harness(env: dict[str, str], log: Path, mode: str = "") -> subprocess.Popen[bytes]:
    argv = [sys.executable, str(HERE / "harness.py"), mode, str(log)]
    process = subprocess.Popen(argv, env=env, stdin=DEVNULL, stdout=PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"starting\n"
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    assert process.wait(5) == -signal.SIGKILL
    assert process.stdout is not None
    process.stdout.close()


DELAYS = [0.0, *sorted(random.uniform(0, limit) for limit in (0.03, 0.06, 0.1, 0.2, 0.5, 0.5))]


@pytest.mark.parametrize("delay", DELAYS, ids=range(len(DELAYS)))
def test_nothing_outlives_a_harness_killed_at_any_moment(
    env: dict[str, str], token: str, tmp_path: Path, delay: float
) -> None:
    process = harness(env, tmp_path / "log")
    time.sleep(delay)
    kill(process)
    assert nothing_left(token), (f"killed {delay:.4f} s after the start", carriers(token))


def test_nothing_outlives_a_harness_killed_as_soon_as_the_keeper_was_forked(
    env: dict[str, str], token: str, tmp_path: Path
) -> None:
    process = harness(env, tmp_path / "log", "at-popen")
    assert process.wait(5) == -signal.SIGKILL
    kill(process)
    assert nothing_left(token), carriers(token)


def test_nothing_outlives_a_harness_killed_when_everything_runs(
    env: dict[str, str], token: str, tmp_path: Path
) -> None:
    process = harness(env, tmp_path / "log")
    wanted = {"daemonise.py", "hop.py", "nasty.sh", "sleep 300", "keeper.py", "kill -STOP"}
    assert eventually(lambda: all(any(w in command for command in carriers(token).values()) for w in wanted))
    kill(process)
    assert nothing_left(token), carriers(token)


def test_a_forked_copy_of_the_harness_does_not_keep_the_child_alive(
    env: dict[str, str], token: str, tmp_path: Path
) -> None:
    process = harness(env, tmp_path / "log", "forked")
    assert process.stdout is not None
    copy = int(process.stdout.readline())
    assert len(carriers(token)) > 3
    kill(process)
    try:
        assert eventually(lambda: set(carriers(token)) == {copy}), carriers(token)
    finally:
        os.kill(copy, signal.SIGKILL)
    assert nothing_left(token)


def test_the_search_finds_a_planted_leftover(env: dict[str, str], token: str) -> None:
    planted = subprocess.Popen(["sleep", "300"], env=env, start_new_session=True)
    try:
        assert eventually(lambda: carriers(token) == {planted.pid: "sleep 300 "})
        with start(env, "sleep", "300"):
            pass
        assert not nothing_left(token, 0.2)
    finally:
        planted.kill()
        planted.wait()
    assert nothing_left(token)


# -- without a subreaper --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["sleep 300", "exit 5"])
def test_without_a_subreaper_the_group_is_kept(env: dict[str, str], token: str, ending: str) -> None:
    """What macOS has. The platform is pretended, so this shows the logic only, not that system's behaviour."""
    control, ours = os.pipe()
    argv = [str(control), "2", str(os.getpid()), "0.2", "--", "sh", "-c", f'trap "" TERM; sleep 300 & {ending}']
    pretend = "import sys; sys.platform = 'darwin'; import runpy; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    process = subprocess.Popen(
        [sys.executable, "-c", pretend, keeper.__file__, *argv], env=env, stderr=PIPE, pass_fds=[control]
    )
    os.close(control)
    expected = 3 if ending == "sleep 300" else 2
    assert eventually(lambda: sum("sleep" in command for command in carriers(token).values()) >= expected)
    assert process.poll() is None
    os.close(ours)
    assert process.wait(5) == (128 + signal.SIGKILL if expected == 3 else 5)
    assert process.stderr is not None
    process.stderr.close()
    assert nothing_left(token, 1)


# -- the end of a log -----------------------------------------------------------------------------------------------


def test_tail_shows_the_last_lines_as_plain_text(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(
        b"dropped\n\x1b[1;31mred\x1b[0m\r\n10%\r50%\r100%\n\x1b]0;title\x07a\tb\x00\x08\n"
        b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n\xe2\x80\xaebidi \xff \xc2\x9b5mnew\n\n\n"
    )
    assert tail(log, lines=5) == "red\n100%\na\tb\nlink\nbidi \ufffd new"
    assert tail(tmp_path / "none") == ""


def test_tail_reads_only_the_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {i}\n" for i in range(5000)))
    assert tail(log, lines=2) == "line 4998\nline 4999"
    assert tail(log, lines=99, limit_bytes=24) == "line 4998\nline 4999"
    log.write_text("x" * 9000)
    assert tail(log, limit_bytes=100) == "x" * 100


@given(data=st.binary() | st.text(alphabet="\x1b[];m\x07\\\r\n\t\x9b\x9dx1ä").map(str.encode), lines=st.integers(1, 5))
def test_tail_is_always_safe_to_print(tmp_path_factory: pytest.TempPathFactory, data: bytes, lines: int) -> None:
    log = tmp_path_factory.getbasetemp() / "any.log"
    log.write_bytes(data)
    shown = tail(log, lines=lines)
    assert len(shown.split("\n")) <= lines
    assert all(c in "\n\t" or c.isprintable() or ord(c) > 0xA0 or c == "\xa0" for c in shown)
