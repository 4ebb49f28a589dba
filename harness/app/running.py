"""The app under test: start it pointed at the backends, or find it where it runs, wait until it is ready, watch it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from brownout.faults.values.errors import SetupError
from brownout.harness.config.app import AppConfig
from brownout.harness.config.fields import fill, words_of
from brownout.harness.config.route import RouteSpec
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
    """An app that can be asked: one that was started, one that runs already, or commands that are run for each request.

    `base_url` is where users reach it, empty for commands. `routes` are those of the configuration, with what brownout
    fills into their commands; `env` and `cwd` are what commands are run with. `child` and `log` are those of an app that
    was started here.
    """

    config: AppConfig
    base_url: str
    routes: dict[str, RouteSpec]
    child: Child | None = None
    log: Path | None = None
    env: dict[str, str] = field(default_factory=dict)
    cwd: Path = field(default_factory=Path.cwd)

    @classmethod
    def attach(cls, config: AppConfig) -> AppRun:
        """The app that runs at `app.url`."""
        return cls(config, config.app.url.rstrip("/"), config.routes)

    @classmethod
    def start(
        cls, folder: Path, config: AppConfig, origins: Mapping[str, str], root: Path, proxy: str | None
    ) -> AppRun:
        """Start the app on a free port, pointed at the backends; an app of commands alone is not started.

        `root` is the folder of brownout.yaml. `proxy` is the URL of the proxy that all its other calls go through (None:
        they go where they like). Raises SetupError when the app's command cannot be run.
        """
        port, app = free_port(), config.app
        values = config.values(origins, port)
        env = app_environment(os.environ, {k: fill(v, values) for k, v in app.env.items()}, proxy)
        cwd = (root / app.cwd).absolute()
        if not cwd.is_dir():
            raise SetupError(f"the app's folder does not exist: {cwd}")
        if app.start is None:
            return cls(config, "", _filled(config.routes, values), env=env, cwd=cwd)
        log = folder / "app.log"
        words = [fill(w, values) for w in words_of(app.start)]
        beside = Path(sys.executable).parent / words[0]
        if "/" not in words[0] and shutil.which(words[0], path=env.get("PATH")) is None and beside.exists():
            raise SetupError(
                f"{words[0]} is not on the PATH, but it is in {beside.parent}, beside brownout: activate that environment, or "
                f"write its whole path into app.start"
            )
        child = Child.start(words, name=app.name, env=env, cwd=cwd, stdin=DEVNULL, stdout=log, stderr=log)
        return cls(config, f"http://127.0.0.1:{port}", _filled(config.routes, values), child, log, env, cwd)

    @property
    def output(self) -> str:
        """What the app wrote last."""
        return tail(self.log) if self.log else ""

    def check(self) -> None:
        """Raises SetupError when the app has ended."""
        ended = self.child.poll() if self.child else None
        if ended is not None:
            raise SetupError(f"the app ended: {ended}", output=self.output)

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
                    last = f"nothing listens on {self.base_url}" + (": does the app use {port}?" if self.child else "")
                except (httpx.HTTPError, httpx.InvalidURL, ValueError) as e:
                    last = f"GET {ready.path}: {type(e).__name__}"
                time.sleep(0.05)
        raise SetupError(f"the app was not ready within {ready.within:g} s: {last}", output=self.output)

    def stop(self) -> None:
        """Stop the app and everything that it started."""
        if self.child is not None:
            self.child.stop()


def _filled(routes: Mapping[str, RouteSpec], values: Mapping[str, str]) -> dict[str, RouteSpec]:
    """Routes whose commands hold what brownout's placeholders stand for; users' words are filled in for each request."""
    return {
        name: route if route.run is None else replace(route, run=[fill(w, values) for w in words_of(route.run)])
        for name, route in routes.items()
    }
