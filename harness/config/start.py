"""The app under test: how it is started, or where it runs already, and what is watched while it is tested."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from brownout.faults.values.errors import shown
from brownout.faults.values.units import Seconds, show_seconds
from brownout.harness.config.fields import FORBID, LONGEST_WAIT, Command, check_url_path
from brownout.harness.escape.hosts import HostPattern

__all__ = ["AppSpec", "Ready", "Watched"]


@dataclass(frozen=True)
class Ready:
    """How to tell that the app is ready: GET `path` answers below 400, within `within` seconds of its start."""

    path: str = "/"
    within: Seconds = 30.0
    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    def __post_init__(self) -> None:
        check_url_path(self.path)
        if self.within > LONGEST_WAIT:
            raise ValueError(f"within is at most {show_seconds(LONGEST_WAIT)}")


@dataclass(frozen=True)
class Watched:
    """A URL of the app that is read during an experiment: GET `path`, `every` so many seconds."""

    path: str
    every: Seconds = 1.0
    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    def __post_init__(self) -> None:
        check_url_path(self.path)
        if not 0.2 <= self.every <= LONGEST_WAIT:
            raise ValueError(f"every is from 0.2s to {show_seconds(LONGEST_WAIT)}")


@dataclass(frozen=True)
class AppSpec:
    """How to start the app (`start`), or where it runs already (`url`). An app of commands alone has neither.

    `start` is split into words as a shell would, but no shell runs it. `allow` are the hosts, beyond the simulated
    backends, that the app may call while it is tested. `health` is read while the app is tested, and so are `metrics`, in
    the text format of Prometheus; both become part of the journal.
    """

    start: Annotated[list[str] | str | None, Command()] = None
    url: str = ""
    name: str = "app"
    cwd: str = "."
    env: dict[str, str] = field(default_factory=dict)
    ready: Ready = field(default_factory=Ready)
    allow: list[HostPattern] = field(default_factory=list)
    health: Watched | None = None
    metrics: Watched | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    def __post_init__(self) -> None:
        for name in self.env:
            if not name or "=" in name:
                raise ValueError(f"env: {shown(name)} cannot be the name of a variable")
        if not self.url:
            return
        if self.start is not None:
            raise ValueError("write start for an app that brownout starts, or url for one that runs already; not both")
        if self.env or self.cwd != "." or self.allow:
            raise ValueError("env, cwd and allow are for an app that brownout starts: one at a url has them already")
        at = urlsplit(self.url)
        if at.scheme not in ("http", "https") or not at.hostname or at.path.rstrip("/") or at.query:
            raise ValueError(f"url is an address such as http://127.0.0.1:8000, without a path, not {shown(self.url)}")
