"""What brownout.yaml says of answers and replies, and what it is told when that is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from brownout.faults.values.errors import ConfigError
from brownout.harness.config.answer import FORMATS, AnswerSpec, NdjsonDone, NdjsonSpec, SseSpec, TextSpec, VercelSpec
from brownout.harness.config.app import AppConfig, RouteSpec

YAML = """\
app: {{start: "x {{port}}"}}
routes:
  chat:
    path: /chat
    body: {{q: "{{prompt}}"}}
    answer: {answer}
    good: {good}
"""


def route(folder: Path, answer: str = "{json: $.a}", good: str = "[{status: 200}]") -> RouteSpec:
    file = folder / "brownout.yaml"
    file.write_text(YAML.format(answer=answer, good=good))
    return AppConfig.read(file).routes["chat"]


@pytest.mark.parametrize(
    ("answer", "spec"),
    [
        ("{json: $.a}", AnswerSpec(json="$.a")),
        ("{sse: {text: $.t, done: end}}", AnswerSpec(sse=SseSpec("$.t", "end"))),
        ("{ndjson: {text: $.t}}", AnswerSpec(ndjson=NdjsonSpec("$.t"))),
        (
            "{ndjson: {text: $.t, done: {path: $.done, equals: true}, error: $.e}}",
            AnswerSpec(ndjson=NdjsonSpec("$.t", NdjsonDone("$.done", True), "$.e")),
        ),
        ("{ndjson: {text: $.t, done: {path: $.n, equals: 1}}}", AnswerSpec(ndjson=NdjsonSpec("$.t", NdjsonDone("$.n", 1)))),
        ("{text: true}", AnswerSpec(text=TextSpec())),
        ("{text: {}}", AnswerSpec(text=TextSpec())),
        ("{json: $.a, text: false}", AnswerSpec(json="$.a")),
        ("{vercel: true}", AnswerSpec(vercel=VercelSpec())),
        ("{vercel: {}}", AnswerSpec(vercel=VercelSpec())),
        ("{vercel: {finish: false}}", AnswerSpec(vercel=VercelSpec(finish=False))),
    ],
)  # fmt: skip
def test_answers(tmp_path: Path, answer: str, spec: AnswerSpec) -> None:
    read = route(tmp_path, answer).answer
    # 1 == True in Python, but not in JSON.
    assert repr(read) == repr(spec)


def test_the_formats_in_the_readme(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    shown = re.findall(r"^\| `(\{.*?\})` \|", readme, re.MULTILINE)
    assert [route(tmp_path, answer).read.format[0] for answer in shown] == list(FORMATS)
    (rule,) = re.findall(r"or a `schema`: `(.*)`\.$", readme, re.MULTILINE)
    assert route(tmp_path, good=f"[{rule}]").good[0].schema


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("{}", "6:5: routes.chat.answer: say where the answer is: write one of json:, sse:, ndjson:, text: or vercel:"),
        ("{text: false}", "6:5: routes.chat.answer: say where the answer is: write one of json:"),
        ("{json: $.a, vercel: true}", "6:5: routes.chat.answer: an answer has one format; write only one of json:, vercel:"),
        ("{text: $.a}", "6:14: routes.chat.answer.text: write true, not '$.a'"),
        ("{text: {path: $.a}}", "6:21: routes.chat.answer.text.path: unknown key 'path'"),
        ("{vercel: {finsh: false}}", "unknown key 'finsh' (did you mean finish?)"),
        ("{ndjason: {text: $.a}}", "unknown key 'ndjason' (did you mean ndjson or json?)"),
        ("{ndjson: {text: a.b}}", "6:14: routes.chat.answer.ndjson: 'a.b' is not a JSONPath such as $.answer"),
        ("{ndjson: {text: $.a, error: e}}", "'e' is not a JSONPath"),
        ("{ndjson: {text: $.a, done: {path: d}}}", "6:34: routes.chat.answer.ndjson.done: 'd' is not a JSONPath"),
        ("{ndjson: {text: $.a, done: $.d}}", "routes.chat.answer.ndjson.done: expected a mapping of keys to values"),
        ("{websocket: {path: /ws}}", "an app that answers over a WebSocket is not supported: brownout reads answers from HTTP"),
        ("{websocket: true, json: $.a}", "an app that answers over a WebSocket is not supported"),
    ],
)  # fmt: skip
def test_mistakes_in_answers(tmp_path: Path, answer: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        route(tmp_path, answer)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{schema: {type: strng}}", "7:22: routes.chat.good[0].schema.type: not a JSON Schema: 'strng' is not one of ["),
        ("{schema: {properties: {a: {minimum: x}}}}", "good[0].schema.properties.a.minimum: not a JSON Schema: 'x' is not of"),
        ("{schema: {pattern: '('}}", "good[0].schema.pattern: not a JSON Schema: '(' is not a 'regex'"),
        ("{schema: {allOf: [{}, {required: a}]}}", "good[0].schema.allOf[1].required: not a JSON Schema: 'a' is not of type"),
        ("{schema: {$ref: 'http://127.0.0.1:9/s'}}", "good[0].schema: the reference 'http://127.0.0.1:9/s' leads nowhere"),
        ("{schema: {items: {$ref: '#/$defs/a'}}}", "the reference '#/$defs/a' leads nowhere"),
        ("{schema: {items: {$ref: '#/allOf/x'}, allOf: [{}]}}", "the reference '#/allOf/x' leads nowhere"),
        ("{schema: {$schema: draft-7}}", "good[0].schema.$schema: 'draft-7' is not a draft of JSON Schema; the latest is http"),
        ("{schema: {$schema: [7]}}", "[7] is not a draft of JSON Schema"),
        ("{schema: {const: 2027-03-01}}", "good[0].schema: holds what JSON does not have (Object of type date"),
        ("{schema: {const: .nan}}", "good[0].schema: holds what JSON does not have"),
        ("{schema: answer.json}", "routes.chat.good[0].schema"),
        ("{}", "an empty rule would match every reply; give status, header, event, path, matches or schema"),
    ],
)  # fmt: skip
def test_mistakes_in_schemas(tmp_path: Path, rule: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        route(tmp_path, good=f"[{rule}]")
    assert said in str(caught.value)


def test_every_schema_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        route(
            tmp_path, good="[{schema: {type: a}}, {schema: {type: b}}]\n    degraded: [{path: $.x, schema: {type: c}}]"
        )
    assert re.findall(r"(\w+\[\d\])\.schema\.type", str(caught.value)) == ["good[0]", "good[1]", "degraded[0]"]


@pytest.mark.parametrize(
    "schema", ["true", "{}", "{$ref: '#/$defs/a', $defs: {a: {type: string}}}", "{properties: {$ref: {type: string}}}"]
)
def test_schemas_that_are_right(tmp_path: Path, schema: str) -> None:
    assert route(tmp_path, good=f"[{{schema: {schema}}}]").good[0].schema is not None


def test_a_websocket_app_is_refused_by_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "brownout.yaml"
    file.write_text(YAML.format(answer="{websocket: {url: /ws}}", good="[]"))
    command = [sys.executable, "-m", "brownout.harness.cli", "run", "--app", str(file)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 2
    assert "WebSocket is not supported" in " ".join(run.stderr.split())
