"""The load as a child process: the harness's side. Locust is never imported here."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import site
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from brownout.faults.values.errors import SetupError
from brownout.harness.app.session import Session
from brownout.harness.config.access import TenantSpec
from brownout.harness.config.route import RouteSpec
from brownout.harness.supervisor.child import PIPE, Child, Exit, tail

__all__ = ["LoadConfig", "LoadRun"]

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
CONFIG = "BROWNOUT_LOAD"
"""Environment variable that names the child's configuration file."""
READY = b'{"ready": true}'
GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL: time to record what is under way."""
_OPTIONS = ("--headless", "--only-summary", "--users", "1", "--spawn-rate", "1", "--exit-code-on-error", "0")


@dataclass(frozen=True)
class LoadConfig:
    """What the load child is told.

    `origin_ns` is the run's origin on the monotonic clock. `schedule` is a file that `schedule.write` wrote, `samples` the
    file to which a JSON line is appended as each request ends. `patience` and `longest` are seconds (see `client.Terms`).
    `sessions` are those of the users who logged in, by user, else by tenant ('' without tenants). Commands of routes are run
    in the folder `cwd` with the environment `env`.
    """

    origin_ns: int
    base_url: str
    schedule: Path
    samples: Path
    patience: float
    longest: float
    routes: dict[str, RouteSpec]
    tenants: dict[str, TenantSpec] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    cwd: Path = field(default_factory=Path.cwd)

    def write(self, path: Path) -> None:
        """Write the configuration as JSON; relative paths become absolute."""
        from pydantic import TypeAdapter

        here = replace(
            self, schedule=self.schedule.absolute(), samples=self.samples.absolute(), cwd=self.cwd.absolute()
        )
        path.touch(mode=0o600)  # it may hold what users logged in with
        path.write_bytes(TypeAdapter(LoadConfig).dump_json(here, indent=1))

    @classmethod
    def read(cls, path: Path) -> LoadConfig:
        """Read what `write` wrote."""
        from pydantic import TypeAdapter

        return TypeAdapter(cls).validate_python(json.loads(path.read_text(encoding="utf-8")))


class LoadRun:
    """A load that is getting ready, waits for its beginning, runs, or has ended.

    Start it, `wait_ready`, `begin` at a time of the monotonic clock, and ask whether it has `finished`. Then, or earlier,
    `stop` it: requests that are under way are recorded as unfinished.
    """

    def __init__(self, child: Child, log: Path, file: Path) -> None:
        self.child, self._file = child, file
        self._log = log

    @classmethod
    def start(cls, folder: Path, config: LoadConfig) -> LoadRun:
        """Start the child; its configuration and its log, load.json and load.log, are in `folder`.

        Raises SetupError when Locust is not installed or the child cannot be started.
        """
        if importlib.util.find_spec("locust") is None:
            raise SetupError("load over real sockets needs the extra: pip install 'brownout[load]'")
        folder = folder.absolute()
        file, log = folder / "load.json", folder / "load.log"
        try:
            config.write(file)
            child = cls._child(folder, file, log)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        return cls(child, log, file)

    @staticmethod
    def _child(folder: Path, file: Path, log: Path) -> Child:
        return Child.start(
            [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *_OPTIONS],
            name="load",
            env=_environment(folder) | {CONFIG: str(file)},
            cwd=folder,
            stdin=PIPE,
            stdout=PIPE,
            stderr=log,
            grace=GRACE,
        )

    def wait_ready(self, timeout: float = 30.0) -> None:
        """Wait until the child has all it needs to send. Raises SetupError when it dies or is not ready in time."""
        stdout = self.child.stdout
        assert stdout is not None
        deadline, said = time.monotonic() + timeout, b""
        while READY not in said.splitlines():
            if time.monotonic() > deadline:
                raise SetupError(f"the load was not ready within {timeout:g} s", output=tail(self._log))
            if select.select([stdout], [], [], 0.1)[0]:
                data = os.read(stdout.fileno(), 4096)
                if not data:  # it closed its output: it is ending
                    raise self._died(self._exit())
                said += data
        # It has been read, and may hold the headers that users send.
        self._file.unlink(missing_ok=True)

    def begin(self, start_ns: int) -> None:
        """Let the load begin at a monotonic time in nanoseconds. Raises SetupError when the child has ended."""
        stdin = self.child.stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps({"start_ns": start_ns}).encode() + b"\n")
            stdin.flush()
        except OSError:
            raise self._died(self._exit()) from None

    @property
    def finished(self) -> bool:
        """Whether every request has ended. Raises SetupError when the child ended in another way than that."""
        ended = self.child.poll()
        if ended is not None and not ended.ok:
            raise self._died(ended)
        return ended is not None

    def stop(self) -> None:
        """Stop the load; requests under way are recorded as unfinished. Does no harm when it has ended."""
        self.child.stop()
        self._file.unlink(missing_ok=True)
        for stream in (self.child.stdin, self.child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # what was buffered for a child that has ended
                    stream.close()

    def _exit(self) -> Exit | None:
        try:
            return self.child.wait(GRACE)
        except TimeoutError:
            return self.child.poll()

    def _died(self, ended: Exit | None) -> SetupError:
        return SetupError(f"the load ended: {ended or 'it closed its output'}", output=tail(self._log))


def _environment(folder: Path) -> dict[str, Any]:
    """Our environment without what would change Locust: its variables and its configuration files.

    It reads ``locust.conf`` and ``pyproject.toml`` in the working folder and ``.locust.conf`` at home; the folder of the run is
    both to it. Packages that a user installed for themselves are still found by PYTHONUSERBASE.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST")}
    return kept | {"HOME": str(folder), "PYTHONUSERBASE": site.getuserbase()}
