"""The proxy as a child process: the harness's side."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from brownout.faults.values.errors import SetupError
from brownout.harness.escape.escapes import JOURNAL
from brownout.harness.escape.hosts import HostPattern
from brownout.harness.supervisor.child import PIPE, Child, tail
from brownout.harness.supervisor.talk import first_line

__all__ = ["Guard"]


class Guard:
    """Stands between the app and every host but this one. `url` is where its proxy listens."""

    def __init__(self, child: Child, url: str, log: Path) -> None:
        self.child, self.url, self._log = child, url, log

    @classmethod
    def start(cls, folder: Path, origin_ns: int, allow: Sequence[HostPattern], timeout: float = 20.0) -> Guard:
        """Start the process and wait until it listens. Its journal, escapes.jsonl, and its log are in `folder`.

        Raises SetupError with its last output when it does not listen.
        """
        log = folder / "escape.log"
        child = Child.start(
            [sys.executable, "-m", "brownout.harness.escape.process"],
            name="the proxy that keeps the app from escaping",
            stdin=PIPE,
            stdout=PIPE,
            stderr=log,
        )
        config = {
            "origin_ns": origin_ns,
            "journal": str((folder / JOURNAL).absolute()),
            "allow": [str(p) for p in allow],
        }
        try:
            assert child.stdin is not None
            with contextlib.suppress(OSError):  # a child that has ended is told of below
                child.stdin.write(json.dumps(config).encode() + b"\n")
                child.stdin.flush()
            answer = first_line(child, timeout)
            if answer is None:
                raise SetupError(f"{child.name} did not start", output=tail(log))
        except BaseException:
            _end(child)
            raise
        return cls(child, f"http://127.0.0.1:{answer['port']}", log)

    def check(self) -> None:
        """Raises SetupError when the process has ended."""
        ended = self.child.poll()
        if ended is not None:
            raise SetupError(f"{self.child.name} ended: {ended}", output=tail(self._log))

    def stop(self) -> None:
        """Stop the process; its connections are closed."""
        _end(self.child)


def _end(child: Child) -> None:
    child.stop()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # what was buffered for a child that has ended
                pipe.close()
