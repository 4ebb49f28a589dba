"""brownout.yaml: what cannot be used is refused as it is read, with its place and what to write."""

from pathlib import Path

import pytest

from brownout.faults.values.errors import ConfigError
from brownout.harness.config.app import AppConfig

APP = """\
app:
  start: "python app.py {port}"
  env: {LLM_URL: "{backend.primary.openai}"}
  ready: {path: /ready, within: 2s}
backends:
  primary: {dialect: openai}
routes:
  ask: {path: /ask, body: {q: "{prompt}"}, answer: {json: $.answer}}
launch: {peak_rps: 30, requests_per_day: 1000, patience: 3s}
"""


def read(tmp_path: Path, find: str, replace: str) -> AppConfig:
    assert find in APP
    (tmp_path / "brownout.yaml").write_text(APP.replace(find, replace), encoding="utf-8")
    return AppConfig.read(tmp_path / "brownout.yaml")


@pytest.mark.parametrize(
    ("find", "replace", "said"),
    [
        ('"python app.py {port}"', "\"python 'app.py {port}\"", "brownout.yaml:2:3: app.start: cannot be split into words"),
        ('"python app.py {port}"', "[{a: 1}, 7]", "app.start: a command is a text or a list of texts, not [{'a': 1}, 7]"),
        ('"python app.py {port}"', "[]", "app.start: a command is a text or a list of texts"),
        ('"python app.py {port}"', "''", "app.start: a command is a text or a list of texts"),
        ("{LLM_URL: ", '{"A=B": x, LLM_URL: ', "env: 'A=B' cannot be the name of a variable"),
        ("/ready", "ready", "app.ready: path starts with a slash, not 'ready'"),
        ("within: 2s", "within: 2h", "app.ready: within is at most 60 min"),
        ("{q: ", "{day: 2027-01-01, q: ", "routes.ask: body holds what JSON does not have"),
        ("{q: ", "{q2: !!binary aGk=, q: ", "routes.ask: body holds what JSON does not have"),
        ("{q: ", "{q2: [.nan], q: ", "routes.ask: body holds what JSON does not have"),
        ("body:", 'headers: {x: "a\\nb"}, body:', "headers: 'x' holds a character that no header can"),
        ("body:", 'headers: {x: "€"}, body:', "headers: 'x' holds a character that no header can"),
        ("body:", 'headers: {"x y": a}, body:', "headers: 'x y' cannot be the name of a header"),
        ("body:", 'headers: {x: "\\ud800"}, body:', "headers.x: holds half a character (\\ud800"),
        ("/ask", '"/as\\0k"', "routes.ask.path: holds the character NUL"),
        ("/ask", '"/as\\x01k"', "routes.ask: path holds a control character"),
        ("peak_rps: 30", "peak_rps: .inf", "launch.peak_rps: inf is not a number"),
        ("peak_rps: 30", "peak_rps: true", "launch.peak_rps: True is not a number"),
        ("peak_rps: 30", "peak_rps: 1e12", "peak_rps is in requests a second, at most 100,000"),
        ("per_day: 1000", "per_day: true", "launch.requests_per_day"),
        ("patience: 3s", "patience: 100h", "patience is at most 60 min"),
        ("openai}\nroutes", "openai, prices: {m: {input: -1, output: 1}}}\nroutes", "input is a price in US dollars from 0"),
        ("openai}\nroutes", "openai, prices: {m: {input: 1, output: .nan}}}\nroutes", "prices.m.output: nan is not a number"),
        ("openai}\nroutes", "openai, prices: {m: {input: .inf, output: 1}}}\nroutes", "prices.m.input: inf is not a number"),
        (
            "openai}\nroutes",
            "openai, answers: [{text: x, prompt: 'a{99999999999999999999}'}]}\nroutes",
            "prompt is not a regular expression",
        ),
        (
            "openai}\nroutes",
            f"openai, answers: [{{text: x, prompt: '{'(' * 2000}{')' * 2000}'}}]}}\nroutes",
            "prompt is not a regular expression",
        ),
        ("  primary: {dialect: openai}", "  {}", "an app without a backend has nothing to fail"),
        ("  ready:", "  _ready:", "unknown key '_ready' (did you mean ready?)"),
    ],
)  # fmt: skip
def test_what_cannot_be_used(tmp_path: Path, find: str, replace: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, find, replace)
    assert said in str(caught.value)


def test_a_wrong_command_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, '"python app.py {port}"', "{a: 1}")
    assert [p.key for p in caught.value.problems] == ["app.start"]


def test_what_can_be_used(tmp_path: Path) -> None:
    config = read(tmp_path, "body:", 'headers: {x: "é\\t!", y: ""}, body:')
    assert config.routes["ask"].headers["x"] == "é\t!"
    assert read(tmp_path, "peak_rps: 30", "peak_rps: 1e1").launch.peak_rps == 10.0
    assert read(tmp_path, '"python app.py {port}"', '[python, "{port}"]').app.start == ["python", "{port}"]


def test_another_file_is_not_printed(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("root:*:1234:0:::\nbin:*:1234:0:::\n")
    with pytest.raises(ConfigError) as caught:
        AppConfig.read(file)
    assert "is it the right file?" in str(caught.value)
    assert "1234" not in str(caught.value)
