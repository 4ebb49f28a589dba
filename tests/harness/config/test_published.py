"""The JSON Schemas for editors: up to date, valid, open to every file that we ship, closed to what brownout refuses."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from brownout.faults.plans.load import incidents, load_plan
from brownout.faults.plans.selector import selectors
from brownout.faults.values.errors import ConfigError
from brownout.faults.values.fault import dialects, faults
from brownout.harness.check import checks
from brownout.harness.cli.schema import Files, text
from brownout.harness.config.app import AppConfig, Launch
from brownout.harness.config.catalogue import check_waivers
from brownout.harness.config.experiment import read_experiment
from brownout.harness.config.published import SORTS, schema

ROOT = Path(__file__).parents[3]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md"))))


class Loader(yaml.SafeLoader):
    """Reads YAML as editors do: a date is a text to JSON Schema."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def complaints(sort: str, written: str, partial: bool = False) -> list[str]:
    """What an editor would underline."""
    known = schema(sort)
    if partial:
        known.pop("required", None)
    found = Draft202012Validator(known).iter_errors(yaml.load(written, Loader))
    return [f"{e.json_path}: {e.message[:200]}" for e in found]


def sort_of(data: Any) -> str | None:
    """The sort of file that a mapping belongs to; None where it belongs to something else."""
    keys = set(data) if isinstance(data, dict) else set()
    known = {sort: set(schema(sort)["properties"]) for sort in SORTS}
    order = ("plan", "suite", "app", "experiment")
    return next((sort for sort in order if keys and keys <= known[sort]), None)


