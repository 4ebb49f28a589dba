"""One question to a command-line app: a process of its own, whose standard output is the answer as it comes.

Works under gevent, whose `select` and `subprocess` the load child has, and without it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from brownout.faults.values.clock import NS, since
from brownout.faults.values.errors import SetupError
from brownout.harness.app.answer import AnswerReader, ReadAnswer, judge_reply
from brownout.harness.app.request import filled
from brownout.harness.app.rules import means_status
from brownout.harness.config.fields import words_of
from brownout.harness.load.client import Terms
from brownout.harness.load.sample import End, Sample
from brownout.harness.load.schedule import Arrival
from brownout.harness.load.terminal import Escapes, Line, settled
from brownout.harness.supervisor.child import DEVNULL, PIPE, Child

__all__ = ["CommandExchange"]

GRACE = 0.5
"""Seconds between SIGTERM and SIGKILL for a command that is given up, and for what one leaves behind."""
STOPPED, NOT_FOUND = 128 + signal.SIGTERM, 127
"""The status of a command that did not come to an exit of its own, and, as a shell says it, of one that cannot be run."""
BLOCK, AFTER_EXIT = 64 * 1024, 1024 * 1024
"""Bytes that are read at once, and that may still be in a pipe (pipe(7)) when the command has ended."""
STOPPING = 0.1
"""Seconds after a command's end before its sample is given: whoever stops a load also signals its commands, and is first."""
TICK = 0.02
"""Seconds between two looks at whether the command has ended, where the kernel does not tell."""
MAX_STDERR = 4096


