"""``brownout init`` on little projects: what it writes can be read, says where it comes from, and overwrites nothing."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.harness.discover.test_running import DOCUMENT, answering, reply
from tests.harness.discover.trees import AGENT, EXPRESS, FASTAPI, SCRIPT, STDIN, TREES, Tree, plant

from brownout.faults.values.errors import ConfigError
from brownout.harness.cli.init import init
from brownout.harness.cli.schema import Files, text
from brownout.harness.config.app import AppConfig
from brownout.harness.config.experiment import read_experiment
from brownout.harness.discover.openapi import described


def written(folder: Path, tree: Tree, url: str | None = None) -> tuple[AppConfig, str]:
    """What init writes for a project: as it is read, and as it stands there."""
    assert init(plant(folder, tree), url) == 0
    file = folder / "brownout.yaml"
    return AppConfig.read(file), file.read_text()


@pytest.mark.parametrize("name", TREES)
def test_what_is_written_can_be_read(name: str, tmp_path: Path) -> None:
    config, said = written(tmp_path, TREES[name])
    assert said.startswith("# yaml-language-server: $schema=.brownout/app.schema.json\n")
    schema = json.loads((tmp_path / ".brownout/app.schema.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(yaml.safe_load(said))) == []
    assert read_experiment(tmp_path / "first.experiment.yaml", config.launch).name == "first"
    assert (tmp_path / ".brownout/experiment.schema.json").read_text() == text(Files.EXPERIMENT)


AGENT_ENV = """\
  env:
    OPENAI_BASE_URL: "{backend.primary.openai}"    # openai, requirements.txt
    OPENAI_API_KEY: not-a-real-key
    ANTHROPIC_BASE_URL: "{backend.anthropic.anthropic}"    # pydantic-ai-slim, requirements.txt
    ANTHROPIC_API_KEY: not-a-real-key
    GOOGLE_GEMINI_BASE_URL: "{backend.gemini.gemini}"    # pydantic-ai-slim, requirements.txt
    GEMINI_API_KEY: not-a-real-key
    GOOGLE_API_KEY: not-a-real-key
    # pydantic-ai-slim, requirements.txt: reads no variable for its base URL. \
Change the app: MistralProvider(base_url=os.environ.get("MISTRAL_BASE_URL"))
    MISTRAL_BASE_URL: "{backend.mistral.mistral}"    # pydantic-ai-slim, requirements.txt
    MISTRAL_API_KEY: not-a-real-key
    # RERANK_BASE_URL: "{backend.primary.openai}"    # read in main.py: is it where a model is?