def shipped() -> Iterator[tuple[str, str, str]]:
    """Every YAML file of the suites, and every block of YAML in the documents: place, sort, text."""
    for path in sorted((ROOT / "suites").rglob("*.yaml")):
        kind = {"experiment.yaml": "experiment", "suite.yaml": "suite", "plan.yaml": "plan"}
        name = path.name.partition(".")[2]
        yield str(path.relative_to(ROOT)), kind.get(name, "app"), path.read_text()
    for document in DOCUMENTS:
        for i, block in enumerate(re.findall(r"```yaml\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)):
            if sort := sort_of(yaml.load(block, Loader)):
                yield f"{document}#{i}", sort, block


SHIPPED = list(shipped())


@pytest.mark.parametrize(("place", "sort", "written"), SHIPPED, ids=[p for p, _, _ in SHIPPED])
def test_what_is_shipped_is_valid(place: str, sort: str, written: str) -> None:
    assert complaints(sort, written, partial=".md#" in place) == []


def test_the_documents_show_every_sort_of_file() -> None:
    assert {"app", "experiment", "plan"} <= {sort for place, sort, _ in SHIPPED if ".md#" in place}
    assert {sort for place, sort, _ in SHIPPED if ".md#" not in place} >= {"app", "experiment", "suite"}


APP = "app: {url: 'http://127.0.0.1:8000'}\nroutes: {a: {path: /a, body: '{prompt}', answer: {json: $.a}}}\n"
EXPERIMENT = "experiment: x\nphases: {fault: {faults: [hang]}}\nexpect: {fault: [no_endless_wait]}\n"
BROKEN = [
    ("app", APP + "backend: {primary: {}}", "backend"),
    ("app", APP + "launch: {ttft_p95: 2 parsecs}", "$.launch.ttft_p95"),
    ("app", APP + "launch: {requests_per_day: many}", "$.launch.requests_per_day"),
    ("app", APP + "backends: {primary: {dialect: opnai}}", "$.backends.primary.dialect"),
    ("app", APP + "backends: {primary: {speed: {head: 2 parsecs}}}", "$.backends.primary.speed.head"),
    ("app", APP + "backends: {primary: {speed: {head: {normal: 1s}}}}", "$.backends.primary.speed.head"),
    ("app", APP + "backends: {primary: {capacity: {slots: 0}}}", "$.backends.primary.capacity.slots"),
    ("app", APP + "waivers: [{check: nothing, reason: a, owner: b, expires: 2099-01-01}]", "$.waivers[0].check"),
    ("app", APP.replace("url: 'http://127.0.0.1:8000'", "start: 'a {port}', env: {PORT: 80}"), "app"),
    ("app", APP.replace("json: $.a", "xml: a"), "$.routes.a.answer"),
    ("app", APP.replace("path: /a, ", ""), "$.routes.a"),
    ("app", APP.replace("path", "method: PATCH, path"), "$.routes.a.method"),
    ("experiment", EXPERIMENT.replace("hang", "hangs"), "$.phases.fault.faults[0]"),
    ("experiment", EXPERIMENT.replace("hang", "http_error"), "$.phases.fault.faults[0]"),
    ("experiment", EXPERIMENT.replace("hang", "{latency: {second: 3s}}"), "$.phases.fault.faults[0]"),
    ("experiment", EXPERIMENT.replace("hang", "{spike_15s: {seconds: soon}}"), "$.phases.fault.faults[0]"),
    ("experiment", EXPERIMENT.replace("hang", "{hang: {}, stall: {}}"), "$.phases.fault.faults[0]"),
    ("experiment", EXPERIMENT.replace("fault: {faults", "baseline: {faults"), "$.phases.baseline.faults"),
    ("experiment", EXPERIMENT.replace("no_endless_wait", "no_endless_weight"), "$.expect.fault[0]"),
    ("experiment", EXPERIMENT.replace("no_endless_wait", "ttft < 2s"), "$.expect.fault[0]"),
    ("experiment", EXPERIMENT.replace("no_endless_wait", "ttft_p95 < 2 parsecs"), "$.expect.fault[0]"),
    ("experiment", EXPERIMENT.replace("no_endless_wait", "ttft_p95 > 2s"), "$.expect.fault[0]"),
    ("experiment", EXPERIMENT.replace("no_endless_wait", "served >= launch.patience"), "$.expect.fault[0]"),
    ("experiment", EXPERIMENT.replace("no_endless_wait", "recovery_time < 5s"), "$.expect.fault[0]"),
    ("experiment", EXPERIMENT.replace("no_endless_wait", "{that: no_endless_wait, severity: bad}"), "$.expect.fault[0]"),
    ("experiment", EXPERIMENT.replace("experiment: x", "experiment: X y"), "$.experiment"),
    ("experiment", EXPERIMENT + "load: {repeat: half}", "$.load.repeat"),
    ("plan", "faults: [{hang: {}, probability: often}]", "$.faults[0]"),
    ("plan", "faults: [{hang: {}, first_attempts: 0}]", "$.faults[0]"),
    ("plan", "faults: [{hang: {}, scope: {endpoint: chats}}]", "$.faults[0]"),
    ("plan", "faults: [{hang: {}, window: {since: 1s}}]", "$.faults[0]"),
    ("plan", "faults: [{scope: {model: x}}]", "$.faults[0]"),
    ("plan", "faults: hang", "$.faults"),
]  # fmt: skip


def read_app(path: Path) -> None:
    check_waivers(AppConfig.read(path).waivers, (), path.parent)


READ: dict[str, Callable[[Path], object]] = {
    "app": read_app,
    "experiment": lambda path: read_experiment(path, Launch()),
    "plan": load_plan,
}


@pytest.mark.parametrize(("sort", "written", "place"), BROKEN)
def test_what_is_broken_is_refused_by_the_schema_and_by_brownout(
    sort: str, written: str, place: str, tmp_path: Path
) -> None:
    found = complaints(sort, written)
    assert any(place in f for f in found), found
    path = tmp_path / "file.yaml"
    path.write_text(written)
    with pytest.raises(ConfigError):
        READ[sort](path)


@pytest.mark.parametrize(("sort", "written"), [("app", APP), ("experiment", EXPERIMENT)])
def test_what_was_broken_was_whole(sort: str, written: str) -> None:
    assert complaints(sort, written) == []


@pytest.mark.parametrize(
    "written",
    [
        "answered >= 95%", "ttft_p95 < launch.ttft_p95", "total_p999 <= 20 s", "amplification <= 2.5x",
        "cost_per_day <= 40 USD", "cost_per_day <= launch.budget_per_day", "{that: served >= 0.6, severity: note}",
    ],
)  # fmt: skip
def test_ways_to_write_an_expectation(written: str) -> None:
    assert complaints("experiment", EXPERIMENT.replace("no_endless_wait", written)) == []


@pytest.mark.parametrize(
    "rule",
    [
        "spike_15s", "{stall: }", "{spike_15s: {seconds: {lognormal: {median: 2s, sigma: 1}}}}", "{hang: {}, per_user: 5%}",
        "{hang: {}, first_attempts: 2, window: {from: 10s, to: 1m}, scope: {model: 'gpt*', streaming: true, endpoint: chat}}",
    ],
)  # fmt: skip
def test_ways_to_write_a_rule(rule: str) -> None:
    assert complaints("plan", f"faults: [{rule}]") == []


def test_all_that_is_registered_has_a_place() -> None:
    keys = set(schema("plan")["$defs"]["rule"]["anyOf"][1]["properties"])
    assert keys == {*faults.names(), *incidents(), *selectors.names(), "scope", "window"}
    assert schema("app")["$defs"]["BackendSpec"]["properties"]["dialect"]["enum"] == dialects.names()
    said = str(schema("experiment")["$defs"])
    assert all(name in said for name in checks.names())


def test_descriptions_come_from_docstrings() -> None:
    parts = schema("app")["$defs"]
    assert parts["AppSpec"]["description"].startswith("How to start the app (`start`), or where it runs already")
    assert parts["AppSpec"]["properties"]["allow"]["description"].startswith("`allow` are the hosts")
    assert "Retry-After" in schema("plan")["$defs"]["fault_http_error"]["properties"]["retry_after"]["description"]


@pytest.mark.parametrize("sort", list(SORTS))
def test_the_published_copies_are_up_to_date(sort: str) -> None:
    Draft202012Validator.check_schema(schema(sort))
    file = f"docs/schema/{sort}.schema.json"
    assert (ROOT / file).read_text() == text(Files(sort)), f"renew it: brownout schema {sort} > {file}"
