"""One live experiment: its stage, its load, phases on a shared clock, and what it came to."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from brownout.faults.doors.process import ProcessConfig
from brownout.faults.model.watermark.text import Codec
from brownout.faults.plans.plan import FaultPlan, Window
from brownout.faults.values.clock import NS, since
from brownout.faults.values.errors import SetupError
from brownout.harness.check import Evidence
from brownout.harness.config.app import AppConfig
from brownout.harness.config.experiment import Experiment
from brownout.harness.escape.escapes import Escapes
from brownout.harness.events import Event, PhaseStarted, Progress, StepDone
from brownout.harness.journal import Follower, read_lines
from brownout.harness.judging import findings
from brownout.harness.load.run import LoadConfig, LoadRun
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import Arrival, PhaseSpan, make_schedule, rephased, write
from brownout.harness.outcome import Reader, classified
from brownout.harness.prompts import marked, question
from brownout.harness.sizing import Size, border
from brownout.harness.stage import Elsewhere, Stage, must_be_good
from brownout.harness.summary import summarise
from brownout.harness.trace import Call, join
from brownout.harness.validity import validity
from brownout.harness.verdict.result import ExperimentResult
from brownout.harness.watch import probes, watching

__all__ = ["WARM_UP", "Rehearsal"]

WARM_UP = (1 << 22) - 1
"""The id of the warm-up's prompt: the last of the prompts' ids."""
LEAD = 0.4
"""Seconds from telling the children when the load begins to its beginning."""


@dataclass(frozen=True)
class Rehearsal:
    """Runs one experiment against an app. `folder` takes its journal; `root` is where brownout.yaml stands."""

    experiment: Experiment
    config: AppConfig
    size: Size
    seed: int
    key: str
    folder: Path
    root: Path
    elsewhere: Elsewhere | None = None

    def run(self) -> Iterator[Event]:
        """Run the load, yielding what happens. Children are stopped whatever happens; SetupError ends the experiment."""
        name = self.experiment.name
        origin = time.monotonic_ns()
        codec = Codec(self.key)
        schedule = self._schedule(codec)
        write(self.folder / "schedule.jsonl", schedule)
        stage = Stage(self.config, self.root, self.folder, self._served(origin, schedule), self.elsewhere)
        load: LoadRun | None = None
        try:
            started = time.monotonic()
            yield StepDone(name, "backend", stage.open_backends(), time.monotonic() - started)

            started = time.monotonic()
            yield StepDone(name, "app", stage.open_app(), time.monotonic() - started)

            started = time.monotonic()
            users = {"warm-up": self._tenant} | {a.user: a.tenant for a in schedule}
            if said := stage.log_in(users):
                yield StepDone(name, "login", said, time.monotonic() - started)

            started = time.monotonic()
            said = self._warm_up(stage, codec)
            yield StepDone(name, "warm-up", said, time.monotonic() - started)

            started = time.monotonic()
            load = LoadRun.start(self.folder, self._load(origin, stage))
            load.wait_ready()
            yield StepDone(name, "load", f"{len(schedule)} requests at {self.size.rps:g}/s", time.monotonic() - started)

            begin = time.monotonic_ns() + round(LEAD * NS)
            stage.backends.begin(begin)
            load.begin(begin)
            with watching(self.config.app, stage.app.base_url, origin, self.folder):
                yield from self._watch(since(origin, begin), origin, stage, load)
        finally:
            with contextlib.ExitStack() as stopping:
                stopping.callback(stage.close)
                if load is not None:
                    stopping.callback(load.stop)

    @property
    def strayed(self) -> bool:
        """Whether the app called a provider's API: it will do so again, so there is no use in repeating the experiment."""
        return bool(self._escapes.strayed())

    @property
    def _escapes(self) -> Escapes:
        return Escapes(self.folder, self.config)

    def _schedule(self, codec: Codec) -> tuple[Arrival, ...]:
        return make_schedule(
            self.size.spans,
            self.size.rps,
            seed=self.seed,
            routes={name: route.weight for name, route in self.config.routes.items()},
            prompt_text=lambda i: marked(codec, i, self.seed),
            repeat=self.experiment.repeat,
            tenants={name: tenant.weight for name, tenant in self.config.tenants.items()},
            turns={name: r.conversation for name, r in self.config.routes.items() if r.conversation is not None},
        )

    def _served(self, origin: int, schedule: tuple[Arrival, ...]) -> ProcessConfig:
        plans = (
            phase.plan.within(Window(span.start, span.end))
            for phase, span in zip(self.experiment.phases, self.size.spans, strict=True)
        )
        return ProcessConfig(
            seed=self.seed,
            key=self.key,
            origin_ns=origin,
            journal=self.folder / "calls.jsonl",
            backends=self.config.backends,
            plan=sum(plans, FaultPlan()),
            users={a.prompt: a.user for a in schedule} | {WARM_UP: "warm-up"},
        )

    def _load(self, origin: int, stage: Stage) -> LoadConfig:
        launch, app = self.config.launch, stage.app
        return LoadConfig(
            origin_ns=origin,
            base_url=app.base_url,
            schedule=self.folder / "schedule.jsonl",
            samples=self.folder / "requests.jsonl",
            patience=launch.patience,
            longest=max(3 * launch.patience, 2 * launch.total_p95),
            routes=app.routes,
            tenants=self.config.tenants,
            sessions=stage.sessions,
            env=app.env,
            cwd=app.cwd,
        )

    @property
    def _tenant(self) -> str:
        """The tenant of the warm-up: the first one."""
        return next(iter(self.config.tenants), "")

    def _warm_up(self, stage: Stage, codec: Codec) -> str:
        """Ask each route once, with healthy backends. Returns what to say of it; SetupError when that does not work."""
        text = marked(codec, WARM_UP, self.seed)
        with self._escapes.explained():
            for name, route in self.config.routes.items():
                sample = stage.ask(name, WARM_UP, text, "warm-up", self._tenant)
                stage.app.check()
                must_be_good(name, route.asked, sample, stage.app.output)
            made = self._warm_up_calls(stage)
        count = len(self.config.routes)
        asked = "one request" if count == 1 else f"a request to each of {count} routes"
        return "; ".join(filter(None, (f"{asked} made {made} calls", self._escapes.note())))

    def _warm_up_calls(self, stage: Stage) -> int:
        """How many calls the warm-up made; SetupError for none. A record is written when its call has ended."""
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline:
            stage.check()
            calls, _ = read_lines(self.folder / "calls.jsonl")
            if calls:
                return len(calls)
            time.sleep(0.05)
        values = ", ".join(f"{{{v}}}" for v in self.config.values({}, 0) if v.startswith("backend."))
        raise SetupError(
            "warm-up: the app answered, but no simulated backend was called. Point its model client at brownout in app.env "
            f"(known: {values})"
        )

    def _watch(self, begins: float, origin: int, stage: Stage, load: LoadRun) -> Iterator[Event]:
        """Follow the load to its end; what is on the stage must run on. `begins` is in seconds since the origin."""
        name, spans = self.experiment.name, list(self.size.spans)
        labels = {p.name: tuple(r.label for r in p.plan.rules) for p in self.experiment.phases}
        samples, calls = Follower(self.folder / "requests.jsonl"), Follower(self.folder / "calls.jsonl")
        ends: Counter[str] = Counter()
        made = hit = 0
        phase, shown = "", -1.0
        while not load.finished:
            stage.check()
            elapsed = since(origin, time.monotonic_ns()) - begins
            while spans and elapsed >= spans[0].start:
                span = spans.pop(0)
                phase = span.name
                yield PhaseStarted(name, phase, begins + span.start, span.end - span.start, labels[phase])
            ends.update(str(s["end"]) for s in samples.new())
            for call in calls.new():
                made += 1
                hit += any(f["injected"] for f in call["faults"])
            if elapsed - shown >= 1.0:
                shown = elapsed
                left = max(0.0, self.size.seconds - elapsed)
                yield Progress(name, phase, max(0.0, elapsed), left, ends.total(), dict(ends), made, hit)
            time.sleep(0.1)
        # Calls that the app still makes for users who are gone are part of what it costs.
        time.sleep(1.0)

    def evidence(self, begins: float) -> tuple[Evidence, int]:
        """What was recorded, joined and classified, and how many journal lines could not be read."""
        records, broken = read_lines(self.folder / "requests.jsonl")
        lines, unread = read_lines(self.folder / "calls.jsonl")
        samples = [Sample.from_record(r) for r in records]
        calls = tuple(c for c in map(Call.from_record, lines) if c.arrived >= begins)
        spans = {s.name: PhaseSpan(s.name, s.start + begins, s.end + begins) for s in self.size.spans}
        samples = rephased(samples, spans.values())
        reader = Reader(
            Codec(self.key),
            calls,
            {s.prompt for s in samples},
            same=lambda a, b: question(a, self.seed) == question(b, self.seed),
            ruled={name for name, route in self.config.routes.items() if any(r.looks_inside for r in route.good)},
            commands={name for name, route in self.config.routes.items() if route.run is not None},
        )
        traces = classified(reader, join(samples, calls, spans, border(self.config.launch)))
        needs = {name: frozenset(route.needs) for name, route in self.config.routes.items()}
        health = probes(self.folder) if self.config.app.health else None
        return Evidence(traces, calls, spans, self.config.launch, needs, health, self.config.least), broken + unread

    def result(self, begins: float, attempts: int) -> ExperimentResult:
        """Judge what was recorded."""
        evidence, broken = self.evidence(begins)
        sound = validity(self.experiment, evidence.traces, evidence.calls, self.size.requests)
        reasons = list(sound.reasons)
        if broken:
            reasons.append(f"{broken} lines of the journal could not be read")
        reasons += self._escapes.reasons()
        made = findings(self.experiment, evidence)
        return ExperimentResult(
            name=self.experiment.name,
            title=self.experiment.title,
            question=self.experiment.question,
            valid=not reasons,
            why_invalid=tuple(reasons),
            findings=made,
            phases=summarise(evidence),
            attempts=attempts,
            file=self.experiment.named,
            samples={
                "send_lag_p99": sound.send_lag_p99,
                "delivery_lag_p99": sound.delivery_lag_p99,
                "lag_allowed": sound.allowed,
                "sent": sound.sent,
                "scheduled": sound.scheduled,
                "refused": self._escapes.refused(),
            },
        )


def failed(experiment: Experiment, error: SetupError, attempts: int) -> ExperimentResult:
    """The result of an experiment that could not be run."""
    return ExperimentResult(
        name=experiment.name,
        title=experiment.title,
        question=experiment.question,
        valid=False,
        why_invalid=(str(error),),
        findings=(),
        phases=(),
        attempts=attempts,
        file=experiment.named,
        samples={"output": error.output},
    )
