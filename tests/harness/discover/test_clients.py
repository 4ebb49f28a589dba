"""The table of model clients: that it is true of the clients installed here, and up to date where it is printed."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.harness.discover.test_python import found
from tests.harness.discover.trees import AGENT, LITELLM, Tree

from brownout.faults.values.fault import dialects
from brownout.harness.config.app import AppConfig
from brownout.harness.discover import Project
from brownout.harness.discover.clients import clients, environment, is_address, placeholders, ways
from brownout.harness.discover.table import COMMAND, document

ROOT = Path(__file__).parents[3]
ORIGIN = "http://127.0.0.1:9"
INSTALLED = {
    # package and dialect: how an app makes the client (CODE is the line that the table tells it to write), its base URL
    ("openai", "openai"): ("from openai import OpenAI", "OpenAI().base_url", "/v1/"),
    ("anthropic", "anthropic"): ("from anthropic import Anthropic", "Anthropic().base_url", ""),
    ("google-genai", "gemini"): ("from google import genai", "genai.Client()._api_client._http_options.base_url", ""),
    ("ollama", "ollama"): ("import ollama", "ollama.Client()._client.base_url", ""),
    ("cohere", "cohere"): ("import cohere", "cohere.ClientV2()._client_wrapper.get_base_url()", ""),
    ("mistralai", "mistral"): (
        "from mistralai.client import Mistral", "CODE.sdk_configuration.get_server_details()[0]", "",
    ),
    ("pydantic-ai-slim", "openai"): (
        "from pydantic_ai.providers.openai import OpenAIProvider", "OpenAIProvider().base_url", "/v1/",
    ),
    ("pydantic-ai-slim", "anthropic"): (
        "from pydantic_ai.providers.anthropic import AnthropicProvider", "AnthropicProvider().base_url", "",
    ),
    ("pydantic-ai-slim", "gemini"): (
        "from pydantic_ai.providers.google import GoogleProvider", "GoogleProvider().base_url", "",
    ),
    ("pydantic-ai-slim", "cohere"): (
        "from pydantic_ai.providers.cohere import CohereProvider", "CohereProvider().base_url", "",
    ),
    ("pydantic-ai-slim", "mistral"): (
        "from pydantic_ai.providers.mistral import MistralProvider",
        "CODE._client.sdk_configuration.get_server_details()[0]", "",
    ),
}  # fmt: skip


def test_the_clients_heed_their_variables() -> None:
    # Nothing of this machine's environment but what a process needs: no variable of a model API is left.
    env = {k: os.environ[k] for k in ("PATH", "HOME") if k in os.environ}
    lines = ["import json, os", "shown = []"]
    for (package, dialect), (imports, expression, _) in INSTALLED.items():
        way, base = clients("pypi")[package].dialects[dialect], dialects.get(dialect)().base_url(ORIGIN)
        for name, value in environment(dialect, way).items():
            env[name] = value.replace("{base}", base).replace("{origin}", ORIGIN)
        lines += [imports, f"shown.append(str({expression.replace('CODE', way.code)}))"]
    code = "\n".join([*lines, "print(json.dumps(shown))"])
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    shown = dict(zip(INSTALLED, json.loads(run.stdout), strict=True))
    assert shown == {client: ORIGIN + ending for client, (_, _, ending) in INSTALLED.items()}


def test_the_versions_are_those_installed() -> None:
    """A new major version is a reason to read again."""
    for package, _ in INSTALLED:
        assert clients("pypi")[package].read.split(".")[0] == version(package).split(".")[0], package


def test_every_client_is_led_to_its_backend_and_has_a_key() -> None:
    for _, package, client, dialect, way in ways():
        assert dialect in dialects, package
        variables = environment(dialect, way)
        assert sum(map(is_address, variables.values())) == 1, (package, dialect)
        assert client.read
        if way.code:
            assert next(n for n, v in variables.items() if is_address(v)) in way.code
    assert set(dialects.names()) <= {dialect for *_, dialect, _ in ways()}, "a dialect that no client is known for"


def test_placeholders_are_filled(tmp_path: Path) -> None:
    file = tmp_path / "brownout.yaml"
    file.write_text(
        "app: {url: 'http://127.0.0.1:1'}\nroutes: {a: {path: /a, body: '{prompt}', answer: {json: $.a}}}\n"
        "backends: {b: {dialect: openai}}"
    )
    values = AppConfig.read(file).values({"b": ORIGIN}, 1)
    assert values[placeholders("{base}", "b", "openai").strip("{}")] == f"{ORIGIN}/v1"
    assert values[placeholders("{origin}/x", "b", "openai").partition("/")[0].strip("{}")] == ORIGIN


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs/model-clients.md").read_text() == document(), f"renew it: {COMMAND}"


def test_the_page_names_every_client() -> None:
    page = document()
    for registry, package, client, *_ in ways():
        assert f"{package} {client.read}" + (" (npm)" if registry == "npm" else "") in page


def spoken(project: Project) -> set[tuple[str, str]]:
    return {(c.value.package, c.value.dialect) for c in project.clients}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (AGENT, {("openai", "openai"), *(("pydantic-ai-slim", d) for d in ("gemini", "mistral", "anthropic"))}),
        (LITELLM, {("litellm", "gemini")}),
        ({"requirements.txt": "litellm"}, {("litellm", "openai")}),
        ({"a.py": "from google import genai"}, {("google-genai", "gemini")}),
        ({"a.py": "import google.cloud"}, set()),
        ({"a.py": "from llama_index.llms.openai import OpenAI"}, {("llama-index-llms-openai", "openai")}),
        ({"requirements.txt": "Langchain_OpenAI>=1 ; python_version > '3'"}, {("langchain-openai", "openai")}),
        ({"pyproject.toml": "[tool.poetry.dependencies]\ncohere = '*'"}, {("cohere", "cohere")}),
        ({"package.json": '{"dependencies": {"ollama": "*"}}'}, {("ollama", "ollama")}),
    ],
)
def test_which_clients_and_dialects_are_found(tmp_path: Path, tree: Tree, expected: set[tuple[str, str]]) -> None:
    assert spoken(found(tmp_path, tree)) == expected


def test_the_same_name_on_npm_is_another_client(tmp_path: Path) -> None:
    (python,) = found(tmp_path / "p", {"requirements.txt": "ollama"}).clients
    (node,) = found(tmp_path / "n", {"package.json": '{"dependencies": {"ollama": "*"}}'}).clients
    assert not python.value.way.code
    assert "process.env.OLLAMA_HOST" in node.value.way.code


@pytest.mark.parametrize(
    "text",
    [
        'x = os.environ["MY_BASE_URL"]', 'os.environ.get("MY_BASE_URL", 1)', "getenv('MY_BASE_URL')",
    ],
)  # fmt: skip
def test_variables_that_may_be_the_address_of_a_model(tmp_path: Path, text: str) -> None:
    assert [a.value for a in found(tmp_path, {"a.py": text, "b.py": 'os.environ["HOME_URL"]'}).addresses] == [
        "MY_BASE_URL"
    ]
