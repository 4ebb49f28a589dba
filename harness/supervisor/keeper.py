"""The keeper: a small process beside each child that ends everything the child started once the harness has gone.

Run by `child.Child` as a script, with the standard library only, so that it starts in milliseconds:

    python -I -S keeper.py CONTROL_FD STATUS_FD HARNESS_PID GRACE -- COMMAND [ARGUMENT ...]

CONTROL_FD is the read end of a pipe whose write end only the harness holds. A byte, its end (the harness closed it or
died in whatever way), the death of HARNESS_PID (should a forked copy of the harness hold the pipe open) or SIGTERM,
SIGINT, SIGHUP or SIGQUIT to the keeper are the order to stop: SIGTERM to every process below the keeper, up to GRACE
seconds for all to end, then SIGKILL until none is left. Without that order the keeper lives as long as anything below
it does: an application whose first process ends after it has put itself in the background is still running.

STATUS_FD takes one line per event: `started PID`, or `failed ERRNO`; then `ended STATUS`, the wait status of the
command's own process, as soon as that has ended. The keeper exits as the command did: its code, 128 + n for signal n,
127 if the command was not found, 126 if it could not be executed.

The command gets the keeper's environment, working directory, standard streams and inheritable descriptors, a session
of its own (a script's `kill 0` must not reach the keeper), and signals at their defaults. The keeper lets go of all of
these, so that the other end of a pipe sees the end of the child and not that of the keeper.

Linux: the keeper is a child subreaper (prctl(2)), so that a process whose parent ended becomes the keeper's child,
whatever session or process group it has moved to. The tree below the keeper is then complete, and empty exactly when
wait(2) answers ECHILD. If the keeper itself is killed with SIGKILL, the kernel kills the command's own process too.

macOS has neither subreaper nor /proc. There only the command's process group is signalled; a process that moved to a
session or group of its own survives, and a variable LC_CTYPE that the interpreter added may reach the command.
"""

import contextlib
import errno
import os
import select
import signal
import sys
import time
from collections.abc import Iterable
from typing import NoReturn

LINUX = sys.platform == "linux"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
DEFAULT_SIGNALS = (*STOP_SIGNALS, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ)

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

REAPED_AT_ONCE = 100  # so that processes that end without end cannot keep the keeper from its other work
FREEZE_PASSES = 20
CHASES = 50
FIRST_PAUSE = 0.002  # seconds between two rounds of killing; doubled up to the longest
LONGEST_PAUSE = 0.5
GROUP_POLL = 0.5  # seconds between two looks at a process group whose leader has ended, without a subreaper


def prctl(option: int, value: int) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def become_subreaper() -> None:
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    if os.readlink("/proc/self") != str(os.getpid()):
        raise OSError(errno.ENOTSUP, "/proc shows the processes of another PID namespace; mount a /proc of this one")


def original_environment() -> dict[bytes, bytes]:
    """The environment as it was given. Not `os.environ`: in the C locale the interpreter adds LC_CTYPE (PEP 538)."""
    if not LINUX:
        return dict(os.environb)
    with open("/proc/self/environ", "rb") as file:
        entries = file.read().split(b"\0")
    return dict(entry.split(b"=", 1) for entry in entries if entry.find(b"=") > 0)


def descendants() -> dict[int, int]:
    """All processes below this one: PID to process group. One that changes parents meanwhile may be missing."""
    group: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                stat = file.read()
        except OSError:
            continue  # ended since the listing
        # The command name may hold spaces and brackets, so count from its last bracket: state, parent, group.
        _, parent, pgrp, *_ = stat[stat.rfind(b")") + 2 :].split(None, 3)
        group[int(name)] = int(pgrp)
        children.setdefault(int(parent), []).append(int(name))
    found: dict[int, int] = {}
    pending = children.get(os.getpid(), [])
    while pending:
        pid = pending.pop()
        if pid not in found:
            found[pid] = group[pid]
            pending += children.get(pid, [])
    return found


def children() -> list[int]:
    """The children of this process alone, in microseconds. Empty where the kernel has no such file."""
    pid = os.getpid()
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def send(number: signal.Signals, targets: Iterable[int]) -> None:
    """Signal processes, and groups where a target is negative."""
    for target in targets:
        with contextlib.suppress(OSError):  # ended already, or it belongs to another user
            os.kill(target, number)


def groups(processes: Iterable[tuple[int, int]]) -> set[int]:
    """The targets that reach (PID, process group) pairs by their groups: atomically, fork(2) cannot slip through.

    Every member of such a group lies below the keeper, because the command began a session of its own.
    """
    own = os.getpgrp()
    return {-group if group > 0 and group != own else pid for pid, group in processes}


def execute(argv: list[str], environment: dict[bytes, bytes], keeper: int, failure: int) -> NoReturn:
    """In the forked process: become the command, or write the errno to `failure` and exit 127 or 126."""
    code = errno.EINVAL
    try:
        os.setsid()
        if LINUX:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != keeper:
                os._exit(128 + signal.SIGKILL)
        for number in DEFAULT_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        code = error.errno or errno.EIO
    finally:  # reached only without exec; nothing but _exit may follow in a forked process
        with contextlib.suppress(OSError):
            os.write(2, os.fsencode(f"brownout: cannot run {argv[0]!r}: {os.strerror(code)}\n"))
        with contextlib.suppress(OSError):  # last: the harness then finds what was written above
            os.write(failure, str(code).encode())
        os._exit(127 if code in (errno.ENOENT, errno.ENOTDIR) else 126)


