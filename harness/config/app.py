"""brownout.yaml: the app under test, its backends, its route, and the launch that it is made ready for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Literal

from brownout.faults.model.spec import BackendSpec
from brownout.faults.plans.document import Document
from brownout.faults.values.errors import ConfigError
from brownout.faults.values.fault import dialects
from brownout.faults.values.registry import did_you_mean
from brownout.faults.values.units import Seconds

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


def check_path(path: str) -> str:
    """`path` if it is a JSONPath (RFC 9535). Raises ValueError otherwise."""
    import jsonpath_rfc9535 as jsonpath

    try:
        jsonpath.compile(path)
    except jsonpath.JSONPathError as e:
        raise ValueError(f"{path!r} is not a JSONPath such as $.answer: {e}") from None
    return path


@dataclass(frozen=True)
class Ready:
    """How to tell that the app is ready: GET `path` answers below 400, within `within` seconds of its start."""

    path: str = "/"
    within: Seconds = 30.0
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@dataclass(frozen=True)
class AppSpec:
    """How to start the app. A text is split into words as a shell would, but no shell runs it."""

    start: list[str] | str
    name: str = "app"
    cwd: str = "."
    env: dict[str, str] = field(default_factory=dict)
    ready: Ready = field(default_factory=Ready)
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@dataclass(frozen=True)
class SseSpec:
    """An answer as server-sent events: where the text is in a data event, and which events say the end and an error.

    `text` is a JSONPath into the data of unnamed (``message``) events; ``$`` alone takes the data as text. `done` and
    `error` are event names, or a literal ``data`` text such as ``[DONE]``; without `done` the end of the body is the end.
    """

    text: str
    done: str = ""
    error: str = ""
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        check_path(self.text)


@dataclass(frozen=True)
class AnswerSpec:
    """Where the answer is in the reply: `json` (a JSONPath into the body) or `sse`."""

    json: str | None = None
    sse: SseSpec | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        if (self.json is None) == (self.sse is None):
            raise ValueError("write either json: or sse: to say where the answer is")
        if self.json is not None:
            check_path(self.json)


@dataclass(frozen=True)
class ReplyRule:
    """A condition on a reply; what is given must all hold.

    `status` is a number or a class (``2xx``). `event` names a server-sent event whose data is looked at instead of the body
    or answer. `path` picks a value by JSONPath, and `matches` (regex, searched) or `equals` says what it must be; a path alone
    must exist. Without a path, `matches` is searched in the answer's text.
    """

    status: int | str | None = None
    header: dict[str, str] = field(default_factory=dict)
    event: str | None = None
    path: str | None = None
    matches: str | None = None
    equals: str | int | float | bool | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        if isinstance(self.status, str) and not re.fullmatch(r"[1-5](xx|\d\d)", self.status):
            raise ValueError(f"status is a number such as 200 or a class such as 2xx, not {self.status!r}")
        if self.path is not None:
            check_path(self.path)
        try:
            re.compile(self.matches or "")
            for pattern in self.header.values():
                re.compile(pattern)
        except re.error as e:
            raise ValueError(f"not a regular expression: {e}") from None
        if not self.header and all(getattr(self, n) is None for n in ("status", "event", "path", "matches", "equals")):
            raise ValueError("an empty rule would match every reply; give status, header, event, path or matches")


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
    weight: float = 1.0
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ValueError(f"path starts with a slash, not {self.path!r}")
        if not 0 < self.weight < 1e9:
            raise ValueError(f"weight is a number above 0, not {self.weight:g}")
        if "{prompt}" not in f"{self.body}{self.path}{self.headers}":
            raise ValueError("{prompt} must stand somewhere in body, path or headers: it is the user's question")


@dataclass(frozen=True)
class Launch:
    """The launch that the app is made ready for. Loads are multiples of `peak_rps`; expectations refer to the rest.

    `patience` is how long a user waits without seeing anything new before leaving. `budget_per_day` is in US dollars.
    """

    peak_rps: float = 10.0
    requests_per_day: int = 10_000
    budget_per_day: float = 50.0
    ttft_p95: Seconds = 2.0
    total_p95: Seconds = 10.0
    patience: Seconds = 8.0
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        for name in ("peak_rps", "requests_per_day", "budget_per_day", "ttft_p95", "total_p95", "patience"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0")


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

    def _problems(self, document: Document) -> Any:
        if not self.routes:
            yield document.problem(
                ("routes",), "an app without a route cannot be asked", "name one: routes: {chat: {path: /chat, ...}}"
            )
        for name, backend in self.backends.items():
            if backend.dialect not in dialects:
                hint = did_you_mean(backend.dialect, dialects.names())
                yield document.problem(("backends", name, "dialect"), f"unknown dialect {backend.dialect!r}", hint)
        known = self.values({}, 0)
        places: list[tuple[tuple[str | int, ...], str]] = [(("app", "env", k), v) for k, v in self.app.env.items()]
        words = [self.app.start] if isinstance(self.app.start, str) else self.app.start
        places += [(("app", "start", i) if len(words) > 1 else ("app", "start"), w) for i, w in enumerate(words)]
        for at, text in places:
            for name in _PLACEHOLDER.findall(text):
                if name not in known and (name.split(".")[0] in ("backend", "port", "python") or at[1] == "env"):
                    yield document.problem(at, f"unknown placeholder {{{name}}}", did_you_mean(name, sorted(known)))
        if not any("{port}" in w for w in [*words, *self.app.env.values()]):
            yield document.problem(("app", "start"), "the app is not told its port", "put {port} into start or env")

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
