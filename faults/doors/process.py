"""The TCP door as a process of its own: ``python -m brownout.faults.doors.process``.

Its parent writes a pickled `ProcessConfig` to standard input, preceded by its length in eight bytes, and then one JSON
line for each command: ``{"begin_ns": N}``. The process writes one JSON line to standard output: ``{"origins": {...}}`` once
it listens, or ``{"error": "..."}``. It ends, after recording the calls that it is answering, on SIGTERM and when standard
input closes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import pickle
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from brownout.faults.doors.backend import Backend, Shared
from brownout.faults.doors.server import Server
from brownout.faults.model.spec import BackendSpec
from brownout.faults.model.watermark.text import Codec
from brownout.faults.plans.plan import FaultPlan
from brownout.faults.values.errors import BrownoutError
from brownout.faults.values.sink import JsonLines

__all__ = ["ProcessConfig", "build"]


@dataclass(frozen=True)
class ProcessConfig:
    """What a backend process serves. `key` is the watermark key; `users` maps the ids of prompts to their users."""

    seed: int
    key: str
    origin_ns: int
    journal: Path
    backends: Mapping[str, BackendSpec]
    plan: FaultPlan = field(default_factory=FaultPlan)
    users: Mapping[int, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    host: str = "127.0.0.1"

    def encode(self) -> bytes:
        """The form in which the process reads it."""
        data = pickle.dumps(self)
        return len(data).to_bytes(8, "big") + data


def build(config: ProcessConfig, sink: JsonLines) -> Server:
    """The server that a configuration describes, not yet listening."""
    shared = Shared(config.seed, Codec(config.key), config.users)
    backends = {name: Backend(name, spec, config.plan, shared) for name, spec in config.backends.items()}
    return Server(backends, sink, config.origin_ns)


def _read(length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = os.read(0, length - len(data))
        if not more:
            raise SystemExit(0)
        data += more
    return data


async def _serve(config: ProcessConfig) -> int:
    try:
        server = build(config, JsonLines(config.journal))
        origins = await server.listen(config.host, config.ports)
    except BrownoutError as e:
        print(json.dumps({"error": str(e)}), flush=True)
        return e.exit_code
    except Exception as e:
        _report("the simulated backend cannot be set up", e)
        raise
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print(json.dumps({"origins": origins}), flush=True)
    gc.freeze()

    async def obey() -> None:
        try:
            while line := await commands.readline():
                server.begin(json.loads(line)["begin_ns"])
        finally:
            ending.set()

    obeying = asyncio.create_task(obey())
    await ending.wait()
    await server.stop()
    if obeying.done():
        obeying.result()  # a command that could not be obeyed is an error
    obeying.cancel()
    return 0


def _report(what: str, error: Exception) -> None:
    """Tell the parent why there is no backend; the traceback goes to standard error."""
    print(json.dumps({"error": f"{what}: {type(error).__name__}: {error}"}), flush=True)


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to handle
    data = _read(int.from_bytes(_read(8), "big"))
    try:
        config: ProcessConfig = pickle.loads(data)
    except Exception as e:
        _report("the simulated backend cannot read its configuration", e)
        raise
    try:
        import uvloop
    except ImportError:
        return asyncio.run(_serve(config))
    return int(uvloop.run(_serve(config)))


if __name__ == "__main__":
    raise SystemExit(main())
