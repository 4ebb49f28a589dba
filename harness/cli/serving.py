"""``brownout serve``: simulated backends in this process, steered by hand or by a run elsewhere."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from brownout.faults.doors.admin import Admin
from brownout.faults.doors.process import ProcessConfig, build
from brownout.faults.doors.server import Server
from brownout.faults.model.spec import BackendSpec
from brownout.faults.plans.load import load_plan
from brownout.faults.plans.plan import FaultPlan
from brownout.faults.values.errors import ConfigError
from brownout.faults.values.fault import dialects
from brownout.faults.values.sink import JsonLines, Sink
from brownout.faults.values.units import show_seconds
from brownout.harness.config.apps import target
from brownout.harness.hosts import is_loopback
from brownout.harness.remote import TOKEN, check_token

__all__ = ["Serving", "serve"]


@dataclass(frozen=True)
class Serving:
    """What is to be served: the backends of `app`, or one of `dialect`; from `port` on, at `host`."""

    plan: Path | None
    port: int
    host: str
    dialect: str
    seed: int
    journal: Path | None
    app: str | None = None


def serve(asked: Serving) -> int:
    """Serve until interrupted; returns the exit code. The plan begins at once. Raises ConfigError and SetupError."""
    dialects.get(asked.dialect)
    check_token(os.environ.get(TOKEN, ""))
    if not asked.host.strip():
        raise ConfigError("--host is empty, which would mean every interface; give an address such as 127.0.0.1")
    backends = dict(target(asked.app).config.backends) if asked.app else {"primary": BackendSpec(asked.dialect)}
    config = ProcessConfig(
        seed=asked.seed,
        key=f"serve/{asked.seed}",
        origin_ns=time.monotonic_ns(),
        journal=asked.journal or Path(os.devnull),
        backends=backends,
        plan=load_plan(asked.plan, list(backends)) if asked.plan else FaultPlan(),
        ports=_ports(backends, asked.port),
        host=asked.host,
    )
    try:
        sink = JsonLines(config.journal)
    except (OSError, ValueError) as e:
        why = e.strerror if isinstance(e, OSError) else e
        raise ConfigError(f"the journal {config.journal} cannot be written: {why}") from None
    try:
        import uvloop
    except ImportError:
        return asyncio.run(_serve(config, sink))
    return int(uvloop.run(_serve(config, sink)))


def _ports(backends: Mapping[str, BackendSpec], first: int) -> dict[str, int]:
    """Ports from `first` on in the order of the backends; those with a prefix share one. 0 means any free ones."""
    ports: dict[str, int] = {}
    for name, spec in backends.items():
        shared = next((ports[n] for n in ports if spec.prefix and backends[n].prefix), None)
        ports[name] = (first and first + len(set(ports.values()))) if shared is None else shared
        if ports[name] > 65535:
            raise ConfigError(f"--port {first}: {len(backends)} backends need as many ports, and the last is 65535")
    return ports


class _Recorder:
    """A sink that also tells the admin API."""

    def __init__(self, sink: Sink, admin: Admin | None) -> None:
        self._sink, self._admin = sink, admin

    def put(self, record: Mapping[str, object]) -> None:
        self._sink.put(record)
        if self._admin is not None:
            self._admin.note(record)


async def _serve(config: ProcessConfig, sink: JsonLines) -> int:
    terminal = Console(highlight=False, soft_wrap=True)
    server = build(config, sink)
    token = os.environ.get(TOKEN, "") or (secrets.token_urlsafe(16) if is_loopback(config.host) else "")
    if token:
        shared = next(iter(server.backends.values())).shared
        server.admin = Admin(token, (config.plan, shared))
    server.sink = _Recorder(sink, server.admin)
    server.on_call = lambda call: terminal.print(_line(call))
    try:
        origins = await server.listen(config.host, config.ports)
    except ValueError as e:  # a name that can be no host's, such as one of 300 letters
        raise ConfigError(f"--host {config.host[:40]!r} is not an address: {e}") from None
    if server.admin is not None:
        server.admin.attach(server, origins)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    server.begin(time.monotonic_ns())
    for line in _told(server, origins, token):
        terminal.print(line, markup=False)
    for rule in config.plan.rules:
        terminal.print(f"  fault: {rule.label}  {rule.fault}", markup=False)
    await ending.wait()
    await server.stop()
    return 0


def _told(server: Server, origins: Mapping[str, str], token: str) -> Iterator[str]:
    """Where everything is, and how clients find it."""
    for name, backend in server.backends.items():
        base = backend.dialect.base_url(origins[name])
        named = "" if len(origins) == 1 else f"{name}: "
        yield f"{named}simulated {backend.spec.dialect} backend at {base}"
        for variable, value in backend.dialect.variables.items():
            yield f"  {variable}={value.format(base=base, origin=origins[name])}"
    first = next(iter(origins.values()))
    where = first.removesuffix(next(iter(server.backends.values())).spec.prefix)
    if not token:
        yield f"  admin API: off, because others can reach this address; set {TOKEN} to a secret to have it"
    elif os.environ.get(TOKEN):
        yield f"  admin API: brownout run --backend {where}, with the same {TOKEN}"
    else:
        yield f"  admin API: {TOKEN}={token} brownout run --backend {where}"


def _line(call: Mapping[str, Any]) -> Text:
    """One call on one line: number, what was asked, what happened, how long it took."""
    faults = ", ".join(f["label"] for f in call["faults"] if f["injected"])
    took = show_seconds(call["ended"] - call["arrived"])
    asked = " ".join(filter(None, (call["endpoint"], call["model"], "stream" if call["stream"] else "")))
    text = f"{call['call']:>5}  {asked or 'no known request'}  {call['status'] or '---'} {call['end']}  {took}"
    return Text("".join(c if c.isprintable() else "?" for c in text + (f"  {faults}" if faults else "")))
