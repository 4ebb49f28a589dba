"""brownout.yaml: the app under test, its backends, its route, and the launch that it is made ready for."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from brownout.faults.model.spec import BackendSpec
from brownout.faults.plans.document import Document
from brownout.faults.values.errors import ConfigError, Problem, shown
from brownout.faults.values.fault import dialects
from brownout.faults.values.registry import did_you_mean
from brownout.faults.values.units import Between, Number, Seconds, show_seconds
from brownout.harness.config.answer import AnswerSpec, SseSpec
from brownout.harness.config.rule import ReplyRule, schema_mistakes
from brownout.harness.escape.hosts import HostPattern

__all__ = [
    "AnswerSpec",
    "AppConfig",
    "AppSpec",
    "Launch",
    "Ready",
    "ReplyRule",
    "RouteSpec",
    "SseSpec",
    "WaiverSpec",
    "fill",
]

_FORBID: dict[str, Any] = {"extra": "forbid"}
_PLACEHOLDER = re.compile(r"\{([^{}\s]+)\}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token, RFC 9110 section 5.6.2
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")  # field-content, RFC 9110 section 5.5
MOST_RPS, LONGEST_WAIT = 100_000, 3600.0
"""The highest rate, and the longest that anything waits for the app: beyond both lies a mistake in writing."""


def _check_path(path: str) -> None:
    if not path.startswith("/"):
        raise ValueError(f"path starts with a slash, not {shown(path)}")
    if not path.isprintable():
        raise ValueError("path holds a control character")


class _Command:
    """Pydantic metadata: a command is a text that can be split into words, or a list of texts."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(_command)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> Any:
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}


def _command(given: object) -> list[str] | str:
    if isinstance(given, str):
        try:
            words = shlex.split(given)
        except ValueError as e:
            raise ValueError(f"cannot be split into words as a shell would: {str(e).lower()}") from None
        if words:
            return given
    elif isinstance(given, list) and given and all(isinstance(word, str) for word in given) and given[0]:
        return given
    raise ValueError(f"a command is a text or a list of texts, not {shown(given)}")


@dataclass(frozen=True)
class Ready:
    """How to tell that the app is ready: GET `path` answers below 400, within `within` seconds of its start."""

    path: str = "/"
    within: Seconds = 30.0
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        _check_path(self.path)
        if self.within > LONGEST_WAIT:
            raise ValueError(f"within is at most {show_seconds(LONGEST_WAIT)}")


@dataclass(frozen=True)
class AppSpec:
    """How to start the app. A text is split into words as a shell would, but no shell runs it.

    `allow` are the hosts, beyond the simulated backends, that it may call while it is tested.
    """

    start: Annotated[list[str] | str, _Command()]
    name: str = "app"
    cwd: str = "."
    env: dict[str, str] = field(default_factory=dict)
    ready: Ready = field(default_factory=Ready)
    allow: list[HostPattern] = field(default_factory=list)
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        for name in self.env:
            if not name or "=" in name:
                raise ValueError(f"env: {shown(name)} cannot be the name of a variable")


@dataclass(frozen=True)
class RouteSpec:
    """One way in which users ask the app. ``{prompt}`` and ``{user}`` in `body` and `headers` are filled in.

    Of several routes each gets a share of the requests by its `weight`. A reply is good when any rule of `good` holds (default: status 2xx), and degraded when any of `degraded` does.
    """

    path: str
    answer: AnswerSpec
    method: Literal["POST", "GET", "PUT"] = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    good: list[ReplyRule] = field(default_factory=list)
    degraded: list[ReplyRule] = field(default_factory=list)
    weight: Number = 1.0
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        _check_path(self.path)
        if not 0 < self.weight < 1e9:
            raise ValueError(f"weight is a number above 0, not {self.weight:g}")
        if "{prompt}" not in f"{self.body}{self.path}{self.headers}":
            raise ValueError("{prompt} must stand somewhere in body, path or headers: it is the user's question")
        for name, value in self.headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"headers: {shown(name)} cannot be the name of a header")
            if not _HEADER_VALUE.fullmatch(value):
                raise ValueError(f"headers: {shown(name)} holds a character that no header can (Latin-1, on one line)")
        try:
            json.dumps(self.body, allow_nan=False)
        except (TypeError, ValueError) as e:  # a date, for example, which YAML knows and JSON does not
            raise ValueError(f"body holds what JSON does not have ({e}); write it in quotes") from None


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
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

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
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        if not self.reason.strip() or not self.owner.strip():
            raise ValueError("a waiver has a reason and an owner")


@dataclass(frozen=True)
class AppConfig:
    """A whole brownout.yaml."""

    app: AppSpec
    routes: dict[str, RouteSpec]
    backends: dict[str, BackendSpec] = field(default_factory=lambda: {"primary": BackendSpec()})
    launch: Launch = field(default_factory=Launch)
    waivers: list[WaiverSpec] = field(default_factory=list)
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

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
        if not self.backends:
            yield document.problem(("backends",), "an app without a backend has nothing to fail", "primary: {}")
        yield from self._schema_problems(document)
        known = self.values({}, 0)
        places: list[tuple[tuple[str | int, ...], str]] = [(("app", "env", k), v) for k, v in self.app.env.items()]
        words = [self.app.start] if isinstance(self.app.start, str) else self.app.start
        places += [(("app", "start", i) if len(words) > 1 else ("app", "start"), w) for i, w in enumerate(words)]
        for at, text in places:
            for name in _PLACEHOLDER.findall(text):
                if name not in known and (name.split(".")[0] in ("backend", "port", "python") or at[1] == "env"):
                    yield document.problem(
                        at, f"unknown placeholder {{{name[:60]}}}", did_you_mean(name, sorted(known))
                    )
        if not any("{port}" in w for w in [*words, *self.app.env.values()]):
            yield document.problem(("app", "start"), "the app is not told its port", "put {port} into start or env")

    def _schema_problems(self, document: Document) -> Iterator[Problem]:
        for name, route in self.routes.items():
            for kind in ("good", "degraded"):
                for i, rule in enumerate(getattr(route, kind)):
                    if rule.schema is not None:
                        for place, message in schema_mistakes(rule.schema):
                            yield document.problem(("routes", name, kind, i, "schema", *place), message)

    def values(self, origins: Mapping[str, str], port: int) -> dict[str, str]:
        """What placeholders in `start` and `env` stand for, given each backend's origin and the app's port."""
        import sys

        values = {"port": str(port), "python": sys.executable}
        for name, spec in self.backends.items():
            origin = origins.get(name, "")
            values[f"backend.{name}.origin"] = origin
            if spec.dialect in dialects:
                values[f"backend.{name}.{spec.dialect}"] = dialects.get(spec.dialect)().base_url(origin)
        return values


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with ``{name}`` replaced by its value; a brace that names nothing stays as it is."""
    return _PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), text)