"""


def test_a_backend_for_each_dialect(tmp_path: Path) -> None:
    config, said = written(tmp_path, AGENT)
    backends = {name: backend.dialect for name, backend in config.backends.items()}
    assert backends == {"primary": "openai", "anthropic": "anthropic", "gemini": "gemini", "mistral": "mistral"}
    assert AGENT_ENV in said
    assert '    path: "/run"    # main.py:9\n' in said


def test_two_clients_that_want_one_variable_differently(tmp_path: Path) -> None:
    _, said = written(
        tmp_path, {**EXPRESS, "package.json": EXPRESS["package.json"].replace('"5"', '"5", "@anthropic-ai/sdk": "1"')}
    )
    assert 'ANTHROPIC_BASE_URL: "{backend.primary.anthropic}"    # @anthropic-ai/sdk, package.json\n' in said
    assert '# @ai-sdk/anthropic, package.json: wants ANTHROPIC_BASE_URL: "{backend.primary.anthropic}/v1"' in said


def test_a_command(tmp_path: Path) -> None:
    config, said = written(tmp_path, SCRIPT)
    assert config.routes["ask"].run == ["ask", "{prompt}"]
    assert "# pyproject.toml: project.scripts.ask" in said
    assert config.app.start is None
    assert config.app.env == {"OLLAMA_HOST": "{backend.primary.origin}"}
    assert config.backends["primary"].dialect == "ollama"


def test_a_command_that_reads_its_input(tmp_path: Path) -> None:
    config, _ = written(tmp_path, STDIN)
    assert config.routes["ask"].run == ["{python}", "answer.py"]
    assert config.routes["ask"].stdin == "{prompt}\n"


def test_an_app_that_runs_already(tmp_path: Path) -> None:
    with answering(reply(200, json.dumps(DOCUMENT).encode())) as (origin, _):
        config, said = written(tmp_path, {"requirements.txt": "openai"}, origin)
    assert config.app.url == origin
    assert config.app.start is None
    assert config.routes["chat"].path == "/v2/chat"
    assert config.routes["chat"].body == {"prompt": "{prompt}"}
    assert f"# {origin}/openapi.json" in said
    assert '  #   OPENAI_BASE_URL: "{backend.primary.openai}"' in said


@pytest.mark.parametrize("example", ["command_line", "flask_anthropic"])
def test_an_example_is_ready_to_be_tested_as_it_is_written(tmp_path: Path, example: str) -> None:
    folder = Path(__file__).parents[3] / "suites/examples" / example
    written(tmp_path, {f.name: f.read_text() for f in folder.glob("*.py")})
    run = subprocess.run(
        [sys.executable, "-m", "brownout.harness.cli", "doctor"],
        cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "This app can be tested" in run.stdout


def test_guesses_are_called_guesses(tmp_path: Path) -> None:
    _, said = written(tmp_path, {})
    for line in ("  start: ", "    path: ", "    body: ", "    answer: ", "  ready: "):
        assert (
            next(found for found in said.splitlines() if found.startswith(line))
            .partition("#")[2]
            .startswith(" a guess")
        )


@pytest.mark.parametrize("file", ["brownout.yaml", "first.experiment.yaml"])
def test_nothing_is_written_over(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("mine")
    with pytest.raises(ConfigError, match="nothing is written over"):
        init(tmp_path)
    assert [(f.name, f.read_text()) for f in tmp_path.iterdir()] == [(file, "mine")]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / ".brownout").write_text("")
    with pytest.raises(ConfigError, match=r"app\.schema\.json cannot be written"):
        init(tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == [".brownout"]


def test_an_app_that_says_nothing_of_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with answering(reply(404, b"")) as (origin, _):
        config, _ = written(tmp_path, FASTAPI, origin)
    assert config.routes["ask"].path == "/v1/ask"
    assert f"no OpenAPI document of {origin} says how the app is asked" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["nowhere"], "nowhere is not a folder"), ([".", "--url", "http://example.com"], "on this machine")],
)
def test_what_cannot_be_done(tmp_path: Path, arguments: list[str], said: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "brownout.harness.cli", "init", *arguments],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert said in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_only_what_was_not_found_is_asked(tmp_path: Path) -> None:
    tree = {"requirements.txt": "openai", "main.py": 'app = FastAPI()\n@app.post("/chat")\ndef chat(x: str): ...'}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "brownout.harness.cli", "init"],
        cwd=plant(tmp_path, tree), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, b"words\n")
    said = process.communicate(timeout=30)[0].decode()
    os.close(ours)
    assert process.returncode == 0
    assert said.count("?") == 1
    assert "Which field of the JSON body holds the question?" in said
    config = AppConfig.read(tmp_path / "brownout.yaml")
    assert config.routes["chat"].body == {"words": "{prompt}"}
    assert "# your answer" in (tmp_path / "brownout.yaml").read_text()


def test_what_was_found_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, FASTAPI)
    out = capfd.readouterr().out
    assert "route    /v1/ask  (src/shop/main.py:23)" in out
    assert "client   openai, which speaks openai  (requirements.txt)" in out
    assert "next: brownout doctor" in out


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6) | st.sampled_from(
    ["{env.X}", "a: b", "# x", "yes", "'\""]
)


@settings(max_examples=40, deadline=None)
@given(field=NAMES, other=NAMES, value=NAMES, path=NAMES)
def test_whatever_a_document_says_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, field: str, other: str, value: str, path: str
) -> None:
    schema = {"properties": {field: {"type": "string"}, other: {"example": value}}, "required": [other]}
    answer = {"application/json": {"schema": {"properties": {other: {"type": "string"}}}}}
    operation = {
        "requestBody": {"content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"content": answer}},
    }
    document = {"openapi": "3.1.0", "paths": {f"/{path}": {"post": operation}}}
    folder = tmp_path_factory.mktemp("app")
    if described(document) is None:
        return
    with answering(reply(200, json.dumps(document).encode())) as (origin, _):
        written(folder, {}, origin)