class CommandExchange:
    """One arrival, from its intended start (a monotonic time in nanoseconds) to its sample, on a route that runs a command.

    The answer ends when the command does, whatever else its output says: people wait for their prompt, and scripts for the
    exit status. A command that closes its output and goes on shows nothing new, until patience is over. What it started
    ends with it, also in the background. The time to start it, of which 0.03 s are ours (its keeper's), is a part of what
    the user waits for.

    The sample's `status` is the exit status: 128 + N after signal N, 143 for a command that was given up, 127 for one that
    cannot be run. Terminal escapes and what was written over are no text, and a spinner is nothing new.
    """

    def __init__(self, terms: Terms, arrival: Arrival, intended_ns: int) -> None:
        self.arrival = arrival
        self._terms, self._intended = terms, intended_ns
        self._route = terms.routes[arrival.route]
        self._reader = AnswerReader(self._route.read)
        self._escapes, self._line = Escapes(), Line()
        self._child: Child | None = None
        self._stderr = b""
        self._status = STOPPED
        self._bytes = self._pieces = self._max_gap = 0
        self._sent: int | None = None
        self._first: int | None = None
        self._last: int | None = None
        self._ended: int | None = None

    def run(self) -> Sample:
        """Run the command to its end, once. What goes wrong on the way is said by the sample."""
        values = {"prompt": self.arrival.text, "user": self.arrival.user, "tenant": self.arrival.tenant}
        words = [filled(word, values) for word in words_of(self._route.run or [])]
        given = filled(self._route.stdin, values).encode("utf-8", "surrogateescape")
        self._sent = time.monotonic_ns()
        try:
            child = Child.start(
                words,
                name=self.arrival.route,
                stdin=PIPE if given else DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                env=self._terms.env or None,
                cwd=self._terms.cwd,
                grace=GRACE,
            )
        except SetupError as e:
            self._status, self._ended = NOT_FOUND, time.monotonic_ns()
            return self._sample("refused", str(e))
        self._child = child
        with child:
            end = self._follow(child, given)
        self._child = None
        time.sleep(STOPPING)
        error = ""
        if end is None and (exited := child.main_exit) is not None:
            self._status = exited.code if exited.code is not None else 128 + (exited.signal or 0)
            error = f"exit status {self._status}" + (f" ({exited})" if exited.signal else "")
        return self._sample(end, error)

    def unfinished(self) -> Sample:
        """The sample of a command that is still running when the load is stopped. It is told to end, and not waited for.

        Nothing here may switch to another greenlet: Locust could be gone when it comes back.
        """
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child.pid, signal.SIGTERM)  # its keeper does the rest
        self._ended = None  # it may have been ended already by whoever stops the load
        return self._sample("unfinished", "")

    # While it runs

    def _follow(self, child: Child, given: bytes) -> End | None:
        """Read what the command writes until it ends. Returns how it was given up, None for one that ended by itself."""
        assert child.stdout is not None
        assert child.stderr is not None
        out, err = child.stdout.fileno(), child.stderr.fileno()
        stdin = child.stdin.fileno() if child.stdin is not None else -1
        poll = select.poll()
        for fd in (out, err, stdin):
            if fd >= 0:
                os.set_blocking(fd, False)
                poll.register(fd, select.POLLIN if fd != stdin else select.POLLOUT)
        with _exit_of(child.main_pid) as exit_fd:
            if exit_fd >= 0:
                poll.register(exit_fd, select.POLLIN)
            while True:
                left, end = self._left()
                if left <= 0:
                    self._ended = time.monotonic_ns()
                    return end
                ready = [fd for fd, _ in poll.poll(1000 * (left if exit_fd >= 0 else min(left, TICK)))]
                now = time.monotonic_ns()
                if exit_fd in ready or (exit_fd < 0 and child.main_exit is not None):
                    self._ended = now
                    for fd in (out, err):  # what it wrote last
                        read = 0
                        while read < AFTER_EXIT and (data := _read(fd)):
                            self._take(data, now, fd == out)
                            read += len(data)
                    return None
                for fd in ready:
                    if fd == stdin:
                        given = _write(fd, given)
                        if not given:
                            poll.unregister(fd)
                            assert child.stdin is not None
                            child.stdin.close()
                    elif (data := _read(fd)) is not None:
                        self._take(data, now, fd == out)
                        if not data:
                            poll.unregister(fd)

    def _take(self, data: bytes, now: int, is_stdout: bool) -> None:
        if not is_stdout:
            self._stderr = (self._stderr + data)[-MAX_STDERR:]
            return
        self._bytes += len(data)
        for piece in self._reader.feed(self._escapes.strip(data)):
            if not self._line.shows(piece):
                continue
            if self._last is None:
                self._first = now
            else:
                self._max_gap = max(self._max_gap, now - self._last)
            self._last = now
            self._pieces += 1

    def _left(self) -> tuple[float, End]:
        """Seconds for which the user still waits, and how the request ends when they are over."""
        longest = self._intended + round(self._terms.longest * NS)
        patience = (self._intended if self._last is None else self._last) + round(self._terms.patience * NS)
        return (min(patience, longest) - time.monotonic_ns()) / NS, "left" if patience < longest else "timeout"

    # What came of it

    def _sample(self, end: End | None, error: str) -> Sample:
        read = self._reader.finish(end is None)
        if self._route.read.text is not None:
            read = replace(read, text=settled(read.text))
        if end is None:
            end, error = self._end(read, error)
        first, last, pieces = self._first, self._last, self._pieces
        if end == "complete" and read.text and not pieces:  # JSON: all becomes visible at once, when it is whole
            first = last = self._ended
            pieces = 1
        good, degraded = judge_reply(self._route, self._status, {}, self._reader.body_text, read)
        a = self.arrival
        return Sample(
            request=a.request,
            prompt=a.prompt,
            user=a.user,
            phase=a.phase,
            route=a.route,
            intended=since(self._terms.origin_ns, self._intended),
            sent=self._at(self._sent),
            status=self._status,
            head=None,
            first=self._at(first),
            last=self._at(last),
            ended=self._at(self._ended),
            end=end,
            error=error,
            text=read.text,
            pieces=pieces,
            max_gap=round(self._max_gap / NS, 6),
            bytes=self._bytes,
            good=good,
            degraded=degraded,
            retry_after=None,
            tenant=a.tenant,
            conversation=a.conversation,
            turn=a.turn,
        )

    def _end(self, read: ReadAnswer, exited: str) -> tuple[End, str]:
        """How a command ended that ended by itself, and what it said of it."""
        if self._status and not means_status(self._route, self._status):
            said = settled(Escapes().strip(self._stderr).decode("utf-8", "replace")).strip().rpartition("\n")[2]
            return "error", f"{exited}: {said.strip()}" if said else exited
        if read.error:
            return "error", read.error
        return ("truncated" if read.cut else "complete"), read.problem

    def _at(self, at_ns: int | None) -> float | None:
        return None if at_ns is None else since(self._terms.origin_ns, at_ns)


@contextlib.contextmanager
def _exit_of(pid: int) -> Iterator[int]:
    """A descriptor that can be read when the process has ended; -1 where there is none."""
    fd = -1
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # it has ended already, or the kernel is older than 5.3
            fd = os.pidfd_open(pid)
    try:
        yield fd
    finally:
        if fd >= 0:
            os.close(fd)


def _read(fd: int) -> bytes | None:
    """What can be read now: nothing at the end, None when nothing has come."""
    try:
        return os.read(fd, BLOCK)
    except BlockingIOError:
        return None


def _write(fd: int, data: bytes) -> bytes:
    """Write what can be written now. Returns the rest: nothing for a reader that has gone."""
    try:
        return data[os.write(fd, data) :]
    except BrokenPipeError:
        return b""
