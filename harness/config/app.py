"""brownout.yaml: the app under test, its backends, its route, and the launch that it is made ready for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar

from brownout.faults.doors.admin import ADMIN
from brownout.faults.model.spec import BackendSpec
from brownout.faults.plans.document import Document, Location
from brownout.faults.values.errors import ConfigError, Problem, shown
from brownout.faults.values.fault import dialects
from brownout.faults.values.registry import did_you_mean
from brownout.faults.values.units import Between, Number, Seconds, show_seconds
from brownout.harness.config.access import LoginSpec, TenantSpec
from brownout.harness.config.answer import AnswerSpec, SseSpec
from brownout.harness.config.fields import FORBID, LONGEST_WAIT, fill, placeholders, texts, words_of
from brownout.harness.config.route import ConversationSpec, RouteSpec
from brownout.harness.config.rule import ReplyRule, schema_mistakes
from brownout.harness.config.start import AppSpec, Ready, Watched

__all__ = [
    "AnswerSpec",
    "AppConfig",
    "AppSpec",
    "ConversationSpec",
    "Launch",
    "LoginSpec",
    "Ready",
    "ReplyRule",
    "RouteSpec",
    "SseSpec",
    "TenantSpec",
    "WaiverSpec",
    "Watched",
    "fill",
]

_OURS = ("backend", "backends", "port", "python")
"""What a placeholder of ours begins with: another brace in a command is the app's own."""

MOST_RPS = 100_000
"""The highest rate: beyond it lies a mistake in writing."""


