"""What the app called beyond the simulated backends, and what that means for the experiment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from brownout.faults.values.errors import SetupError
from brownout.faults.values.fault import dialects
from brownout.harness.config.app import AppConfig
from brownout.harness.escape.providers import Provider, provider_of
from brownout.harness.journal import read_lines

__all__ = ["JOURNAL", "Escapes", "Stray"]

JOURNAL = "escapes.jsonl"
"""The journal's file in an experiment's folder: one line for each attempt."""


@dataclass(frozen=True)
class Stray:
    """Calls to a provider's API: what was `said` of them, and the `cure`, both for people."""

    place: str
    times: int
    said: str
    cure: str


@dataclass(frozen=True)
class Escapes:
    """The attempts of an app, as they are journalled in `folder`. They may still grow."""

    folder: Path
    config: AppConfig

    def refused(self) -> dict[str, int]:
        """How often each ``host:port`` was refused so far, in the order of the first attempts."""
        counts: dict[str, int] = {}
        for record in read_lines(self.folder / JOURNAL)[0]:
            if not record["allowed"]:
                host, port = record["host"], record["port"]
                place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                counts[place] = max(counts.get(place, 0), record["count"])
        return counts

    def strayed(self) -> tuple[Stray, ...]:
        """Those of `refused` that are a known provider's API."""
        known = [(place, n, found) for place, n in self.refused().items() if (found := provider_of(_host(place)))]
        return tuple(
            Stray(place, n, f"the app called {place} ({name}'s API) {_times(n)}", self._cure(place, provider))
            for place, n, (name, provider) in known
        )

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Setting up: a call to a provider's API raises SetupError in place of what it led to.

        Another error is told together with the hosts that were refused: they may be its cause.
        """
        error: SetupError | None = None
        try:
            yield
        except SetupError as e:
            error = e
        output = error.output if error else ""
        if strayed := self.strayed():
            then = f" What came of it: {error}" if error else ""
            told = " ".join(f"{s.said}; it was refused. {s.cure}" for s in strayed)
            raise SetupError(f"{told}{then}", output=output) from error
        if error is not None:
            refused = self.refused()
            if not refused:
                raise error
            hosts = ", ".join(f"{place} ({_times(n)})" for place, n in refused.items())
            raise SetupError(
                f"{error}. brownout refused what the app called beyond the simulated backends: {hosts}. "
                f"If the app needs it, allow it in brownout.yaml: app.allow: [{', '.join(map(_item, refused))}]",
                output=output,
            ) from error

    def note(self) -> str:
        """What was refused so far, in a few words; empty when nothing was."""
        refused = self.refused()
        return "refused: " + ", ".join(f"{place} ({_times(n)})" for place, n in refused.items()) if refused else ""

    def reasons(self) -> tuple[str, ...]:
        """Why a measurement is unsound: one reason for each provider that the app called."""
        return tuple(
            f"{s.said}, which was refused: what it did about that is not what it does in production. {s.cure}"
            for s in self.strayed()
        )

    def _cure(self, place: str, provider: Provider) -> str:
        """What to write into brownout.yaml."""
        dialect, variable = provider.dialect, provider.base_url
        values = [v for v in self.config.values({}, 0) if v.startswith("backend.") and v.endswith(f".{dialect}")]
        shown = " or ".join(f'"{{{v}}}"' for v in values or [f"backend.NAME.{dialect}"])
        if not values and dialect not in dialects:
            how = "No simulated backend speaks its language: let the app do without it while it is tested"
        else:
            how = "" if values else f"Add a backend with dialect: {dialect} to brownout.yaml. "
            how += "Point that client at a simulated backend "
            if not variable:
                how += f"in app.env, by the variable that it reads its address from: {shown}"
            elif variable in self.config.app.env:
                how += f"({shown}): app.env sets {variable} already, but this client does not go by it"
            else:
                how += f"in app.env: {variable}: {shown}"
        return f"{how}; or let it through: app.allow: [{_item(place)}], with a key of its own in app.env"


def _host(place: str) -> str:
    return place.rpartition(":")[0]


def _item(place: str) -> str:
    """The host as an item of a YAML list."""
    return f'"{_host(place)}"' if place.startswith("[") else _host(place)


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"
