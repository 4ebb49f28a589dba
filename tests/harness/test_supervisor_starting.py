"""What a supervised command is given, what it gives back, and what is said of one that cannot run."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brownout.faults.values.errors import SetupError
from brownout.harness.supervisor.child import DEVNULL, PIPE, STDOUT, Child, Exit

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests look into /proc: Linux only")


def children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


@pytest.fixture
def env() -> Iterator[dict[str, str]]:
    """An environment for commands. No keeper may be left after the test, and none goes before its processes."""
    before = children()
    yield dict(os.environ)
    assert children() == before


def start(env: dict[str, str], *argv: str) -> Child:
    return Child.start(argv, name="the app", env=env, stdout=DEVNULL, stderr=DEVNULL)


def shell(env: dict[str, str], script: str) -> Child:
    return start(env, "sh", "-c", script)


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
        (["slepe", "1"], r"'slepe': it is not on the PATH; did you mean sleep\?$"),
        (["brwnt-no-such"], r"is the environment of the app active\?"),
        (["sleep 300"], "as separate items of a list"),
        (["./app"], r"there is no file /.*/app$"),
        (["./notes"], "no permission to execute it"),
        (["./script"], r"the interpreter in the first line of /.*/script does not exist"),
        (["./binary"], "not a program for this machine"),
        (["./notes/app"], "there is no file"),
        ([str(Path(__file__).parent)], "is a folder"),
        ([], "there is no command"),
    ],
)
def test_a_command_that_cannot_run(env: dict[str, str], tmp_path: Path, argv: list[str], reason: str) -> None:
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
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_keeper_and_command_are_apart_from_the_terminal_and_each_other(env: dict[str, str]) -> None:
    with start(env, "sleep", "300") as child:
        assert os.getsid(child.pid) == child.pid
        assert os.getsid(child.main_pid) == child.main_pid


def test_the_keeper_sleeps_while_nothing_happens(env: dict[str, str]) -> None:
    with start(env, "sleep", "300") as child:

        def switches() -> int:
            text = Path(f"/proc/{child.pid}/status").read_text()
            return sum(int(line.split()[1]) for line in text.splitlines() if "ctxt_switches" in line)

        time.sleep(0.1)
        before = switches()
        time.sleep(0.5)
        assert switches() - before <= 1
