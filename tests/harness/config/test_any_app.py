"""brownout.yaml for apps of every kind: what does not fit together is told with its place and its cure."""

from pathlib import Path

import pytest

from brownout.faults.values.errors import ConfigError
from brownout.harness.config.app import AppConfig
from brownout.harness.hosts import check_confirmed

BASE = """\
app: {start: "app {port}", env: {A: "{backend.a.openai}"}}
backends:
  a: {prefix: /a}
  b: {dialect: anthropic}
routes:
  chat:
    path: /chat
    body: {q: "{prompt}"}
    answer: {json: $.x}
"""


def read(tmp_path: Path, *changes: tuple[str, str]) -> AppConfig:
    text = BASE
    for find, replace in changes:
        assert find in text
        text = text.replace(find, replace)
    (tmp_path / "brownout.yaml").write_text(text)
    return AppConfig.read(tmp_path / "brownout.yaml")


def test_the_base_is_right(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert config.values({"a": "http://h:1/a", "b": "http://h:2"}, 5)["backends.origin"] == "http://h:1"
    assert config.values({"a": "http://h:1/a", "b": "http://h:2"}, 5)["backend.b.anthropic"] == "http://h:2"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([("b: {dialect: anthropic}", "b: {prefix: /a}")], "brownout.yaml:4:7: backends.b.prefix: a path below /a could mean a or b"),
        ([("b: {dialect: anthropic}", "b: {prefix: /a/v1}")], "a path below /a/v1 could mean a or b"),
        ([("b: {dialect: anthropic}", "b: {prefix: /_brownout}")], "/_brownout is brownout's own path"),
        ([("b: {dialect: anthropic}", "b: {prefix: a}")], "prefix is the beginning of a path"),
        ([("b: {dialect: anthropic}", "b: {answers: [{endpoint: chats, text: x}]}")], "openai has no endpoint 'chats' (did you mean chat?)"),
        ([("    answer", "    needs: [c]\n    answer")], "routes.chat.needs[0]: unknown backend 'c'"),
        ([('"{prompt}"', '"{prompt} {login.token}"')], "nothing is taken for {login.token} (take it: login: {take: {token: $.…}})"),
        ([('"{prompt}"', '"{prompt} {env.NO_SUCH_THING}"')], "set NO_SUCH_THING in the environment of brownout"),
        ([('"{prompt}"', '"{messages}"')], "{messages} is for a route with conversation"),
        ([("    answer", "    conversation: {think: 100h}\n    answer")], "think is at most 60 min"),
        ([("    answer: {json: $.x}\n", "")], "answer is missing"),
        ([('start: "app {port}", env: {A: "{backend.a.openai}"}', 'url: "http://127.0.0.1:1/x"')], "without a path"),
        ([('env: {A: "{backend.a.openai}"}', 'url: "http://127.0.0.1:1"')], "not both"),
        ([('start: "app {port}", env: {A: "{backend.a.openai}"}', 'url: "http://127.0.0.1:1", allow: [x.y]')], "for an app that brownout starts"),
        ([('start: "app {port}", env: {A: "{backend.a.openai}"}', "name: x")], "route 'chat' asks an app that nobody starts"),
        (
            [("    path: /chat\n    body: {q: \"{prompt}\"}\n", '    run: "ask {prompt}"\n')],
            "every route runs a command of its own (leave out app.start and app.url",
        ),
        (
            [
                ('start: "app {port}", env: {A: "{backend.a.openai}"}', "name: x"),
                ("    path: /chat\n    body: {q: \"{prompt}\"}\n", '    run: ["ask", "{prompt}", "{backend.a.opnai}"]\n'),
            ],
            "routes.chat.run: unknown placeholder {backend.a.opnai} (did you mean backend.a.openai",
        ),
        ([("routes:", "login: {path: /in, body: 1, form: {a: b}}\nroutes:")], "a login sends a body or a form, not both"),
        ([("routes:", "tenants: {x: {weight: 0}}\nroutes:")], "weight is a number above 0"),
        ([("env: {A:", "health: {path: hz}, env: {A:")], "path starts with a slash, not 'hz'"),
        ([("env: {A:", "metrics: {path: /m, every: 1ms}, env: {A:")], "every is from 0.2s"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together(tmp_path: Path, changes: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, *changes)
    assert said in " ".join(map(str, caught.value.problems))


def test_a_host_is_confirmed_in_any_case() -> None:
    check_confirmed("http://STAGING.invalid", ["Staging.invalid"])
