"""One request of a command-line app: a process of its own, its standard output read as it comes.

Works under gevent, whose `select` and `subprocess` the Locust child has, and without it.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from typing import IO

from brownout.faults.values.clock import NS, since
from brownout.harness.app.answer import AnswerReader, judge_reply
from brownout.harness.app.request import filled
from brownout.harness.config.fields import words_of
from brownout.harness.load.client import Terms
from brownout.harness.load.sample import End, Sample
from brownout.harness.load.schedule import Arrival

__all__ = ["CommandExchange"]

BLOCK = 64 * 1024
TICK, GRACE = 0.1, 0.5
"""Seconds between two looks at whether the command has ended, and between SIGTERM and SIGKILL."""
MOST_ERROR = 4096
_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_BEGUN = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?)?\Z")
_BLANK = " \t\r\n"


class CommandExchange:
    """One arrival on a route that runs a command, from its intended start to its sample.

    The exit status is the sample's `status`, 128 + N for a command that signal N ended. Escape sequences of a terminal are
    no text. The command has a process group of its own, which is killed when it has ended, when the user has left and when
    the load is stopped: nothing that it started goes on.
    """

    def __init__(self, terms: Terms, arrival: Arrival, intended_ns: int) -> None:
        self.arrival = arrival
        self._terms, self._intended = terms, intended_ns
        self._route = terms.routes[arrival.route]
        self._reader = AnswerReader(self._route.read)
        self._process: subprocess.Popen[bytes] | None = None
        self._sent: int | None = None
        self._first: int | None = None
        self._last: int | None = None
        self._ended: int | None = None
        self._bytes = self._pieces = self._max_gap = 0
        self._half = b""
        self._error = ""
        self._status = 0

    def run(self) -> Sample:
        """Run the command to its end, once. What goes wrong on the way is said by the sample."""
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
            try:
                self._sent = time.monotonic_ns()
                self._start(stdin, stderr)
            except (OSError, ValueError) as e:
                self._ended = time.monotonic_ns()
                return self._sample("refused", f"cannot be started: {getattr(e, 'strerror', None) or e}")
            end = self._read()
            self._ended = self._ended or time.monotonic_ns()
            self._kill()
            stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - MOST_ERROR))
            self._error = stderr.read().decode("utf-8", "replace").strip()
        if end is not None:
            return self._sample(end, self._error)
        if self._status:
            last = self._error.rpartition("\n")[2]
            return self._sample("error", f"exit status {self._status}" + (f": {last}" if last else ""))
        return self._sample(None, "")

    def unfinished(self) -> Sample:
        """The sample of a command that is still running when the load is stopped; it is killed."""
        self._kill(grace=0.0)  # there may be many of them
        return self._sample("unfinished", "")

    def _start(self, stdin: IO[bytes], stderr: IO[bytes]) -> None:
        route, arrival = self._route, self.arrival
        values = {"prompt": arrival.text, "user": arrival.user, "tenant": arrival.tenant}
        # A file, because writing into a pipe would wait for a command that does not read.
        stdin.write(filled(route.stdin, values).encode("utf-8", "surrogateescape"))
        stdin.seek(0)
        self._process = subprocess.Popen(
            [filled(word, values) for word in words_of(route.run or [])],
            cwd=self._terms.cwd,
            env=dict(self._terms.env) or None,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )

    def _read(self) -> End | None:
        """Read until the command has ended. Returns how it was given up, None when it was not."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        fd, is_open, drained = process.stdout.fileno(), True, 0.0
        while True:
            ended = process.poll() is not None
            if ended and (not is_open or (drained and time.monotonic() > drained)):
                break
            if ended and not drained:
                self._ended = time.monotonic_ns()
                drained = time.monotonic() + TICK  # what it wrote is in the pipe; a child of it may hold it open
            if (left := self._left()) <= 0:
                return self._given_up()
            wait = 0.0 if ended else min(left, TICK)
            if not is_open:
                time.sleep(min(wait, 0.01))
            elif select.select([fd], [], [], wait)[0]:
                data = os.read(fd, BLOCK)
                is_open = bool(data)
                self._take(data)
        status = process.returncode
        self._status = status if status >= 0 else 128 - status
        return None

    def _take(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self._bytes += len(data)
        text = _ESCAPE.sub(b"", self._half + data)
        begun = _BEGUN.search(text)
        self._half, text = (
            (text[begun.start() :], text[: begun.start()]) if begun and len(text) < BLOCK else (b"", text)
        )
        for piece in self._reader.feed(text):
            if piece.strip(_BLANK):
                if self._last is None:
                    self._first = now
                else:
                    self._max_gap = max(self._max_gap, now - self._last)
                self._last = now
                self._pieces += 1

    def _left(self) -> float:
        """Seconds for which the user still waits."""
        return (min(self._deadlines()) - time.monotonic_ns()) / NS

    def _deadlines(self) -> tuple[int, int]:
        shown = self._intended if self._last is None else self._last
        return shown + round(self._terms.patience * NS), self._intended + round(self._terms.longest * NS)

    def _given_up(self) -> End:
        patience, longest = self._deadlines()
        return "left" if patience < longest else "timeout"

    def _kill(self, grace: float = GRACE) -> None:
        """End the command and all that it started in its process group; it may clean up for `grace` seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        if grace and process.poll() is None:
            _signal(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace)
        _signal(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _sample(self, given_up: End | None, error: str) -> Sample:
        read = self._reader.finish(given_up is None)
        end: End = given_up or "complete"
        if end == "complete":
            if read.error:
                end, error = "error", read.error
            elif read.cut:
                end, error = "truncated", read.problem
            else:
                error = read.problem
        first, last, pieces = self._first, self._last, self._pieces
        if end == "complete" and read.text and not pieces:
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
            good=good and end not in ("error", "refused"),
            degraded=degraded,
            retry_after=None,
            tenant=a.tenant,
        )

    def _at(self, at_ns: int | None) -> float | None:
        return None if at_ns is None else since(self._terms.origin_ns, at_ns)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