@dataclass(frozen=True)
class Launch:
    """The launch that the app is made ready for. Loads are multiples of `peak_rps`; expectations refer to the rest.

    `patience` is how long a user waits without seeing anything new before leaving. `budget_per_day` is in US dollars.
    """

    peak_rps: Number = 10.0
    requests_per_day: Annotated[int, Between(1, 10**12)] = 10_000
    budget_per_day: Number = 50.0
    ttft_p95: Seconds = 2.0
    total_p95: Seconds = 10.0
    patience: Seconds = 8.0
    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    def __post_init__(self) -> None:
        for name in ("peak_rps", "requests_per_day", "budget_per_day", "ttft_p95", "total_p95", "patience"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0")
        if self.peak_rps > MOST_RPS:
            raise ValueError(f"peak_rps is in requests a second, at most {MOST_RPS:,}, not {self.peak_rps:g}")
        if self.patience > LONGEST_WAIT:
            raise ValueError(f"patience is at most {show_seconds(LONGEST_WAIT)}")


@dataclass(frozen=True)
class WaiverSpec:
    """A decision to launch in spite of a check that fails or cannot tell, until the end of the day `expires`."""

    check: str
    reason: str
    owner: str
    expires: date
    experiment: str | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    def __post_init__(self) -> None:
        if not self.reason.strip() or not self.owner.strip():
            raise ValueError("a waiver has a reason and an owner")


@dataclass(frozen=True)
class AppConfig:
    """A whole brownout.yaml."""

    app: AppSpec
    routes: dict[str, RouteSpec]
    backends: dict[str, BackendSpec] = field(default_factory=lambda: {"primary": BackendSpec()})
    tenants: dict[str, TenantSpec] = field(default_factory=dict)
    login: LoginSpec | None = None
    launch: Launch = field(default_factory=Launch)
    waivers: list[WaiverSpec] = field(default_factory=list)
    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    @classmethod
    def read(cls, path: Path) -> AppConfig:
        """Read a brownout.yaml. Raises ConfigError with every mistake in it."""
        document = Document.read(path)
        made = document.validate(cls)
        problems = list(made._problems(document))
        if problems:
            raise ConfigError(*problems)
        return made

    def _problems(self, document: Document) -> Iterator[Problem]:
        if not self.routes:
            yield document.problem(
                ("routes",), "an app without a route cannot be asked", "name one: routes: {chat: {path: /chat, ...}}"
            )
        for name, backend in self.backends.items():
            if backend.dialect not in dialects:
                hint = did_you_mean(backend.dialect, dialects.names())
                yield document.problem(("backends", name, "dialect"), f"unknown dialect {shown(backend.dialect)}", hint)
                continue
            known = dialects.get(backend.dialect)().endpoints
            for i, rule in enumerate(backend.answers):
                if rule.endpoint and rule.endpoint not in known:
                    at, hint = ("backends", name, "answers", i, "endpoint"), did_you_mean(rule.endpoint, list(known))
                    yield document.problem(at, f"{backend.dialect} has no endpoint {shown(rule.endpoint)}", hint)
        yield from self._prefix_problems(document)
        if not self.backends:
            yield document.problem(("backends",), "an app without a backend has nothing to fail", "primary: {}")
        yield from self._schema_problems(document)
        yield from self._start_problems(document)
        yield from self._route_problems(document)

    def _prefix_problems(self, document: Document) -> Iterator[Problem]:
        """Prefixes by which a path would not tell which backend is meant."""
        taken: dict[str, str] = {}
        for name, backend in self.backends.items():
            prefix, at = backend.prefix, ("backends", name, "prefix")
            if not prefix:
                continue
            if prefix == ADMIN or prefix.startswith(f"{ADMIN}/"):
                yield document.problem(at, f"{ADMIN} is brownout's own path")
            for other, its in taken.items():
                if f"{prefix}/".startswith(f"{other}/") or f"{other}/".startswith(f"{prefix}/"):
                    hint = "give each a first part of its own, such as /openai and /anthropic"
                    yield document.problem(at, f"a path below {prefix} could mean {its} or {name}", hint)
            taken[prefix] = name

    def _start_problems(self, document: Document) -> Iterator[Problem]:
        """Placeholders in `start`, `env` and `run`, and whether the app is told its port."""
        app, served = self.app, [name for name, route in self.routes.items() if route.run is None]
        words = [app.start] if isinstance(app.start, str) else app.start or []
        places: list[tuple[Location, str]] = [(("app", "env", k), v) for k, v in app.env.items()]
        places += [(("app", "start", i) if len(words) > 1 else ("app", "start"), w) for i, w in enumerate(words)]
        known = self.values({}, 0)
        for at, text in places:
            for name in placeholders(text):
                if name not in known and (name.split(".")[0] in _OURS or at[1] == "env"):
                    hint = did_you_mean(name, sorted(known))
                    yield document.problem(at, f"unknown placeholder {{{name[:60]}}}", hint)
        if app.start is not None and not any("{port}" in w for w in [*words, *app.env.values()]):
            yield document.problem(("app", "start"), "the app is not told its port", "put {port} into start or env")
        if served and app.start is None and not app.url:
            hint = "start: a command, url: where it runs already, or routes that run a command"
            yield document.problem(("app",), f"route {served[0]!r} asks an app that nobody starts", hint)
        if not served and (app.start is not None or app.url):
            hint = "leave out app.start and app.url, or give a route a path"
            yield document.problem(("app",), "nothing asks the app: every route runs a command of its own", hint)
        for name, route in self.routes.items():
            for at, text in texts(words_of(route.run) if route.run is not None else [], ("routes", name, "run")):
                for placeholder in placeholders(text):
                    if placeholder not in known and placeholder.split(".")[0] in _OURS:
                        hint = did_you_mean(placeholder, sorted(known))
                        yield document.problem(at[:3], f"unknown placeholder {{{placeholder[:60]}}}", hint)

    def _route_problems(self, document: Document) -> Iterator[Problem]:
        """Backends that routes need, and placeholders that nothing fills."""
        for name, route in self.routes.items():
            for i, needed in enumerate(route.needs):
                if needed not in self.backends:
                    hint = did_you_mean(needed, sorted(self.backends))
                    yield document.problem(("routes", name, "needs", i), f"unknown backend {shown(needed)}", hint)
            talk = route.conversation.take if route.conversation else {}
            known = {f"conversation.{n}" for n in talk} | {
                f"login.{n}" for n in (self.login.take if self.login else {})
            }
            for part in ("path", "headers", "body"):
                for at, text in texts(getattr(route, part)):
                    yield from self._unfilled(document, ("routes", name, part, *at), text, known)
        for name, tenant in self.tenants.items():
            for at, text in texts(tenant.headers):
                yield from self._unfilled(document, ("tenants", name, "headers", *at), text, set())
        for part in ("path", "headers", "body", "form"):
            for at, text in texts(getattr(self.login, part, None)):
                yield from self._unfilled(document, ("login", part, *at), text, set())

    @staticmethod
    def _unfilled(document: Document, at: Location, text: str, known: set[str]) -> Iterator[Problem]:
        for name in placeholders(text):
            sort, _, variable = name.partition(".")
            if sort == "env" and variable and variable not in os.environ:
                hint = f"set {variable} in the environment of brownout"
                yield document.problem(at, f"there is no variable for {{{name[:60]}}}", hint)
            elif sort in ("login", "conversation") and variable and name not in known:
                hint = (
                    known and did_you_mean(name, sorted(known))
                ) or f"take it: {sort}: {{take: {{{variable}: $.…}}}}"
                yield document.problem(at, f"nothing is taken for {{{name[:60]}}}", hint)

    def _schema_problems(self, document: Document) -> Iterator[Problem]:
        for name, route in self.routes.items():
            for kind in ("good", "degraded"):
                for i, rule in enumerate(getattr(route, kind)):
                    if rule.schema is not None:
                        for place, message in schema_mistakes(rule.schema):
                            yield document.problem(("routes", name, kind, i, "schema", *place), message)

    @property
    def least(self) -> int:
        """How many opportunities an invariant needs to pass: fewer for commands, of which nobody can run hundreds."""
        return 3 if all(route.run is not None for route in self.routes.values()) else 20

    def values(self, origins: Mapping[str, str], port: int) -> dict[str, str]:
        """What placeholders in `start` and `env` stand for, given each backend's origin and the app's port."""
        import sys

        values = {"port": str(port), "python": sys.executable}
        if shared := [(origins.get(n, ""), s.prefix) for n, s in self.backends.items() if s.prefix]:
            values["backends.origin"] = shared[0][0].removesuffix(shared[0][1])
        for name, spec in self.backends.items():
            origin = origins.get(name, "")
            values[f"backend.{name}.origin"] = origin
            if spec.dialect in dialects:
                values[f"backend.{name}.{spec.dialect}"] = dialects.get(spec.dialect)().base_url(origin)
        return values
