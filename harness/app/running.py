"""The app under test as a child: start it pointed at the backends, wait until it is ready, warm it up, watch it."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from brownout.faults.values.errors import SetupError
from brownout.harness.app.answer import AnswerReader, judge_reply
from brownout.harness.app.request import request_for
from brownout.harness.config.app import AppConfig, fill
from brownout.harness.escape.environment import app_environment
from brownout.harness.supervisor.child import DEVNULL, Child, tail

__all__ = ["AppRun", "free_port"]


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@dataclass
class AppRun:
    """A running app. `base_url` is where users reach it."""

    child: Child
    base_url: str
    log: Path
    config: AppConfig

    @classmethod
    def start(
        cls, folder: Path, config: AppConfig, origins: Mapping[str, str], root: Path, proxy: str | None
    ) -> AppRun:
        """Start the app on a free port, pointed at the backends. `root` is the folder of brownout.yaml.

        `proxy` is the URL of the proxy that all its other calls go through (None: they go where they like). Raises SetupError when the app's command
        cannot be run.
        """
        port, app = free_port(), config.app
        values = config.values(origins, port)
        try:
            words = shlex.split(app.start) if isinstance(app.start, str) else list(app.start)
        except ValueError as e:
            raise SetupError(f"the app's command cannot be split into words: {e}") from None
        env = app_environment(os.environ, {k: fill(v, values) for k, v in app.env.items()}, proxy)
        log = folder / "app.log"
        cwd = root / app.cwd
        if not cwd.is_dir():
            raise SetupError(f"the app's folder does not exist: {cwd}")
        beside = Path(sys.executable).parent / words[0]
        if words and "/" not in words[0] and shutil.which(words[0], path=env.get("PATH")) is None and beside.exists():
            raise SetupError(
                f"{words[0]} is not on the PATH, but it is in {beside.parent}, beside brownout: activate that environment, or "
                f"write its whole path into app.start"
            )
        child = Child.start(
            [fill(w, values) for w in words], name=app.name, env=env, cwd=cwd, stdin=DEVNULL, stdout=log, stderr=log
        )
        return cls(child, f"http://127.0.0.1:{port}", log, config)

    def check(self) -> None:
        """Raises SetupError when the app has ended."""
        ended = self.child.poll()
        if ended is not None:
            raise SetupError(f"the app ended: {ended}", output=tail(self.log))

    def wait_ready(self) -> None:
        """Wait until the readiness path answers below 400. Raises SetupError when the app dies or time runs out."""
        ready = self.config.app.ready
        deadline, last = time.monotonic() + ready.within, "it accepted no connection"
        with httpx.Client(trust_env=False, timeout=2.0) as client:
            while time.monotonic() < deadline:
                self.check()
                try:
                    status = client.get(self.base_url + ready.path).status_code
                    if status < 400:
                        return
                    last = f"GET {ready.path} answered {status}"
                except httpx.ConnectError:
                    last = f"nothing listens on {self.base_url}: does the app use {{port}}?"
                except (httpx.HTTPError, httpx.InvalidURL, ValueError) as e:
                    last = f"GET {ready.path}: {type(e).__name__}"
                time.sleep(0.05)
        raise SetupError(f"the app was not ready within {ready.within:g} s: {last}", output=tail(self.log))

    def warm_up(self, name: str, prompt: str) -> str:
        """Send one request to the route called `name`, with healthy backends.

        Returns the answer's text; SetupError when the reply is not a good one.
        """
        route = self.config.routes[name]
        made = request_for(route, prompt, "warm-up")
        reader = AnswerReader(route.answer)
        headers = {"accept": reader.accept} | made["headers"]
        body = bytearray()
        try:
            with (
                httpx.Client(trust_env=False, timeout=self.config.launch.patience * 3) as client,
                client.stream(
                    made["method"],
                    self.base_url + made["path"],
                    # As bytes, because httpx takes a text for ASCII.
                    headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
                    content=made["body"],
                ) as reply,
            ):
                for piece in reply.iter_bytes():
                    body += piece
                    reader.feed(piece)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as e:
            self.check()
            raise SetupError(
                f"warm-up: {route.method} {route.path} failed: {type(e).__name__}: {e}", output=tail(self.log)
            ) from None
        read = reader.finish(True)
        text = body.decode("utf-8", "replace")
        good, _ = judge_reply(route, reply.status_code, dict(reply.headers), text, read)
        if not good or not read.ended:
            why = f"status {reply.status_code}: " + (
                read.problem or read.error or f"not good by the rules of route {name!r}"
            )
            shown = " ".join(text[:400].split())
            raise SetupError(
                f"warm-up: {route.method} {route.path}: {why}. The app answered: {shown!r}", output=tail(self.log)
            )
        return read.text

    def stop(self) -> None:
        """Stop the app and everything that it started."""
        self.child.stop()
