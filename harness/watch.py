"""Watching the app while it is tested: its health and its metrics, read from outside at regular times."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from brownout.faults.values.clock import since
from brownout.faults.values.sink import JsonLines
from brownout.harness.config.start import AppSpec, Watched
from brownout.harness.journal import read_lines

__all__ = ["HEALTH", "METRICS", "Probe", "look", "probes", "watching"]

HEALTH, METRICS = "health.jsonl", "metrics.jsonl"
"""Files of an experiment's folder: a line for each time that the URL was read."""
PATIENCE = 5.0
"""Seconds after which a URL that does not answer counts as failed."""
MOST_TEXT = 1 << 20
"""Bytes that are read of a URL."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One look at a URL: `at` in seconds since the run's origin, `status` 0 and an `error` where no reply came."""

    at: float
    status: int
    seconds: float
    error: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 400


def look(url: str) -> Probe:
    """Read a URL once."""
    with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
        return _read(client, url, 0.0)[0]


def probes(folder: Path) -> tuple[Probe, ...]:
    """What was seen of the app's health."""
    return tuple(Probe(**r) for r in read_lines(folder / HEALTH)[0])


@contextlib.contextmanager
def watching(app: AppSpec, base_url: str, origin_ns: int, folder: Path) -> Iterator[None]:
    """Read `app.health` and `app.metrics` in threads of their own, into the journal, until the block ends."""
    ending = threading.Event()
    threads = [
        threading.Thread(target=_watch, args=(base_url, watched, origin_ns, folder / file, keep, ending), daemon=True)
        for watched, file, keep in ((app.health, HEALTH, _health), (app.metrics, METRICS, _metrics))
        if watched is not None
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join(PATIENCE + 1)


def _health(probe: Probe, text: str) -> Mapping[str, object]:
    return asdict(probe)


def _metrics(probe: Probe, text: str) -> Mapping[str, object]:
    return {**asdict(probe), "text": text}


def _watch(
    base_url: str,
    watched: Watched,
    origin_ns: int,
    file: Path,
    record: Callable[[Probe, str], Mapping[str, object]],
    ending: threading.Event,
) -> None:
    sink = JsonLines(file)
    try:
        with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
            following = time.monotonic()
            while not ending.wait(max(0.0, following - time.monotonic())):
                sink.put(record(*_read(client, base_url + watched.path, since(origin_ns, time.monotonic_ns()))))
                following += watched.every
    finally:
        sink.close()


def _read(client: httpx.Client, url: str, at: float) -> tuple[Probe, str]:
    """One look, within `PATIENCE` in all, at no more than `MOST_TEXT` bytes."""
    started = time.monotonic()
    status, error, body = 0, "", b""
    try:
        with client.stream("GET", url) as reply:
            status = reply.status_code
            for piece in reply.iter_bytes():
                body += piece
                if len(body) >= MOST_TEXT:
                    break
                if time.monotonic() - started > PATIENCE:
                    status, error = 0, "no end"
                    break
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as e:
        status, error = 0, type(e).__name__
    took = round(time.monotonic() - started, 6)
    return Probe(at, status, took, error), body[:MOST_TEXT].decode("utf-8", "replace")
