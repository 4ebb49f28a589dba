"""The proxy as a process of its own: ``python -m brownout.harness.escape.process``.

Its parent writes one JSON line to standard input: ``{"origin_ns": N, "journal": PATH, "allow": [PATTERN, ...]}``. The process
writes ``{"port": N}`` to standard output once it listens. It ends on SIGTERM and when standard input closes.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from brownout.faults.values.sink import JsonLines
from brownout.harness.escape.hosts import HostPattern
from brownout.harness.escape.proxy import MOST, Proxy


async def _serve(config: dict[str, Any]) -> None:
    allow = [HostPattern.parse(p) for p in config["allow"]]
    journal = JsonLines(Path(config["journal"]))
    proxy = Proxy(allow, journal, config["origin_ns"])
    port = await proxy.listen()
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    parent = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(parent), sys.stdin)
    print(json.dumps({"port": port}), flush=True)

    async def outlive_no_parent() -> None:
        await parent.read()
        ending.set()

    watching = asyncio.create_task(outlive_no_parent())
    await ending.wait()
    watching.cancel()
    await proxy.stop()
    journal.close()


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to handle
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST + 100 if hard == resource.RLIM_INFINITY else min(2 * MOST + 100, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    asyncio.run(_serve(json.loads(sys.stdin.readline())))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
