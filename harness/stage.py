"""The stage of an experiment: backends, the proxy that guards the app, and the app, opened in this order and closed in reverse."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from brownout.faults.doors.process import ProcessConfig
from brownout.faults.values.errors import ConfigError, SetupError
from brownout.faults.values.units import show_seconds
from brownout.harness.app.login import log_in
from brownout.harness.app.running import AppRun
from brownout.harness.app.session import Session
from brownout.harness.app.talk import Talk
from brownout.harness.backends import BackendProcess
from brownout.harness.config.app import AppConfig
from brownout.harness.escape.escapes import Escapes
from brownout.harness.escape.guard import Guard
from brownout.harness.load.asking import asking
from brownout.harness.load.client import Target, Terms
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import Arrival
from brownout.harness.remote import TOKEN, RemoteBackends, check_token

__all__ = ["Elsewhere", "Stage", "elsewhere", "must_be_good"]


@dataclass(frozen=True)
class Elsewhere:
    """Backends that somebody else serves: the address of a ``brownout serve`` and its token."""

    url: str
    token: str


def elsewhere(config: AppConfig, url: str | None) -> Elsewhere | None:
    """The backends that a command line names. Raises ConfigError where an app needs them and there are none."""
    if url is None:
        if config.app.url:
            raise ConfigError(
                "an app that runs already calls backends that run already: start them with brownout serve --app, point the "
                "app at them, and give their address with --backend URL"
            )
        return None
    token = os.environ.get(TOKEN, "")
    if not token:
        raise ConfigError(f"--backend needs the token of that brownout serve in the environment: {TOKEN}")
    check_token(token)
    return Elsewhere(url, token)


@dataclass
class Stage:
    """What stands while an app is tested. `folder` takes the journal, `root` is the folder of brownout.yaml."""

    config: AppConfig
    root: Path
    folder: Path
    served: ProcessConfig
    elsewhere: Elsewhere | None = None
    sessions: dict[str, Session] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._backends: BackendProcess | RemoteBackends | None = None
        self._guard: Guard | None = None
        self._app: AppRun | None = None

    def open_backends(self) -> str:
        """Start the backends, or take hold of those that run elsewhere. Returns where they are. Raises SetupError."""
        there = self.elsewhere
        if there is None:
            self._backends = BackendProcess.start(self.folder, self.served)
        else:
            self._backends = RemoteBackends.start(self.folder, self.served, there.url, there.token)
        where = ", ".join(f"{name} at {origin}" for name, origin in self.origins.items())
        if isinstance(self._backends, RemoteBackends):
            where += f"; clocks compared to within {show_seconds(self._backends.uncertainty)}"
        return where

    def open_app(self) -> str:
        """Start the app behind its guard and wait until it is ready. Returns what to say of it. Raises SetupError."""
        app = self.config.app
        if app.url:
            self._app = AppRun.attach(self.config)
            self._app.wait_ready()
            return f"ready at {app.url}; its calls to other hosts are not seen"
        self._guard = Guard.start(self.folder, self.served.origin_ns, app.allow)
        self._app = AppRun.start(self.folder, self.config, self.origins, self.root, self._guard.url)
        if self._app.child is None:
            return "a command for each request"
        with self.escapes.explained():
            self._app.wait_ready()
        return f"ready at {self._app.base_url}"

    def log_in(self, users: Mapping[str, str]) -> str:
        """Log in the `users` (user to tenant), where the app asks for it. Returns what to say of it. Raises SetupError."""
        if self.config.login is None:
            return ""
        with self.escapes.explained():
            self.sessions = log_in(self.config, self.app.base_url, users)
        return f"{len(self.sessions)} logged in"

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each backend is."""
        return self.backends.origins

    @property
    def backends(self) -> BackendProcess | RemoteBackends:
        assert self._backends is not None
        return self._backends

    @property
    def app(self) -> AppRun:
        assert self._app is not None
        return self._app

    @property
    def escapes(self) -> Escapes:
        """What the app called beyond the backends."""
        return Escapes(self.folder, self.config)

    def ask(self, route: str, number: int, text: str, user: str, tenant: str) -> Sample:
        """One question, outside of the load: from a user who is more patient than those of the launch."""
        patience = 3 * self.config.launch.patience
        app = self.app
        terms = Terms(
            Target.resolve(app.base_url) if app.base_url else None,
            app.routes,
            self.served.origin_ns,
            patience,
            2 * patience,
            self.config.tenants,
            self.sessions,
            app.env,
            app.cwd,
        )
        arrival = Arrival(number, 0.0, "baseline", route, number, text, user, tenant)
        if self.config.routes[route].conversation is None:
            return asking(terms, arrival, time.monotonic_ns()).run()
        return asking(terms, replace(arrival, conversation=user), time.monotonic_ns(), Talk(user)).run()

    def check(self) -> None:
        """Raises SetupError when something that must run has ended."""
        for child in (self._app, self._backends, self._guard):
            if child is not None:
                child.check()

    def close(self) -> None:
        """Stop everything; one that cannot be stopped does not keep the others running."""
        with contextlib.ExitStack() as stopping:
            for child in (self._guard, self._backends, self._app):  # the last is stopped first
                if child is not None:
                    stopping.callback(child.stop)


def must_be_good(route: str, asked: str, sample: Sample, output: str) -> None:
    """Raises SetupError when the answer to a warm-up is not a good and whole one."""
    if sample.end == "complete" and sample.good and sample.text:
        return
    status = f"status {sample.status}: " if sample.head is not None else ""
    why = sample.error or ("an empty answer" if sample.good else f"not good by the rules of route {route!r}")
    raise SetupError(f"warm-up: {asked}: {status}{' '.join(why[:500].split())}", output=output)
