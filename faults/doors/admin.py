"""The admin API of ``brownout serve``: steers simulated backends that run elsewhere. Sans I/O.

Everything below ``/_brownout/`` needs the token, as ``authorization: Bearer TOKEN`` or ``x-brownout-token: TOKEN``; what a
browser sends (with an Origin) is refused. It is JSON over HTTP: ``GET status``; ``GET``, ``PUT``, ``DELETE plan``; and for a
run ``POST run``, ``POST begin``, ``GET calls?after=N`` and ``POST end``. Times are nanoseconds of the server's monotonic clock.

A run holds the backends until it ends or another run begins: its plan is not changed meanwhile, and what is asked in its
name is refused afterwards, so that nothing is measured with the faults of another.
"""

from __future__ import annotations

import hmac
import json
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol
from urllib.parse import parse_qsl

from brownout.faults.doors.backend import Backend, Shared
from brownout.faults.model.watermark.text import Codec
from brownout.faults.plans.document import Document
from brownout.faults.plans.load import parse_plan
from brownout.faults.plans.plan import FaultPlan
from brownout.faults.plans.wire import from_data
from brownout.faults.values.ask import WireRequest
from brownout.faults.values.clock import NS, Clock, since
from brownout.faults.values.errors import ConfigError

__all__ = ["ADMIN", "PROTOCOL", "Admin", "Told"]

ADMIN = "/_brownout"
PROTOCOL = 1
MOST_CALLS = 200_000
"""Records that are kept for a run that fetches them; older ones are dropped, and it is told."""
PAGE = 2_000
FURTHEST = 24 * 3600 * NS
"""How far from now a plan may begin, in nanoseconds: what lies beyond is a time of another clock."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is answered."""

    status: int
    body: bytes
    type: str = "application/json"


class Steered(Protocol):
    """What the API steers: a `Server`."""

    origin_ns: int
    clock: Clock

    @property
    def backends(self) -> Mapping[str, Backend]: ...
    def begin(self, at_ns: int) -> None: ...
    def renew(self, plan: FaultPlan, shared: Shared) -> None: ...


