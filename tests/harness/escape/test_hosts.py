"""Host patterns: what they match, and what is said of a text that is none."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.faults.values.errors import ConfigError
from brownout.harness.config.app import AppConfig
from brownout.harness.escape.hosts import HostPattern, split_target
from brownout.harness.escape.providers import provider_of, providers


@pytest.mark.parametrize(
    ("pattern", "host", "port", "matches"),
    [
        ("db.internal", "db.internal", 443, True),
        ("DB.Internal.", "db.internal", 80, True),
        ("db.internal", "xdb.internal", 443, False),
        ("db.internal", "db.internal.evil.com", 443, False),
        ("db.internal", "dbxinternal", 443, False),
        ("db.internal:8080", "db.internal", 8080, True),
        ("db.internal:8080", "db.internal", 443, False),
        ("*.internal", "a.b.internal", 443, True),
        ("*.internal", "internal", 443, False),
        ("*.internal", ".internal", 443, False),
        ("10.0.0.*:6333", "10.0.0.17", 6333, True),
        ("[::2]:80", "::2", 80, True),
        ("[::2]", "::3", 80, False),
        ("*", "api.openai.com", 443, True),
    ],
)
def test_what_a_pattern_matches(pattern: str, host: str, port: int, matches: bool) -> None:
    assert HostPattern.parse(pattern).matches(host, port) is matches


@given(
    st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}[a-z0-9]", fullmatch=True),
    st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True),
)
def test_without_a_star_a_pattern_stands_for_itself(name: str, other: str) -> None:
    pattern = HostPattern.parse(name)
    assert pattern.matches(name, 443)
    assert pattern.matches(other, 443) == (other == name)
    assert HostPattern.parse(str(pattern)) == pattern


@pytest.mark.parametrize("text", ["", "http://", "db internal", "db:0", "db:70000", "db:", "a/b", "[::1", 7, None])
def test_what_is_no_pattern(text: object) -> None:
    with pytest.raises(ValueError, match="is not a host such as"):
        HostPattern.parse(text)


def test_a_url_is_told_what_was_meant(tmp_path: Path) -> None:
    file = tmp_path / "brownout.yaml"
    file.write_text(
        "app:\n  start: x {port}\n  allow:\n    - '*.internal'\n    - https://user@db.internal:444/x?key=1\n"
        "routes: {r: {path: /, body: '{prompt}', answer: {json: $.a}}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        AppConfig.read(file)
    assert "brownout.yaml:5:7: app.allow[1]: " in str(caught.value)
    assert "write the host alone: db.internal:444" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("API.openai.com:443", ("api.openai.com", 443)),
        ("api.openai.com.:443", ("api.openai.com", 443)),
        ("[2001:db8::1]:80", ("2001:db8::1", 80)),
    ],
)
def test_a_target(text: str, target: tuple[str, int]) -> None:
    assert split_target(text) == target


@pytest.mark.parametrize("text", ["host", "host:", ":1", "host:0", "host:65536", "ho st:1", "::1:80", "a@b:1", "*:1"])
def test_what_is_no_target_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="not a host and a port") as caught:
        split_target(text)
    assert str(caught.value) == "not a host and a port"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.openai.com", "OpenAI"),
        ("eu.api.openai.com", "OpenAI"),
        ("shop.openai.azure.com", "Azure"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "Amazon Bedrock"),
        ("europe-west4-aiplatform.googleapis.com", "Google"),
        ("storage.googleapis.com", None),
        ("openai.com", None),
        ("s3.eu-west-1.amazonaws.com", None),
        ("openaipublic.blob.core.windows.net", None),
    ],
)
def test_whose_api_a_host_is(host: str, name: str | None) -> None:
    found = provider_of(host)
    assert (found[0] if found else None) == name


def test_the_patterns_that_the_documentation_shows(tmp_path: Path) -> None:
    document = Path(__file__).parents[3] / "docs" / "no-escape.md"
    (block,) = re.findall(r"```yaml\napp:\n(.*?)```", document.read_text(), re.DOTALL)
    file = tmp_path / "brownout.yaml"
    file.write_text(
        f"app:\n  start: x {{port}}\n{block}routes: {{r: {{path: /, body: '{{prompt}}', answer: {{json: $.a}}}}}}\n"
    )
    assert [str(p) for p in AppConfig.read(file).app.allow] == ["vectors.internal", "*.internal:6333", "10.0.0.*"]


def test_a_variable_belongs_to_one_provider() -> None:
    names = [k for p in providers().values() for k in (*p.keys, *p.replaced)]
    assert len(names) == len(set(names)) > 30