class Keeper:
    def __init__(self, control: int, status: int, harness: int, grace: float) -> None:
        self.control, self.status, self.grace = control, status, grace
        self.main = 0  # PID of the command's own process
        self.ended: int | None = None  # its wait status
        self.told_to_stop = False
        self.wake, self.waker = os.pipe()
        for fd in (self.wake, self.waker):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self.waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_stop_signal)
        self.parent = self._watch_parent(harness)

    def _on_stop_signal(self, *_: object) -> None:
        self.told_to_stop = True

    def _watch_parent(self, harness: int) -> int | None:
        parent: int | None = None
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # needs Linux 5.3
                parent = os.pidfd_open(harness)
        # Checked after the opening, so that a reused PID cannot pass for the harness.
        if os.getppid() != harness:
            self.told_to_stop = True
        return parent

    def report(self, line: str) -> None:
        with contextlib.suppress(OSError):  # the harness may have gone
            os.write(self.status, line.encode() + b"\n")

    def start(self, argv: list[str]) -> int:
        """Start the command. Returns 0, or the exit code for one that could not be executed."""
        environment = original_environment()
        keeper = os.getpid()
        failed, failure = os.pipe()
        # A signal between fork and exec must meet the defaults in the new process, not the keeper's handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, DEFAULT_SIGNALS)
        self.main = os.fork()
        if self.main == 0:
            execute(argv, environment, keeper, failure)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # not what it was: the harness may have blocked some of them
        os.close(failure)
        error = os.read(failed, 16)  # ends without a byte when exec closes the other end
        if error:
            self.report(f"failed {error.decode()}")
            _, status = os.waitpid(self.main, 0)
            return os.waitstatus_to_exitcode(status)
        self.report(f"started {self.main}")
        self._let_go()
        return 0

    def _let_go(self) -> None:
        """Close whatever was meant for the command."""
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        kept = {0, 1, 2, self.control, self.status, self.wake, self.waker, self.parent}
        for name in os.listdir("/proc/self/fd" if LINUX else "/dev/fd"):
            if int(name) not in kept:
                with contextlib.suppress(OSError):  # the descriptor of the listing itself
                    os.close(int(name))
        os.chdir("/")

    def reap(self) -> bool:
        """Collect what has ended. Returns whether anything is left."""
        for _ in range(REAPED_AT_ONCE):
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return not LINUX and self._group_lives()
            if pid == 0:
                return True
            if pid == self.main and self.ended is None:
                self.ended = status
                self.report(f"ended {status}")
        with contextlib.suppress(BlockingIOError):
            os.write(self.waker, b"\0")  # there may be more, of which no new signal will tell
        return True

    def _group_lives(self) -> bool:
        try:
            os.killpg(self.main, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # a member that belongs to another user, or a zombie on macOS
        return True

    def _tree(self) -> dict[int, int]:
        if not LINUX:
            return {self.main: self.main}
        try:
            return descendants()
        except (OSError, MemoryError):  # a table is full; the next round may find room
            return {}

    def _wait(self, seconds: float | None, *also: int | None) -> bool:
        """Sleep until a signal arrives, `seconds` are over or one of `also` is readable. Returns whether one was."""
        if not LINUX and self.ended is not None:
            # What is left of the group are not our children: no SIGCHLD tells of their end.
            seconds = GROUP_POLL if seconds is None else min(seconds, GROUP_POLL)
        poll = select.poll()
        for fd in (self.wake, *also):
            if fd is not None:
                poll.register(fd, select.POLLIN)
        ready = poll.poll(None if seconds is None else max(0, seconds) * 1000)
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, 4096)
        return any(fd != self.wake for fd, _ in ready)

    def watch(self) -> None:
        """Block until nothing is left or the order to stop has come."""
        while self.reap() and not self.told_to_stop:
            self.told_to_stop = self._wait(None, self.control, self.parent) or self.told_to_stop

    def stop(self) -> None:
        """Ask all to end, and wait. SIGCONT lets a stopped process see the SIGTERM.

        One by one, so that each gets a single SIGTERM (many programs take a second one as impatience), also one that
        moves to a group of its own meanwhile. Once, because what an application starts in order to end is to finish.
        """
        deadline = time.monotonic() + self.grace
        targets = list(self._tree()) if LINUX else [-self.main]
        send(signal.SIGTERM, targets)
        send(signal.SIGCONT, targets)
        while self.reap() and (left := deadline - time.monotonic()) > 0:
            self._wait(left)

    def kill(self) -> None:
        """SIGKILL until wait(2) knows of no process any more.

        All are stopped first. Where processes fork faster than they can be listed, the stopped ones stay in the way
        of new ones (limits on their number), and none is there to fork on while its siblings are being killed.
        """
        pause = FIRST_PAUSE
        while self.reap():
            seen: dict[int, int] = {}
            for _ in range(FREEZE_PASSES):
                new = self._tree().items() - seen.items()
                if not new:
                    break
                send(signal.SIGSTOP, groups(new))
                seen.update(new)
            send(signal.SIGKILL, groups(seen.items()))
            self._chase()
            self._wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _chase(self) -> None:
        """SIGKILL the keeper's own children as fast as possible.

        A process that forks and exits all the time is gone before the tree has been read, but its heir has become a
        child of the keeper by then. The PID of a child cannot be reused before it is reaped.
        """
        for _ in range(CHASES):
            send(signal.SIGKILL, children())
            if not self.reap():
                break


def main(arguments: list[str]) -> int:
    control, status, harness = map(int, arguments[:3])
    for fd in (control, status):
        os.set_inheritable(fd, False)
    if LINUX:
        become_subreaper()
    keeper = Keeper(control, status, harness, grace=float(arguments[3]))
    if keeper.told_to_stop:
        return 128 + signal.SIGTERM
    code = keeper.start(arguments[5:])
    if code:
        return code
    try:
        keeper.watch()
        keeper.stop()
    finally:
        keeper.kill()
    code = os.waitstatus_to_exitcode(keeper.ended or 0)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