class _RefusedError(Exception):
    """An admin request that cannot be granted: status and reason."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Admin:
    """Answers admin requests. `own` are the plan and the secrets that the server began with, which it has between runs."""

    def __init__(self, token: str, own: tuple[FaultPlan, Shared]) -> None:
        self._token, self._own = token, own
        self._server: Steered | None = None
        self._origins: Mapping[str, str] = {}
        self._plan = own[0]
        self._shared = own[1]
        self._calls: deque[Mapping[str, object]] = deque(maxlen=MOST_CALLS)
        self._seen = 0
        self._decided: Counter[str] = Counter()
        self._injected: Counter[str] = Counter()
        self._run = ""
        self._run_began = float("-inf")

    def attach(self, server: Steered, origins: Mapping[str, str]) -> None:
        """Steer `server`, whose backends clients reach at `origins`."""
        self._server, self._origins = server, origins

    def note(self, record: Mapping[str, object]) -> None:
        """Take in the record of a call. One that came before the run is none of it."""
        arrived: Any = record["arrived"]
        if arrived < self._run_began:
            return
        self._calls.append(record)
        self._seen += 1
        faults: Any = record["faults"]
        for fault in faults:
            self._decided[fault["rule"]] += 1
            self._injected[fault["rule"]] += fault["injected"]

    def handle(self, request: WireRequest) -> Told:
        """The answer to a request below ``/_brownout``; never raises for what it holds."""
        try:
            return self._answer(request)
        except _RefusedError as e:
            return _json(e.status, {"error": str(e)})
        except ConfigError as e:
            return _json(400, {"error": "; ".join(map(str, e.problems))})
        except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as e:
            return _json(400, {"error": f"{type(e).__name__}: {e}"[:500]})

    def _answer(self, request: WireRequest) -> Told:
        path, _, query = request.path.partition("?")
        self._check(request)
        actions: dict[tuple[str, str], Callable[..., Any]] = {
            ("GET", "/status"): self._status,
            ("GET", "/plan"): self._show_plan,
            ("PUT", "/plan"): self._put_plan,
            ("DELETE", "/plan"): self._no_plan,
            ("POST", "/run"): self._begin_run,
            ("POST", "/begin"): self._begin,
            ("POST", "/end"): self._end_run,
        }
        action = actions.get((request.method, path.removeprefix(ADMIN)))
        if path == ADMIN + "/calls" and request.method == "GET":
            return self._list_calls(dict(parse_qsl(query)))
        if action is None:
            raise _RefusedError(404, f"there is no {request.method} {path[:100]}; see GET {ADMIN}/status")
        return _json(200, action(request.body) if request.method in ("PUT", "POST") else action())

    def _check(self, request: WireRequest) -> None:
        if "origin" in request.headers:
            raise _RefusedError(403, "pages in a browser cannot steer backends")
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        given = request.headers.get("x-brownout-token", bearer).strip()
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode("utf-8", "replace")):
            raise _RefusedError(401, "the token is missing or wrong: authorization: Bearer TOKEN")

    @property
    def _steered(self) -> Steered:
        assert self._server is not None
        return self._server

    def _status(self) -> dict[str, Any]:
        server = self._steered
        backends = {
            name: {
                "dialect": backend.spec.dialect,
                "prefix": backend.spec.prefix,
                "origin": self._origins[name],
                "base_url": backend.dialect.base_url(self._origins[name]),
            }
            for name, backend in server.backends.items()
        }
        return {
            "protocol": PROTOCOL,
            "now_ns": server.clock.now_ns(),
            "origin_ns": server.origin_ns,
            "seed": self._shared.seed,
            "run": self._run,
            "calls": self._seen,
            "backends": backends,
        }

    def _show_plan(self) -> dict[str, Any]:
        return {
            "faults": [
                {
                    "rule": rule.id,
                    "label": rule.label,
                    "fault": f"{rule.fault.name} {rule.fault}".strip(),
                    "decided": self._decided[rule.id],
                    "injected": self._injected[rule.id],
                }
                for rule in self._plan.rules
            ]
        }

    def _put_plan(self, body: bytes) -> dict[str, Any]:
        self._check_free()
        document = Document.parse(body.decode("utf-8"), "plan")
        self._use(parse_plan(document, list(self._steered.backends)), self._shared)
        self._steered.begin(self._steered.clock.now_ns())
        return self._show_plan()

    def _no_plan(self) -> dict[str, Any]:
        self._check_free()
        self._use(FaultPlan(), self._shared)
        return self._show_plan()

    def _begin_run(self, body: bytes) -> dict[str, Any]:
        """Begin a run: its plan, seed, watermark key and users. A run that is going on is ended by it."""
        given = _read(body, run=str, seed=int, key=str, users=dict, plan=list)
        if not given["run"]:
            raise ValueError("run is empty: that is no name")
        given["key"].encode()  # the watermark is made of its bytes
        users = {int(prompt): str(user) for prompt, user in given["users"].items()}
        shared = Shared(given["seed"], Codec(given["key"]), users)
        self._use(from_data(given["plan"]), shared)
        self._calls.clear()
        self._run = given["run"]
        self._run_began = since(self._steered.origin_ns, self._steered.clock.now_ns())
        return self._status()

    def _begin(self, body: bytes) -> dict[str, Any]:
        given, now = _read(body, at_ns=int), self._steered.clock.now_ns()
        self._check_holds(given)
        if abs(given["at_ns"] - now) > FURTHEST:
            raise ValueError(f"at_ns is a time of this server's monotonic clock, on which it is {now}")
        self._steered.begin(given["at_ns"])
        return self._status()

    def _end_run(self, body: bytes) -> dict[str, Any]:
        self._check_holds(_read(body or b"{}"))
        self._run = ""
        self._use(*self._own)
        self._steered.begin(self._steered.clock.now_ns())
        return self._status()

    def _check_holds(self, given: Mapping[str, Any]) -> None:
        """Where a run says its name, it is the one that holds the backends."""
        if given.get("run", self._run) != self._run:
            raise _RefusedError(409, f"{self._run or 'no run'} holds the backends now")

    def _check_free(self) -> None:
        if self._run:
            raise _RefusedError(409, f"the run {self._run} holds the backends: POST {ADMIN}/end ends it")

    def _use(self, plan: FaultPlan, shared: Shared) -> None:
        self._steered.renew(plan, shared)
        self._plan, self._shared = plan, shared
        self._decided.clear()
        self._injected.clear()

    def _list_calls(self, query: Mapping[str, str]) -> Told:
        """The calls after number `after` of those since the server began, as JSON lines; the first line says how far."""
        oldest = self._seen - len(self._calls)
        after = min(max(int(query.get("after", oldest)), oldest), self._seen)
        page = list(islice(self._calls, after - oldest, after - oldest + PAGE))
        lines = [{"run": self._run, "from": after, "to": after + len(page), "of": self._seen}, *page]
        body = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        return Told(200, body.encode(), "application/x-ndjson")


_KINDS = {str: "a text", int: "a whole number", dict: "a mapping", list: "a list"}


def _read(body: bytes, **kinds: type) -> dict[str, Any]:
    """The JSON object in a body, in which each of `kinds` is there. Raises ValueError for anything else."""
    data = json.loads(body)
    if not isinstance(data, dict):
        raise ValueError("expected a JSON object")
    for name, kind in kinds.items():
        if not isinstance(data.get(name), kind) or isinstance(data[name], bool):
            raise ValueError(f"{name} is missing, or not {_KINDS[kind]}")
    return data


def _json(status: int, data: object) -> Told:
    return Told(status, json.dumps(data).encode() + b"\n")
