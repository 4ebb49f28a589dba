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

from brownout.faults.values.errors import SetupError
from brownout.harness.supervisor import keeper
from brownout.harness.supervisor.child import DEVNULL, PIPE, Child, Exit

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


def test_each_process_is_asked_once(env: dict[str, str], token: str, tmp_path: Path) -> None:
    """Also one that shares the command's group. A second SIGTERM means "at once" to many programs."""
    note = f'trap "echo asked >> {tmp_path}/$$" TERM; while :; do sleep 0.02; done'
    (tmp_path / "note.sh").write_text(note)
    child = shell(env, f"sh {tmp_path}/note.sh & setsid sh {tmp_path}/note.sh & exec sh {tmp_path}/note.sh", grace=0.3)
    assert eventually(lambda: sum(command.startswith("sh /") for command in carriers(token).values()) == 3)
    time.sleep(0.1)
    child.stop()
    assert [log.read_text() for log in tmp_path.iterdir() if log.name != "note.sh"] == ["asked\n"] * 3


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
    assert eventually(lambda: sum(command.startswith(hop) for command in carriers(token).values()) >= 2)
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
    argv = [str(control), "2", str(os.getpid()), "0.5", "--", "sh", "-c", f'trap "" TERM; sleep 300 & {ending}']
    pretend = "import sys; sys.platform = 'darwin'; import runpy; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    process = subprocess.Popen(
        [sys.executable, "-c", pretend, keeper.__file__, *argv], env=env, stderr=PIPE, pass_fds=[control]
    )
    os.close(control)
    expected = 2 if ending == "sleep 300" else 1
    assert eventually(lambda: list(carriers(token).values()).count("sleep 300 ") >= expected)
    assert process.poll() is None
    os.close(ours)
    assert process.wait(5) == (128 + signal.SIGKILL if expected == 2 else 5)
    assert process.stderr is not None
    process.stderr.close()
    assert nothing_left(token, 1)
