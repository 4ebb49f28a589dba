"""Simulated backends that run elsewhere, in a ``brownout serve``, steered through its admin API."""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from brownout.faults.doors.admin import ADMIN, PROTOCOL
from brownout.faults.doors.process import ProcessConfig
from brownout.faults.plans.wire import to_data
from brownout.faults.values.errors import ConfigError, SetupError, shown
from brownout.faults.values.sink import JsonLines

__all__ = ["TOKEN", "RemoteBackends", "check_token"]

TOKEN = "BROWNOUT_TOKEN"
"""The environment variable that holds the token of a ``brownout serve``."""
ROUND_TRIPS = 15
PAUSE = 0.2
"""Seconds between two looks at the calls."""


def check_token(token: str) -> None:
    """Raises ConfigError for a token that no header can carry."""
    if not (token.isascii() and token.isprintable() and token == token.strip()):
        raise ConfigError(
            f"{TOKEN} is a line of printable ASCII without spaces at its ends; a line break counts as one"
        )


class RemoteBackends:
    """Backends of another process, perhaps of another machine. `origins` maps their names to their addresses.

    The two clocks are compared by the fastest of some round trips; `uncertainty` is half of it, in seconds: what is said
    of times on both sides is right to within as much.
    """

    def __init__(self, client: httpx.Client, config: ProcessConfig, folder: Path) -> None:
        self._client, self._config = client, config
        self._run = f"{folder.name}-{secrets.token_hex(4)}"
        self._journal = JsonLines(folder / "calls.jsonl")
        self._looked = 0.0
        self._after = self._offset = 0
        self._origin = 0
        self.uncertainty = 0.0
        self.origins: Mapping[str, str] = {}

    @classmethod
    def start(cls, folder: Path, config: ProcessConfig, url: str, token: str) -> RemoteBackends:
        """Begin a run on the backends at `url`. Raises SetupError with what to do about it."""
        check_token(token)
        _check_address(url)
        client = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=10.0,
        )
        made = cls(client, config, folder)
        try:
            status = made._compare_clocks()
            made.origins = made._found(status["backends"], url)
            made._origin = status["origin_ns"]
            users = {str(prompt): user for prompt, user in config.users.items()}
            asked = {"seed": config.seed, "key": config.key, "users": users, "plan": to_data(config.plan)}
            made._after = made._ask("POST", "/run", {"run": made._run, **asked})["calls"]
        except BaseException:
            made._close()
            raise
        return made

    def begin(self, at_ns: int) -> None:
        """Let the fault plans begin at a time of this machine's monotonic clock, in nanoseconds."""
        self._ask("POST", "/begin", {"run": self._run, "at_ns": at_ns + self._offset})

    def check(self) -> None:
        """Fetch the calls that have ended. Raises SetupError when the backends cannot be reached, or serve another run."""
        if time.monotonic() - self._looked >= PAUSE:
            self._looked = time.monotonic()
            self._fetch()

    def stop(self) -> None:
        """Fetch the last calls and end the run.

        Raises SetupError when they cannot be had, as a run without them would be judged wrongly; but not in place of an
        exception that is on its way.
        """
        leaving = sys.exception()
        try:
            self._fetch()
        except SetupError:
            if leaving is None:
                raise
        finally:
            with contextlib.suppress(SetupError):
                self._ask("POST", "/end", {"run": self._run})
            self._close()

    def _close(self) -> None:
        self._client.close()
        self._journal.close()

    def _fetch(self) -> None:
        while True:
            lines = self._send("GET", f"/calls?after={self._after}").text.splitlines()
            where, *calls = map(json.loads, lines)
            if where["run"] != self._run:
                other = f"the run {where['run']} has taken them over" if where["run"] else "they were started again"
                raise SetupError(f"the backends at {self._client.base_url} serve this run no more: {other}")
            if where["from"] > self._after:
                raise SetupError(
                    f"the backends dropped {where['from'] - self._after} calls that were not fetched in time"
                )
            for call in calls:
                self._journal.put(self._here(call))
            self._after = where["to"]
            if self._after >= where["of"]:
                return

    def _here(self, call: dict[str, Any]) -> dict[str, Any]:
        """A record with its times in seconds since the run's origin on this machine."""
        shift = (self._origin - self._offset - self._config.origin_ns) / 1e9

        def moved(seconds: float) -> float:
            return round(seconds + shift, 6)

        actions = [[kind, moved(due), moved(done), size] for kind, due, done, size in call["actions"]]
        return {**call, "arrived": moved(call["arrived"]), "ended": moved(call["ended"]), "actions": actions}

    def _compare_clocks(self) -> dict[str, Any]:
        best = 0
        status: dict[str, Any] = {}
        for _ in range(ROUND_TRIPS):
            before = time.monotonic_ns()
            status = self._ask("GET", "/status")
            took = time.monotonic_ns() - before
            if status["protocol"] != PROTOCOL:
                raise SetupError(
                    f"the backends speak version {status['protocol']} of the admin API, this is {PROTOCOL}"
                )
            if not best or took < best:
                best, self._offset = took, status["now_ns"] - (before + took // 2)
        self.uncertainty = best / 2e9
        # One machine has one monotonic clock: what is less than the uncertainty is no difference.
        if abs(self._offset) <= best:
            self._offset = 0
        return status

    def _found(self, backends: Mapping[str, Mapping[str, str]], url: str) -> dict[str, str]:
        """Where each backend of the configuration is; SetupError where one is missing or another."""
        for name, spec in self._config.backends.items():
            there = backends.get(name)
            if there is None:
                raise SetupError(
                    f"{url} serves {', '.join(backends)}, but brownout.yaml has a backend {name}: brownout serve --app"
                )
            if there["dialect"] != spec.dialect:
                raise SetupError(f"backend {name} at {url} speaks {there['dialect']}, in brownout.yaml {spec.dialect}")
        host = httpx.URL(url).host
        # A server that listens on every interface does not know by which address it is reached.
        return {name: str(httpx.URL(there["origin"]).copy_with(host=host)) for name, there in backends.items()}

    def _ask(self, method: str, path: str, data: object = None) -> dict[str, Any]:
        reply = self._send(method, path, data)
        try:
            found: dict[str, Any] = reply.json()
        except ValueError:
            found = {}
        if not isinstance(found, dict) or "protocol" not in found:
            raise SetupError(f"{self._client.base_url} is no brownout serve: something else answers there")
        return found

    def _send(self, method: str, path: str, data: object = None) -> httpx.Response:
        where = str(self._client.base_url).rstrip("/")
        try:
            reply = self._client.request(method, ADMIN + path, json=data)
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise SetupError(
                f"the backends at {where} cannot be reached ({type(e).__name__}): brownout serve"
            ) from None
        if reply.status_code == 401:
            raise SetupError(f"{where} does not take the token: set {TOKEN} to the one that brownout serve printed")
        if reply.status_code == 404:
            raise SetupError(f"{where} is no brownout serve with an admin API")
        if reply.status_code != 200:
            raise SetupError(
                f"{where}: {method} {path.partition('?')[0]} answered {reply.status_code}: {reply.text[:300]}"
            )
        return reply


def _check_address(url: str) -> None:
    try:
        given = httpx.URL(url)
    except httpx.InvalidURL:
        given = httpx.URL()
    if given.scheme not in ("http", "https") or not given.host:
        raise ConfigError(f"--backend is an address such as http://127.0.0.1:8099, not {shown(url)}")
