"""The harness's side of a child process: start it under a keeper, ask how it is, stop it with all it started."""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT
from types import TracebackType
from typing import IO, Self

from brownout.faults.values.errors import SetupError

__all__ = ["DEVNULL", "PIPE", "STDOUT", "Child", "Exit", "tail"]

_KEEPER = Path(__file__).with_name("keeper.py")
_START_LIMIT = 30.0  # seconds until the keeper must have answered; it takes 0.03 on an idle machine
_KILL_LIMIT = 10.0  # seconds that SIGKILL may take to end everything


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: with an exit `code`, or by a `signal`. Exactly one of them is set."""

    code: int | None = None
    signal: int | None = None

    @classmethod
    def of(cls, returncode: int) -> Exit:
        """From the convention of `subprocess` and `os.waitstatus_to_exitcode`: -n stands for signal n."""
        return cls(code=returncode) if returncode >= 0 else cls(signal=-returncode)

    @property
    def ok(self) -> bool:
        return self.code == 0

    def __str__(self) -> str:
        if self.signal is None:
            return f"exit code {self.code}"
        try:
            return f"killed by {signal.Signals(self.signal).name}"
        except ValueError:  # real-time signals have no names
            return f"killed by signal {self.signal}"


class Child:
    """A command, and everything it starts, as one unit that ends when the harness says so or ends itself.

    It is running as long as any process of it is: also one that left the command's session, or outlived it.
    Use it as a context manager, or call `stop`. Safe to call from several threads.
    """

    def __init__(self, name: str, keeper: subprocess.Popen[bytes], control: int, status: int, grace: float) -> None:
        self.name = name
        self.grace = grace
        self.main_pid = 0
        """PID of the command's own process, for readings of CPU and memory; it may have ended before the others."""
        self._keeper = keeper
        self._control: int | None = control
        self._status: int | None = status
        self._unread = b""
        self._main_exit: Exit | None = None
        self._exit: Exit | None = None
        self._lock = threading.RLock()

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        name: str,
        stdout: Path | int,
        stderr: Path | int,
        stdin: int | None = DEVNULL,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        grace: float = 2.0,
        pass_fds: Sequence[int] = (),
    ) -> Self:
        """Start `argv` (program and arguments, no shell) and return as soon as it is being executed.

        `name` stands for it in messages. `stdin` is PIPE or DEVNULL (also None). `stdout` and `stderr` are a file to
        append to, PIPE, DEVNULL, a descriptor, or (`stderr`) STDOUT. `env` replaces the environment as a whole.
        `grace` is the time in seconds between SIGTERM and SIGKILL when it is stopped. `pass_fds` are inherited.
        A program without a slash is looked for in the PATH of `env`; a relative one starts at `cwd`.

        Raises SetupError if it cannot be executed, or a log file or `cwd` cannot be used.
        """
        if isinstance(argv, str):
            raise TypeError(f"argv is a list of program and arguments; meant {shlex.split(argv)!r}?")
        if not argv or not argv[0]:
            raise SetupError(f"{name}: there is no command to run")
        if cwd is not None and not cwd.is_dir():
            raise SetupError(f"{name}: the working directory {cwd} does not exist or is not a folder")
        with contextlib.ExitStack() as passed_on, contextlib.ExitStack() as kept:
            control_end, control = os.pipe()
            passed_on.callback(os.close, control_end)
            kept.callback(os.close, control)
            status, status_end = os.pipe()
            passed_on.callback(os.close, status_end)
            kept.callback(os.close, status)
            os.set_blocking(status, False)
            # os.pipe and subprocess keep our ends from every other process: only this one holds `control`.
            try:
                keeper = subprocess.Popen(
                    [
                        *(sys.executable, "-I", "-S", str(_KEEPER)),
                        *(str(control_end), str(status_end), str(os.getpid()), str(grace), "--"),
                        *argv,
                    ],
                    stdin=DEVNULL if stdin is None else stdin,
                    stdout=_open(stdout, passed_on),
                    stderr=_open(stderr, passed_on),
                    env=env,
                    cwd=cwd,
                    pass_fds=(control_end, status_end, *pass_fds),
                    start_new_session=True,  # Ctrl-C in a terminal is for the harness alone
                )
            except (OSError, ValueError) as error:
                raise SetupError(f"{name}: cannot start {argv[0]!r}: {error}") from error
            kept.pop_all()
        child = cls(name, keeper, control, status, grace)
        try:
            failure = child._await_start(time.monotonic() + _START_LIMIT)
            if failure is not None:
                output = tail(stderr) if isinstance(stderr, Path) else ""
                reason = _why_not(argv[0], failure, env, cwd) if failure else "its supervising process failed"
                raise SetupError(f"{name}: cannot run {argv[0]!r}: {reason}", output=output)
        except BaseException:
            child.__exit__(None, None, None)
            raise
        return child

    @property
    def pid(self) -> int:
        """PID of the keeper, the parent of the command and of its orphans."""
        return self._keeper.pid

    @property
    def running(self) -> bool:
        return self.poll() is None

    @property
    def main_exit(self) -> Exit | None:
        """How the command's own process ended, although others that it started may still run; None before."""
        self.poll()
        return self._main_exit

    @property
    def stdin(self) -> IO[bytes] | None:
        return self._keeper.stdin

    @property
    def stdout(self) -> IO[bytes] | None:
        return self._keeper.stdout

    @property
    def stderr(self) -> IO[bytes] | None:
        return self._keeper.stderr

    def poll(self) -> Exit | None:
        """How the command ended, once nothing that it started is left; None before. Does not block."""
        with self._lock:
            if self._exit is None:
                returncode = self._keeper.poll()
                self._read_status()
                if returncode is not None:
                    self._finish(returncode)
            return self._exit

    def wait(self, timeout: float | None = None) -> Exit:
        """Block until nothing is left. Raises TimeoutError after `timeout` seconds; the child then runs on."""
        try:
            self._keeper.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} is still running after {timeout:g} s") from None
        ended = self.poll()
        assert ended is not None
        return ended

    def stop(self, timeout: float | None = None) -> Exit:
        """End everything: SIGTERM, `grace` seconds, SIGKILL. Blocks until nothing is left; does no harm when repeated.

        Raises SetupError if something is left after `timeout` seconds (default: `grace` + 10), such as a process of
        another user or one that hangs in the kernel. The keeper goes on trying.
        """
        self._let_go()
        limit = self.grace + _KILL_LIMIT if timeout is None else timeout
        try:
            return self.wait(limit)
        except TimeoutError:
            raise SetupError(
                f"{self.name} could not be ended within {limit:g} s: see the processes below PID {self.pid} "
                "(of another user, or hanging in the kernel?)"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            for stream in (self.stdin, self.stdout, self.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):  # what was buffered for a process that has ended
                        stream.close()

    def _await_start(self, deadline: float) -> int | None:
        """Block until the command is being executed (None), failed with an errno, or the keeper itself failed (0)."""
        poll = select.poll()
        assert self._status is not None
        poll.register(self._status, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            poll.poll(left * 1000)
            for line in self._read_status():
                event, _, value = line.partition(" ")
                if event == "started":
                    return None
                if event == "failed":
                    return int(value)
            if self._status is None:
                return 0
        raise SetupError(f"{self.name}: its supervising process did not start within {_START_LIMIT:g} s")

    def _read_status(self) -> list[str]:
        """Take in what the keeper has reported since the last call."""
        with self._lock:
            while self._status is not None:
                try:
                    data = os.read(self._status, 4096)
                except BlockingIOError:
                    break
                self._unread += data
                if not data:
                    os.close(self._status)
                    self._status = None
            *lines, self._unread = self._unread.split(b"\n")
            events = [line.decode() for line in lines]
            for line in events:
                event, _, value = line.partition(" ")
                if event == "started":
                    self.main_pid = int(value)
                elif event == "ended":
                    self._main_exit = Exit.of(os.waitstatus_to_exitcode(int(value)))
            return events

    def _finish(self, returncode: int) -> None:
        self._let_go()
        if self._main_exit is None and self.main_pid:
            # Someone killed the keeper. The kernel then kills the command's own process; its group is left to us.
            with contextlib.suppress(OSError):
                os.killpg(self.main_pid, signal.SIGKILL)
        self._exit = self._main_exit or Exit.of(returncode)

    def _let_go(self) -> None:
        """Give the order to stop. The byte counts even where a forked copy of the harness holds the pipe open."""
        with self._lock:
            if self._control is not None:
                control, self._control = self._control, None
                with contextlib.suppress(OSError):
                    os.write(control, b"\n")
                os.close(control)


def _open(target: Path | int, stack: contextlib.ExitStack) -> int | IO[bytes]:
    return target if isinstance(target, int) else stack.enter_context(target.open("ab"))


def _why_not(program: str, code: int, env: Mapping[str, str] | None, cwd: Path | None) -> str:
    """What was wrong with a program that could not be executed, and what to check."""
    if len(program.split()) > 1 and code == errno.ENOENT and not Path(program).exists():
        return "no program has this name; give program and arguments as separate items of a list"
    if "/" in program:
        path = (cwd or Path()).absolute() / program
        if code == errno.ENOENT and path.exists():
            return f"the interpreter in the first line of {path} does not exist"
        if code in (errno.ENOENT, errno.ENOTDIR):
            return f"there is no file {path}"
        if path.is_dir():
            return f"{path} is a folder"
    if code in (errno.ENOENT, errno.ENOTDIR):
        search = (os.environ if env is None else env).get("PATH", os.defpath)
        names = {entry.name for folder in search.split(os.pathsep) for entry in _entries(folder)}
        meant = "".join(f"; did you mean {near}?" for near in difflib.get_close_matches(program, names, n=1))
        return f"it is not on the PATH{meant or '; is the environment of the app active?'}"
    if code == errno.EACCES:
        return "no permission to execute it (chmod +x?)"
    if code == errno.ENOEXEC:
        return "not a program for this machine, or a script without #! in its first line"
    return os.strerror(code)


def _entries(folder: str) -> list[Path]:
    try:
        return list(Path(folder).iterdir())
    except OSError:
        return []


_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS ...: titles, links
    r"|\x1b[ -/]*[0-~]?"
)
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def tail(path: Path, lines: int = 20, limit_bytes: int = 8192) -> str:
    """The last `lines` lines of the last `limit_bytes` bytes of a log, safe to print; "" if there is no such file.

    Terminal escapes, control characters and bidirectional overrides are left out, invalid UTF-8 becomes U+FFFD. Of a
    line that was overwritten with carriage returns (a progress bar), the last state stays.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit_bytes))
            data = file.read(limit_bytes)
    except OSError:
        return ""
    rows = _ESCAPE.sub("", data.decode("utf-8", "replace")).rstrip().split("\n")
    if size > limit_bytes and len(rows) > 1:
        del rows[0]  # it began before the part that was read
    return "\n".join(_plain(row) for row in rows[-lines:])


def _plain(row: str) -> str:
    shown = row.rstrip("\r").rpartition("\r")[2]
    return "".join(c for c in shown if c == "\t" or (unicodedata.category(c) not in ("Cc", "Cs") and c not in _BIDI))
