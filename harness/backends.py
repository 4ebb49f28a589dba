"""The simulated backends as a child process."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from brownout.faults.doors.process import ProcessConfig
from brownout.faults.values.errors import SetupError
from brownout.harness.supervisor.child import PIPE, Child, tail
from brownout.harness.supervisor.talk import first_line

__all__ = ["BackendProcess"]


class BackendProcess:
    """Backends on ports of their own. `origins` maps each backend's name to ``http://127.0.0.1:port``."""

    def __init__(self, child: Child, origins: Mapping[str, str], log: Path) -> None:
        self.child, self.origins, self._log = child, origins, log

    @classmethod
    def start(cls, folder: Path, config: ProcessConfig, timeout: float = 20.0) -> BackendProcess:
        """Start the process and wait until it listens. Raises SetupError with its last output when it does not."""
        log = folder / "backend.log"
        child = Child.start(
            [sys.executable, "-m", "brownout.faults.doors.process"],
            name="backend",
            stdin=PIPE,
            stdout=PIPE,
            stderr=log,
        )
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            with contextlib.suppress(BrokenPipeError):  # it has ended; its output says why
                child.stdin.write(config.encode())
                child.stdin.flush()
            answer = first_line(child, timeout)
        except BaseException:
            child.stop()
            raise
        if answer is None or "error" in answer:
            child.stop()
            why = answer["error"] if answer else "the simulated backend did not start"
            raise SetupError(str(why), output=tail(log))
        return cls(child, dict(answer["origins"]), log)

    def begin(self, at_ns: int) -> None:
        """Let the fault plans begin at a monotonic time in nanoseconds."""
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps({"begin_ns": at_ns}).encode() + b"\n")
        self.child.stdin.flush()

    def check(self) -> None:
        """Raises SetupError when the process has ended."""
        ended = self.child.poll()
        if ended is not None:
            raise SetupError(f"the simulated backend ended: {ended}", output=tail(self._log))

    def stop(self) -> None:
        """Stop the process; calls that it was answering are recorded first."""
        self.child.stop()
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was buffered for a child that has ended
                    pipe.close()
