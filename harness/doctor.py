"""``brownout doctor``: one request through everything, each step checked, with what to change where one fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from brownout.faults.doors.process import ProcessConfig
from brownout.faults.model.watermark.text import Codec
from brownout.faults.values.errors import SetupError
from brownout.harness.app.running import AppRun
from brownout.harness.config.app import AppConfig, RouteSpec
from brownout.harness.escape.escapes import Escapes
from brownout.harness.journal import read_lines
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import PhaseSpan
from brownout.harness.outcome import Reader
from brownout.harness.prompts import marked
from brownout.harness.stage import Elsewhere, Stage
from brownout.harness.trace import Call, Outcome, Trace, join
from brownout.harness.watch import look

__all__ = ["Step", "examine"]

KEY = "doctor"
SPANS = {"baseline": PhaseSpan("baseline", 0.0, 3600.0)}


@dataclass(frozen=True)
class Step:
    """One step: whether it holds (``ok``), is worth knowing (``note``) or must be mended (``bad``), and how."""

    name: str
    status: Literal["ok", "note", "bad"]
    said: str
    cure: str = ""
    output: str = ""


def examine(config: AppConfig, root: Path, folder: Path, elsewhere: Elsewhere | None = None) -> Iterator[Step]:
    """Start the app as a run would, ask one question on each route, and yield what was found, step by step.

    Stops at the first bad step that makes the following ones meaningless. Nothing is left running.
    """
    stage = Stage(config, root, folder, _served(config, time.monotonic_ns(), folder), elsewhere)
    try:
        yield Step("backends", "ok", stage.open_backends())
        try:
            said = stage.open_app()
        except SetupError as e:
            yield Step("app", "bad", str(e), _cure_start(str(e)), e.output)
            return
        yield Step("app", "ok", said)
        users = {_user(number): next(iter(config.tenants), "") for number in range(len(config.routes))}
        try:
            if said := stage.log_in(users):
                yield Step("login", "ok", said)
        except SetupError as e:
            yield Step("login", "bad", str(e).removeprefix("login: "), "", stage.app.output)
            return
        yield from _watched(config, stage)
        for number, (name, route) in enumerate(config.routes.items()):
            yield from _route(stage, name, route, number)
        yield from _escaped(stage.escapes)
    finally:
        stage.close()


def _user(number: int) -> str:
    return f"doctor-{number}"


def _watched(config: AppConfig, stage: Stage) -> Iterator[Step]:
    """Whether what is to be watched can be read."""
    for name in ("health", "metrics"):
        watched = getattr(config.app, name)
        if watched is not None:
            probe = look(stage.app.base_url + watched.path)
            said = f"GET {watched.path} answered {probe.status or probe.error}"
            cure = "" if probe.ok else f"app.{name}.path must answer below 400 while the app is well"
            yield Step(name, "ok" if probe.ok else "bad", said, cure)


def _served(config: AppConfig, origin: int, folder: Path) -> ProcessConfig:
    users = {number: _user(number) for number in range(len(config.routes))}
    return ProcessConfig(1, KEY, origin, folder / "calls.jsonl", config.backends, users=users)


def _cure_start(why: str) -> str:
    if "nothing listens" in why:
        return "give the app its port: {port} in app.start or app.env, and check the address it binds to"
    if "answered" in why:
        return "name a path in app.ready.path that answers below 400 when the app is ready"
    return "see the app's last output; run the command of app.start by hand"


def _route(stage: Stage, name: str, route: RouteSpec, number: int) -> Iterator[Step]:
    config, folder = stage.config, stage.folder
    before = len(_calls(folder))
    sample = stage.ask(name, number, marked(Codec(KEY), number, 1), _user(number), next(iter(config.tenants), ""))
    calls = _calls_of(stage, before)
    yield from _answered(name, route, sample, stage.app)
    if not calls:
        known = ", ".join(f"{{{v}}}" for v in config.values({}, 0) if v.startswith("backend."))
        yield Step(
            f"{name}: calls",
            "bad",
            "no simulated backend was called",
            f"point the app's model client at brownout in app.env, e.g. OPENAI_BASE_URL (known: {known})",
        )
        return
    yield from _called(name, route, calls)
    codec = Codec(KEY)
    (trace,) = join([sample], calls, SPANS)
    trace = Reader(codec, calls, {number}, commands={name} if route.run is not None else ()).classify(trace)
    yield from _watermarks(name, trace, calls)
    if sample.end == "complete":
        yield from _streaming(name, route, sample, calls)


def _escaped(escapes: Escapes) -> Iterator[Step]:
    """Whether the app called anything beyond the backends and the hosts that it may call."""
    strayed = escapes.strayed()
    for stray in strayed:
        yield Step("other hosts", "bad", f"{stray.said}; it was refused", stray.cure)
    if not strayed and (note := escapes.note()):
        yield Step("other hosts", "note", note, "what the app needs while it is tested is allowed with app.allow")


def _calls(folder: Path) -> list[Call]:
    return [Call.from_record(r) for r in read_lines(folder / "calls.jsonl")[0]]


def _calls_of(stage: Stage, before: int) -> list[Call]:
    """The calls since there were `before`. They are recorded when they end, which may be a moment after the answer did."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        stage.backends.check()
        if len(found := _calls(stage.folder)) > before:
            time.sleep(0.2)
            stage.backends.check()
            return _calls(stage.folder)[before:]
        time.sleep(0.05)
    return found[before:]


