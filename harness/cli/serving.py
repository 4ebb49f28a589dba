"""``brownout serve``: one simulated backend in this process."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from brownout.faults.doors.process import ProcessConfig, build
from brownout.faults.model.spec import BackendSpec
from brownout.faults.plans.load import load_plan
from brownout.faults.plans.plan import FaultPlan
from brownout.faults.values.errors import ConfigError
from brownout.faults.values.fault import dialects
from brownout.faults.values.sink import JsonLines
from brownout.faults.values.units import show_seconds

__all__ = ["serve"]


def serve(plan: Path | None, port: int, host: str, dialect: str, seed: int, journal: Path | None) -> int:
    """Serve until interrupted; returns the exit code. The plan begins at once. Raises ConfigError and SetupError."""
    dialects.get(dialect)
    if not host.strip():
        raise ConfigError("--host is empty, which would mean every interface; give an address such as 127.0.0.1")
    config = ProcessConfig(
        seed=seed,
        key=f"serve/{seed}",
        origin_ns=time.monotonic_ns(),
        journal=journal or Path(os.devnull),
        backends={"primary": BackendSpec(dialect)},
        plan=load_plan(plan, ["primary"]) if plan else FaultPlan(),
        ports={"primary": port},
        host=host,
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


async def _serve(config: ProcessConfig, sink: JsonLines) -> int:
    terminal = Console(highlight=False, soft_wrap=True)
    server = build(config, sink)
    server.on_call = lambda call: terminal.print(_line(call))
    try:
        origin = (await server.listen(config.host, config.ports))["primary"]
    except ValueError as e:  # a name that can be no host's, such as one of 300 letters
        raise ConfigError(f"--host {config.host[:40]!r} is not an address: {e}") from None
    server.begin(time.monotonic_ns())
    backend = server.backends["primary"]
    terminal.print(f"simulated {backend.spec.dialect} backend at {backend.dialect.base_url(origin)}", markup=False)
    for rule in config.plan.rules:
        terminal.print(f"  fault: {rule.label}  {rule.fault}", markup=False)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    await ending.wait()
    await server.stop()
    return 0


def _line(call: Mapping[str, Any]) -> Text:
    """One call on one line: number, what was asked, what happened, how long it took."""
    faults = ", ".join(f["label"] for f in call["faults"] if f["injected"])
    took = show_seconds(call["ended"] - call["arrived"])
    asked = " ".join(filter(None, (call["endpoint"], call["model"], "stream" if call["stream"] else "")))
    text = f"{call['call']:>5}  {asked or 'no known request'}  {call['status'] or '---'} {call['end']}  {took}"
    return Text("".join(c if c.isprintable() else "?" for c in text + (f"  {faults}" if faults else "")))
