"""The TCP door: simulated backends on ports of their own, each call journalled with due and delivered times."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

from brownout.faults.doors.admin import ADMIN, Admin, Told
from brownout.faults.doors.backend import Backend, Exchange, Shared
from brownout.faults.doors.http import Connection, complain
from brownout.faults.doors.player import Gone, Played, Timeline, play
from brownout.faults.plans.plan import FaultPlan
from brownout.faults.values.ask import WireRequest
from brownout.faults.values.clock import Clock, RealClock, since
from brownout.faults.values.errors import SetupError
from brownout.faults.values.fault import Accept, Failure
from brownout.faults.values.reply import Action, Data, Head
from brownout.faults.values.sink import Sink

__all__ = ["Server"]


@dataclass
class Server:
    """Serves backends over TCP. `origin_ns` is the zero of the journal's times; a plan begins when `begin` is called.

    A backend has a port of its own, or shares one with others that have a prefix too. Nothing tells whose a new connection
    to a shared port is, so faults that act on connections hit it there, whichever of its backends they are for.
    `admin` answers what comes below ``/_brownout/`` on any port, and no fault does anything to that; without it that is a
    path like any other.
    """

    backends: Mapping[str, Backend]
    sink: Sink
    origin_ns: int
    clock: Clock = field(default_factory=RealClock)
    on_call: Callable[[Mapping[str, object]], None] | None = None
    admin: Admin | None = None

    def __post_init__(self) -> None:
        self._began_ns: int | None = None
        self._ports: list[_Port] = []

    async def listen(self, host: str = "127.0.0.1", ports: Mapping[str, int] | None = None) -> dict[str, str]:
        """Open the listeners. Returns each backend's origin (``http://host:port``). Raises SetupError for a taken port."""
        loop, origins = asyncio.get_running_loop(), {}
        alone = [(name,) for name, backend in self.backends.items() if not backend.spec.prefix]
        shared = tuple(name for name, backend in self.backends.items() if backend.spec.prefix)
        for names in [*alone, shared] if shared else alone:
            name = names[0]
            wanted = (ports or {}).get(name, 0)
            port = _Port(self, names)
            try:
                listener = await loop.create_server(partial(Connection, port, loop), host, wanted, backlog=2048)
            except OSError as e:
                raise SetupError(f"backend {name} cannot listen on {host}:{wanted}: {e.strerror or e}") from None
            port.listener = listener
            self._ports.append(port)
            family, address = listener.sockets[0].family, listener.sockets[0].getsockname()
            shown = f"[{address[0]}]" if family == socket.AF_INET6 else address[0]
            for served in names:
                origins[served] = f"http://{shown}:{address[1]}{self.backends[served].spec.prefix}"
        return {name: origins[name] for name in self.backends}

    def begin(self, at_ns: int) -> None:
        """Start the fault plans: their time zero is `at_ns`. Until then every backend is healthy."""
        self._began_ns = at_ns

    def renew(self, plan: FaultPlan, shared: Shared) -> None:
        """Go on with other plans, seeds and watermarks, as if just started: the plan has not begun."""
        self.backends = {name: Backend(name, b.spec, plan, shared) for name, b in self.backends.items()}
        self._began_ns = None

    def plan_time(self, at_ns: int) -> float:
        """Seconds since the plans began; minus infinity before."""
        return float("-inf") if self._began_ns is None else (at_ns - self._began_ns) / 1e9

    async def stop(self) -> None:
        """Close listeners and connections. Calls that are being answered are recorded as ``unfinished``."""
        for port in self._ports:
            if port.listener is not None:
                port.listener.close()
        tasks = [t for port in self._ports for c in tuple(port.connections) if (t := c.stop())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def record(self, backend: Backend, exchange: Exchange, arrived_ns: int, timeline: Timeline) -> None:
        """Write the journal's record of one call."""

        def at(ns: int) -> float:
            return since(self.origin_ns, ns)

        try:
            known = exchange.record(backend.spec)
        except Exception as e:  # noqa: BLE001 - the call is not lost with what cannot be told of it
            complain(f"the record of call {exchange.number}", e)
            timeline.end = "broken"
            known = backend.unread().record(backend.spec) | {"call": exchange.number}
        record: dict[str, object] = {
            **known,
            "arrived": at(arrived_ns),
            "ended": at(self.clock.now_ns()),
            "queued": round(timeline.queued_ns / 1e9, 6),
            "status": timeline.status,
            "end": timeline.end,
            "retry_after": exchange.retry_after,
            "actions": [[p.kind, at(p.due_ns), at(p.done_ns), p.size] for p in timeline.played],
        }
        self.sink.put(record)
        if self.on_call:
            self.on_call(record)


class _Port:
    """One listener, for one backend or for all that have a prefix: what its connections need."""

    def __init__(self, server: Server, names: tuple[str, ...]) -> None:
        self.server, self._names = server, names
        self.clock = server.clock
        self.listener: asyncio.Server | None = None
        self.connections: set[Connection] = set()
        self._numbers = count(1)

    @property
    def _backends(self) -> list[Backend]:
        return [self.server.backends[name] for name in self._names]

    def _find(self, path: str) -> Backend | None:
        """The backend with the longest prefix that a path begins with."""
        fitting = [b for b in self._backends if _below(b.spec.prefix, path)]
        return max(fitting, key=lambda b: len(b.spec.prefix), default=None)

    @property
    def steered(self) -> bool:
        return self.server.admin is not None

    def steers(self, data: bytes) -> bool:
        _, _, rest = data[:200].decode("latin-1").partition(" ")
        return self.steered and _below(ADMIN, rest.partition(" ")[0])

    def accept(self) -> Accept:
        now, number = self.clock.now_ns(), next(self._numbers)
        for backend in self._backends:
            verdict, exchange = backend.connect(self.server.plan_time(now), number)
            if exchange is not None:
                timeline = Timeline(now)
                timeline.played.append(Played("reset", now, now, 0))
                timeline.end = "reset"
                self.server.record(backend, exchange, now, timeline)
            if verdict is not Accept.SERVE:
                return verdict
        return Accept.SERVE

    def refusal(self, status: int) -> Sequence[Action]:
        return self._backends[0].failure(Failure(status), int(time.time()))

    def opened(self, connection: Connection) -> None:
        self.connections.add(connection)

    def closed(self, connection: Connection) -> None:
        self.connections.discard(connection)

    async def serve(self, request: WireRequest, arrived_ns: int, wire: Connection) -> None:
        if self.server.admin is not None and _below(ADMIN, request.path):
            await _tell(self.server.admin.handle(request), wire)
            return
        backend = self._find(request.path)
        if backend is None:
            await self._refuse(arrived_ns, wire)
            return
        request = replace(request, path=request.path.removeprefix(backend.spec.prefix))
        exchange: Exchange | None = None
        timeline = Timeline(arrived_ns)
        try:
            exchange = backend.receive(request, self.server.plan_time(arrived_ns), int(time.time()))
            await play(exchange.watched(), wire, self.clock, backend.slots, timeline, exchange.say)
        except Exception as e:  # noqa: BLE001 - a dialect, fault or model that fails must neither hang the app nor go unseen
            exchange = exchange or backend.unread()
            complain(f"call {exchange.number}", e)
            await self._break(backend, wire, timeline)
        finally:
            if exchange is not None:
                self.server.record(backend, exchange, arrived_ns, timeline)

    async def _refuse(self, arrived_ns: int, wire: Connection) -> None:
        """A path of no backend: on record as a call of which nothing is known."""
        backend, timeline = self._backends[0], Timeline(arrived_ns)
        known = ", ".join(b.spec.prefix for b in self._backends)
        reply = backend.failure(Failure(404, message=f"No backend has this path. Prefixes: {known}"), int(time.time()))
        try:
            await play(iter(reply), wire, self.clock, backend.slots, timeline, lambda _: None)
        finally:
            self.server.record(backend, backend.unread(), arrived_ns, timeline)

    async def _break(self, backend: Backend, wire: Connection, timeline: Timeline) -> None:
        """End a reply that cannot be made: with the provider's error where nothing was sent yet, else with a reset."""
        timeline.end = "broken"
        if any(p.kind == "head" for p in timeline.played):
            wire.reset()
            return
        try:
            for action in backend.failure(Failure(500), int(time.time())):
                if isinstance(action, Head):
                    timeline.status = action.status
                    await wire.head(action)
                elif isinstance(action, Data):
                    await wire.data(action.body)
            await wire.end()
        except Gone:
            pass
        except Exception as e:  # noqa: BLE001 - the last resort is a reset
            complain("its error reply", e)
            wire.reset()


def _below(prefix: str, path: str) -> bool:
    """Whether a path is `prefix` or lies below it."""
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/", "?")


async def _tell(answer: Told, wire: Connection) -> None:
    """Send what the admin API answers."""
    await wire.head(
        Head(answer.status, (("content-type", answer.type), ("cache-control", "no-store")), len(answer.body))
    )
    await wire.data(answer.body)
    await wire.end()