def _answered(name: str, route: RouteSpec, sample: Sample, app: AppRun) -> Iterator[Step]:
    """Whether the reply came, ended, is good, and is not taken for a degraded one."""
    said = (
        f"{route.asked} answered {sample.status or 'nothing'}"
        if route.run is None
        else f"{route.asked}: " + ("exit status 0" if sample.status == 0 else "it failed")
    )
    if sample.end == "complete" and sample.good and sample.text:
        yield Step(f"{name}: answer", "ok", f"{said}, {len(sample.text)} characters of text")
        if sample.degraded:
            cure = f"routes.{name}.degraded must hold for stopgaps only; here it held with a healthy backend"
            yield Step(f"{name}: degraded", "bad", f"taken for a degraded answer: {sample.degraded}", cure)
        return
    cures = {
        "refused": "does the app crash on this request? See its last output",
        "left": "the app did not answer in time with a healthy backend; launch.patience says how long users wait",
        "timeout": "the app did not end its answer in time with a healthy backend",
        "truncated": f"routes.{name}.answer says how the end is announced, and it was not: check done",
        "error": f"routes.{name}: path, method, headers and body must be those of a real user's request"
        if route.run is None
        else "run the command by hand, with the environment of app.env",
    }
    cure = cures.get(sample.end, "")
    if sample.end == "complete" and not sample.text:
        cure = f"routes.{name}.answer must lead to the answer's text"
    elif sample.end == "complete":
        cure = f"no rule of routes.{name}.good holds for this reply"
    yield Step(f"{name}: answer", "bad", f"{said}: {sample.error or sample.end}", cure, app.output)


def _called(name: str, route: RouteSpec, calls: list[Call]) -> Iterator[Step]:
    """Which backends were called, and whether they could answer."""
    listed = ", ".join(
        f"{c.backend} ({c.endpoint or 'unknown'} {c.model}) {c.status or c.end}".strip() for c in calls[:5]
    )
    failed = [c for c in calls if c.status >= 400]
    if not failed:
        yield Step(f"{name}: calls", "ok", f"{len(calls)} made: {listed}")
        if missed := [b for b in route.needs if b not in {c.backend for c in calls}]:
            cure = f"routes.{name}.needs names the backends that the route calls; is the app pointed at each of them?"
            yield Step(f"{name}: needs", "bad", f"{', '.join(missed)} was not called", cure)
        return
    cure = {
        404: "an unknown path or model: compare the base URL with the placeholder's, and models: with the app's model names",
        501: "the simulated backend does not serve what the app asks for yet",
        400: "the simulated backend could not read the call",
    }.get(failed[0].status, "a healthy backend refused a call; see calls.jsonl")
    yield Step(f"{name}: calls", "bad", f"{len(failed)} of {len(calls)} failed on a healthy backend: {listed}", cure)


def _watermarks(name: str, trace: Trace, calls: list[Call]) -> Iterator[Step]:
    """Whether the question reached the backend, and the backend's words the user."""
    tied = [c for c in calls if c.request == f"prompt-{trace.sample.prompt}"]
    if tied:
        yield Step(f"{name}: question", "ok", f"recognised in {len(tied)} of {len(calls)} calls")
    else:
        cure = "the user's words must reach the model as they are, in part at least: calls are tied to requests by them"
        yield Step(f"{name}: question", "bad", "the user's question is in none of the calls", cure)
    if trace.outcome is Outcome.ANSWERED:
        yield Step(f"{name}: answer's source", "ok", f"the model's own words, whole ({trace.source})")
    elif trace.sample.end == "complete":
        cure = f"does routes.{name}.answer lead to the model's text? Else say with good: and degraded: what a good answer is"
        status: Literal["note", "bad"] = "bad" if trace.outcome is Outcome.WRONG else "note"
        yield Step(f"{name}: answer's source", status, f"{trace.outcome}: {trace.why}", cure)


def _streaming(name: str, route: RouteSpec, sample: Sample, calls: list[Call]) -> Iterator[Step]:
    """Whether text becomes visible while the model still speaks."""
    if route.read.json is not None:
        yield Step(
            f"{name}: streaming", "note", "the answer comes in one piece: the first words take as long as the last"
        )
        return
    assert sample.first is not None
    shown = (sample.last or sample.first) - sample.first
    after_first_words = max(c.ended for c in calls) - sample.first
    if sample.pieces > 2 and after_first_words > 0.25 * shown > 0:
        yield Step(f"{name}: streaming", "ok", f"{sample.pieces} pieces, the first while the model was still speaking")
    else:
        cure = "send pieces on as they come, and let no proxy or middleware buffer them"
        yield Step(f"{name}: streaming", "note", f"{sample.pieces} pieces, all after the model had finished", cure)
