"""The engine: runs experiments one after the other and yields what happens as plain events."""

from __future__ import annotations

import json
import platform
import re
import secrets
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from brownout.faults.values.errors import SetupError
from brownout.faults.values.sink import JsonLines
from brownout.harness.config.app import AppConfig
from brownout.harness.config.apps import apps
from brownout.harness.config.experiment import Experiment
from brownout.harness.events import (
    Event,
    ExperimentFinished,
    ExperimentStarted,
    PhaseStarted,
    RunFinished,
    RunStarted,
    to_record,
)
from brownout.harness.rehearsal import Rehearsal, failed
from brownout.harness.sizing import size
from brownout.harness.stage import Elsewhere
from brownout.harness.verdict.finding import Waiver, apply_waivers
from brownout.harness.verdict.result import App, ExperimentResult, Result, to_json
from brownout.harness.verdict.table import verdict

__all__ = ["Engine"]


@dataclass(frozen=True)
class Engine:
    """A run to be made: which experiments, against which app, with which seed, into which folder.

    `app` names the app in reports; `root` is the folder that relative paths of its configuration count from.
    """

    app: str
    config: AppConfig
    root: Path
    experiments: tuple[Experiment, ...]
    seed: int
    folder: Path
    strict: bool = False
    nonce: str = field(default_factory=lambda: secrets.token_hex(4))
    """Makes the run's watermarks its own. Decisions and schedules do not depend on it."""
    left_out: tuple[str, ...] = ()
    """Experiments that were asked for and are not run, a line each with the reason."""
    elsewhere: Elsewhere | None = None
    """Backends that run already; None: each experiment starts its own."""

    @property
    def run_id(self) -> str:
        return self.folder.name

    def run(self) -> Iterator[Event]:
        """Run everything. The journal is written as it happens, so an interrupted run leaves what it had.

        A SetupError ends the run: its experiment is invalid, and those after it are not started.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        journal = JsonLines(self.folder / "events.jsonl")
        began = time.monotonic()
        started = _now()
        self._manifest(started)

        def log(event: Event) -> Event:
            journal.put({"t": round(time.monotonic() - began, 3), **to_record(event)})
            return event

        try:
            names = tuple(e.name for e in self.experiments)
            yield log(RunStarted(self.run_id, str(self.folder), self.app, self.seed, names))
            results: list[ExperimentResult] = []
            for number, experiment in enumerate(self.experiments, 1):
                at = time.monotonic()
                outcome: list[ExperimentResult] = []
                for event in self._experiment(number, experiment, outcome):
                    yield log(event)
                results += outcome
                yield log(ExperimentFinished(experiment.name, outcome[0], round(time.monotonic() - at, 3)))
                if not outcome[0].findings:
                    break
            not_run = (f"{e.title}: the run ended before it" for e in self.experiments[len(results) :])
            result = self._result(results, started, (*not_run, *self.left_out))
            (self.folder / "result.json").write_text(to_json(result), encoding="utf-8")
            yield log(RunFinished(result, str(self.folder)))
        except BaseException as e:
            journal.put({"t": round(time.monotonic() - began, 3), "event": "RunStopped", "why": type(e).__name__})
            raise
        finally:
            journal.close()

    def _experiment(self, number: int, experiment: Experiment, out: list[ExperimentResult]) -> Iterator[Event]:
        """Run an experiment, and once more when its measurement was unsound by chance. Its result is appended to `out`."""
        shape = size(experiment, self.config.launch, self.config.least)
        folder = self.folder / experiment.name
        rehearsal = Rehearsal(
            experiment, self.config, shape, self.seed, self._key(experiment), folder, self.root, self.elsewhere
        )
        for attempt in (1, 2):
            if attempt == 2:
                folder = self.folder / f"{experiment.name}.2"
                rehearsal = replace(rehearsal, folder=folder, key=self._key(experiment, attempt))
            rehearsal.folder.mkdir(exist_ok=True)
            yield ExperimentStarted(
                experiment.name,
                experiment.title,
                experiment.question,
                number,
                len(self.experiments),
                attempt,
                shape.requests,
                shape.seconds,
            )
            begins = None
            try:
                for event in rehearsal.run():
                    if isinstance(event, PhaseStarted) and begins is None:
                        begins = event.at
                    yield event
            except SetupError as e:
                out.append(failed(experiment, e, attempt))
                return
            result = rehearsal.result(begins or 0.0, attempt)
            if result.valid or attempt == 2 or rehearsal.strayed:
                out.append(result)
                return

    def _key(self, experiment: Experiment, attempt: int = 1) -> str:
        """The watermark key. It differs for every run, experiment and attempt, so that what an app kept of an earlier one, in a
        cache or a database, is recognised as stale and not taken for an answer of this one."""
        return f"{self.run_id}/{self.nonce}/{experiment.name}/{attempt}"

    def _result(self, results: list[ExperimentResult], started: str, not_run: tuple[str, ...]) -> Result:
        waivers = [Waiver(w.check, w.experiment, w.reason, w.owner, w.expires) for w in self.config.waivers]
        expired: dict[Waiver, None] = {}
        for i, r in enumerate(results):
            waived = apply_waivers(r.findings, waivers, datetime.now(UTC).date())
            results[i] = replace(r, findings=waived.findings)
            expired |= dict.fromkeys(waived.expired)
        outcomes = [r.outcome for r in results]
        return Result(
            tool=_version("brownout"),
            run=self.run_id,
            seed=self.seed,
            clock="live",
            app=self._app(),
            started=started,
            ended=_now(),
            verdict=verdict(outcomes, strict=self.strict),
            experiments=tuple(results),
            expired_waivers=tuple(expired),
            not_run=not_run,
        )

    def _app(self) -> App:
        command = masked(self._command().replace("{python}", "python"))
        bundled, _, variant = self.app.partition(":")
        return App(bundled, variant, command) if bundled in apps else App(self.config.app.name, "", command, self.app)

    def _command(self) -> str:
        """How the app is started, where it runs, or how it is asked."""
        app = self.config.app
        if app.url:
            return app.url
        start = app.start or next((r.run for r in self.config.routes.values() if r.run is not None), "")
        return start if isinstance(start, str) else " ".join(w if w.startswith("{") else shlex.quote(w) for w in start)

    def _manifest(self, started: str) -> None:
        packages = ("brownout", "faker", "httptools", "locust", "openai", "pydantic", "uvloop")
        manifest: dict[str, Any] = {
            "schema": "brownout.manifest/1",
            "run": self.run_id,
            "started": started,
            "seed": self.seed,
            "clock": "live",
            "app": self.app,
            "command": self._app().command,
            "nonce": self.nonce,
            "launch": vars(self.config.launch),
            "experiments": [
                {
                    "name": e.name,
                    "file": e.file,
                    "key": self._key(e),
                    "load": e.load,
                    "repeat": e.repeat,
                    "phases": [
                        {"name": p.name, "faults": [{"label": r.label, "fault": repr(r.fault)} for r in p.plan.rules]}
                        for p in e.phases
                    ],
                    "expectations": [
                        {"phase": x.phase, "text": x.text, "severity": x.severity} for x in e.expectations
                    ],
                }
                for e in self.experiments
            ],
            "python": platform.python_version(),
            "platform": platform.platform(),
            "versions": {p: v for p in packages if (v := _version(p))},
            "strict": self.strict,
        }
        (self.folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


_SECRET = re.compile(
    r"""((?:^|[\s"'])-{0,2}[\w.-]*(?:token|key|secret|passw|auth|credential)[\w.-]*(?:=|\s+))(?!-)('[^']*'|"[^"]*"|\S+)""",
    re.IGNORECASE,
)


def masked(command: str) -> str:
    """A command for people, without what its options call a secret (``--api-key X``, ``TOKEN=X``)."""
    return _SECRET.sub(r"\1***", command)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
