"""The JSON Schemas of the files that brownout reads, for editors: made from the models and the registries.

A schema is wider than what is read: it does not know what two places of a file say together, such as the name of a backend
in a scope. It is narrower only where nobody writes, such as a key that is there and null.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from brownout.faults.plans.load import _Scope, incidents
from brownout.faults.plans.selector import selectors
from brownout.faults.values.fault import dialects, faults
from brownout.faults.values.units import NUMBER_PATTERN, SECONDS_PATTERN, SHARE_PATTERN
from brownout.harness.check import Check, checks
from brownout.harness.config.answer import FORMATS
from brownout.harness.config.app import AppConfig
from brownout.harness.config.catalogue import Suite
from brownout.harness.config.experiment import _LAUNCH_UNITS, PHASES, _Expected, _File
from brownout.harness.config.json_schema import Schema, closed, described, of_models, reference, referred, whole

__all__ = ["SORTS", "schema"]


def schema(sort: str) -> Schema:
    """The JSON Schema (draft 2020-12) of one sort of file: a key of `SORTS`."""
    title, made = SORTS[sort]
    return whole(title, *made())


def _app() -> tuple[Schema, dict[str, Schema]]:
    found, parts = of_models(app=AppConfig)
    parts["BackendSpec"]["properties"]["dialect"]["enum"] = dialects.names()
    parts["AnswerRule"]["properties"]["endpoint"]["enum"] = ["", *_endpoints()]
    parts["WaiverSpec"]["properties"]["check"]["enum"] = checks.names()
    answer = parts["AnswerSpec"]
    answer["properties"] = {name: answer["properties"][name] for name in FORMATS}
    answer |= {"minProperties": 1, "maxProperties": 1}
    for switch in ("text", "vercel"):
        answer["properties"][switch]["anyOf"].insert(0, {"const": True})
    parts["RouteSpec"]["oneOf"] = [{"required": ["path", "answer"]}, {"required": ["run"]}]
    return found["app"], parts


def _experiment() -> tuple[Schema, dict[str, Schema]]:
    found, parts = of_models(file=_File, expected=_Expected)
    parts |= _rules()
    for part, words in _EXPERIMENT_WORDS.items():
        for name, text in words.items():
            parts[part]["properties"][name]["description"] = text
    parts["File"]["properties"]["experiment"] |= {"pattern": "^[a-z][a-z0-9_]*$", "maxLength": 64}
    parts["Phase"]["properties"]["faults"]["items"] = reference("rule")
    parts["Phases"]["properties"]["baseline"]["properties"] = {"faults": {"maxItems": 0}}
    for name in PHASES:
        parts[f"expected_in_{name}"] = {"anyOf": list(_expectations(name))}
        that = reference(f"expected_in_{name}")
        with_severity = closed({**parts["Expected"]["properties"], "that": that}, "that")
        parts["Expect"]["properties"][name]["items"] = {"anyOf": [that, with_severity]}
    return found["file"], parts


_EXPERIMENT_WORDS: Mapping[str, Mapping[str, str]] = {
    "File": {
        "experiment": "The name of the experiment: a-z, 0-9 and _.",
        "title": "What happens, in a few words.",
        "question": "What the experiment asks of the app.",
        "load": "How much traffic there is.",
        "phases": "What goes wrong when. All three phases exist, whether they are written or not.",
        "expect": "What must hold in each phase.",
    },
    "Load": {
        "peak": "A multiple of launch.peak_rps.",
        "repeat": "The share of questions that were asked before.",
    },
    "Phase": {
        "at_least": "How long the phase lasts at least; what is expected of it may need longer.",
        "faults": "The rules of the fault plan.",
    },
}


def _plan() -> tuple[Schema, dict[str, Schema]]:
    return closed({"faults": {"type": "array", "items": reference("rule")}}, "faults"), _rules()


def _suite() -> tuple[Schema, dict[str, Schema]]:
    found, parts = of_models(suite=Suite)
    return found["suite"], parts


SORTS: Mapping[str, tuple[str, Callable[[], tuple[Schema, dict[str, Schema]]]]] = {
    "app": ("brownout.yaml: the app under test", _app),
    "experiment": ("A brownout experiment", _experiment),
    "plan": ("A brownout fault plan", _plan),
    "suite": ("A brownout suite: a list of experiments", _suite),
}
"""The sorts of files: their titles, and what makes their schemas."""


def _rules() -> dict[str, Schema]:
    """The definition ``rule``, a rule of a fault plan, and what it refers to."""
    made, parts = of_models(scope=_Scope, **dict(faults))
    keys: Schema = {"scope": _scope(made.pop("scope"), parts), "window": _WINDOW}
    keys |= {name: _selector(kind) for name, kind in selectors}
    kinds: dict[str, Schema] = {}
    needed = {}
    for name, fault in made.items():
        parts[f"fault_{name}"] = fault = parts[referred(fault)] if referred(fault) else fault
        needed[name] = fault.pop("required", [])
        kinds[name] = _parameters(name, needed[name])
    for name, incident in incidents().items():
        said = f"{incident.title}. Seen: {incident.source}"
        kinds[name] = {**_parameters(incident.fault.name, []), "description": said}
    named = closed({**keys, **kinds}, oneOf=[{"required": [name]} for name in kinds])
    bare = {"enum": [name for name in kinds if not needed.get(name)]}
    parts["rule"] = {
        "description": "One fault or incident, and the calls that it hits: `brownout list faults`, `brownout list incidents`.",
        "anyOf": [bare, named],
    }
    return parts


_WINDOW = closed(
    {"from": reference("seconds"), "to": reference("seconds")},
    description="When the rule is in force, counted from the beginning of the plan or of the phase.",
)


def _scope(made: Schema, parts: dict[str, Schema]) -> Schema:
    scope = parts[referred(made)] if referred(made) else made
    scope["properties"]["endpoint"]["anyOf"][0]["enum"] = _endpoints()
    scope["properties"]["model"]["description"] = "The name of the model; it may hold wildcards, as in gpt-4o*."
    return {**scope, "description": "The calls that the rule is about; what is left out may be anything."}


def _parameters(fault: str, required: list[str]) -> Schema:
    """What stands behind the name of a fault or of an incident that presets one."""
    given = reference(f"fault_{fault}")
    return {**given, "required": required} if required else {"anyOf": [given, {"type": "null"}]}


def _selector(kind: Any) -> Schema:
    """What a selector is written as, where its only field tells: a share, or a number from 1."""
    fields = " ".join(str(f.type) for f in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ""
    written = {"float": reference("share"), "int": {"type": "integer", "minimum": 1}}.get(fields, {})
    return {**written, "description": described(kind)}


def _endpoints() -> list[str]:
    return sorted({endpoint for _, dialect in dialects for endpoint in dialect().endpoints})


def _expectations(phase: str) -> Iterator[Schema]:
    """What can be expected of a phase: an alternative for each check."""
    for name, check in checks:
        if phase in check.phases:
            yield {**_written(name, check), "description": check.title}


def _written(name: str, check: Check) -> Schema:
    """How an expectation of a check is written."""
    if check.kind == "invariant":
        return {"const": name}
    percentile = r"_p(?!00)([0-9][0-9]|99[0-9])" if check.percentile else ""
    operator = "<=?" if check.better == "lower" else ">=?"
    limits = [_LIMITS.get(check.unit, rf"{NUMBER_PATTERN}\s*(x|USD)?")]
    limits += [rf"launch\.{n}" for n, unit in _LAUNCH_UNITS.items() if unit == check.unit]
    pattern = rf"^\s*{name}{percentile}\s*{operator}\s*({'|'.join(limits)})\s*$"
    example = f"{name}{'_p95' if check.percentile else ''} {check.example}"
    return {"type": "string", "pattern": pattern, "examples": [example]}


_LIMITS = {"s": SECONDS_PATTERN, "ratio": SHARE_PATTERN}
