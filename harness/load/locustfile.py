"""The load child: sends every request of a schedule at its time, whatever becomes of the others (open loop).

Run by `run.LoadRun` as ``python -m locust -f locustfile.py --headless``; the environment variable BROWNOUT_LOAD names its
configuration file. The only module that imports Locust and gevent: Locust patches the standard library of its process.

With its parent it speaks in lines of JSON: ``{"ready": true}`` on stdout when it could send, then ``{"start_ns": N}`` on stdin,
the monotonic time from which the schedule counts. Everything else that it has to say goes to stderr.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import gevent
from gevent.pool import Group
from gevent.socket import wait_read
from locust import User, events, task

from brownout.faults.values.clock import NS
from brownout.faults.values.sink import JsonLines
from brownout.harness.app.talk import Talk
from brownout.harness.load import schedule
from brownout.harness.load.asking import Asking, asking
from brownout.harness.load.client import Target, Terms
from brownout.harness.load.run import CONFIG, READY, LoadConfig
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import Arrival
from brownout.harness.load.turns import Turn, Turns

logger = logging.getLogger(__name__)


class Load:
    """The schedule, and the requests that are under way."""

    def __init__(self, config: LoadConfig, environment: Any) -> None:
        self._environment = environment
        self._arrivals = schedule.read(config.schedule)
        self._terms = Terms(
            Target.resolve(config.base_url) if config.base_url else None,
            config.routes,
            config.origin_ns,
            config.patience,
            config.longest,
            config.tenants,
            config.sessions,
            config.env,
            config.cwd,
        )
        self._sink = JsonLines(config.samples)
        self._open: dict[int, Asking] = {}
        self._turns = Turns(self._arrivals)
        self._greenlets = Group()
        self._stopped = False
        # What is here now stays for good: without it, collections during the load have little to look through.
        gc.collect()
        gc.freeze()

    def walk(self, start_ns: int) -> None:
        """Send each request at its time, and wait until all have ended."""
        for arrival in self._arrivals:
            intended = start_ns + round(arrival.at * NS)
            gevent.sleep(max(0.0, (intended - time.monotonic_ns()) / NS))
            if self._stopped:
                return
            self._greenlets.start(gevent.Greenlet(self._ask, arrival, intended, self._turns.next(arrival)))
        self._greenlets.join()
        if self._open and not self._stopped:  # a fault of ours ended them, and stderr has it
            raise RuntimeError(f"{len(self._open)} requests were lost")

    def _ask(self, arrival: Arrival, intended: int, turn: Turn | None) -> None:
        if turn is None:
            self._send(arrival, intended, None)
            return
        with turn:
            later = turn.wait(intended)
            gevent.sleep(max(0.0, (later - time.monotonic_ns()) / NS))
            if not self._stopped:
                sample = self._send(arrival, later, turn.talk)
                if sample.ended is not None:
                    turn.ended_ns = self._terms.origin_ns + round(sample.ended * NS)

    def _send(self, arrival: Arrival, intended: int, talk: Talk | None) -> Sample:
        number, exchange = arrival.request, asking(self._terms, arrival, intended, talk)
        self._open[number] = exchange
        sample = exchange.run()
        # Stopped while this one came to its end: it is recorded already.
        if self._open.pop(number, None) is not None:
            self._record(sample)
        return sample

    def stop(self) -> None:
        """Record what is under way as unfinished, and close its connections."""
        self._stopped = True
        while self._open:
            _, exchange = self._open.popitem()
            self._record(exchange.unfinished())
        self._greenlets.kill(block=False)

    def _record(self, sample: Sample) -> None:
        self._sink.put(sample.to_record())
        route = self._terms.routes[sample.route]
        seconds = sample.ended - sample.intended if sample.ended is not None else 0.0
        # Locust groups failures by their text: no more of it than there are kinds.
        failure = None if sample.end == "complete" else RuntimeError(f"{sample.end}, status {sample.status}")
        self._environment.events.request.fire(
            request_type="RUN" if route.run is not None else route.method,
            name=sample.route,
            response_time=seconds * 1000,
            response_length=sample.bytes,
            exception=failure,
            context={"phase": sample.phase},
        )


class Users(User):  # type: ignore[misc]
    """All users of the schedule: one of Locust's users that sends for them, as Locust's own pacing is a closed loop."""

    @task  # type: ignore[untyped-decorator]
    def walk(self) -> None:
        code = 1
        try:
            start_ns = _start_time()
            self.environment.load.walk(start_ns)
            code = 0
        except Exception:
            logger.exception("the load failed")
        self.environment.process_exit_code = code
        self.environment.runner.quit()


def _start_time() -> int:
    """Tell the parent that all is ready, and wait for the time at which the load begins."""
    os.write(1, READY + b"\n")
    os.dup2(2, 1)  # nobody reads the pipe from here on
    line = b""
    while not line.endswith(b"\n"):
        wait_read(0)
        data = os.read(0, 4096)
        if not data:
            raise EOFError("the harness has gone")
        line += data
    return int(json.loads(line)["start_ns"])


@events.init.add_listener  # type: ignore[untyped-decorator]
def _prepare(environment: Any, **_: Any) -> None:
    environment.load = Load(LoadConfig.read(Path(os.environ[CONFIG])), environment)


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def _stop(environment: Any, **_: Any) -> None:
    environment.load.stop()
