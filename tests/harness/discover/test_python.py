"""What is read from the sources of Python projects."""

from pathlib import Path
from typing import Any

import pytest
from tests.harness.discover.trees import BROKEN, DJANGO, FASTAPI, FLASK, ROUTERS, SCRIPT, STARLETTE, STDIN, Tree, plant

from brownout.harness.discover import Find, Project, discover


def value(find: Find[Any] | None) -> Any:
    return find and find.value


def found(folder: Path, tree: Tree) -> Project:
    return discover(plant(folder, tree))


def test_fastapi(tmp_path: Path) -> None:
    project = found(tmp_path, FASTAPI)
    assert value(project.start) == "uvicorn shop.main:api --port {port} --app-dir src"
    assert project.path == Find("/v1/ask", "src/shop/main.py:23"), "a likely route comes before the first one"
    assert value(project.ready) == "/healthz"
    assert value(project.body) == {"question": "{prompt}", "top_k": 1}
    assert value(project.answer) == {"json": "$.reply"}
    assert [c.value.package for c in project.clients] == ["openai"]
    assert project.clients[0].source == "requirements.txt"
    assert project.command is None


def test_a_factory_and_routers_with_prefixes_and_a_stream(tmp_path: Path) -> None:
    project = found(tmp_path, ROUTERS)
    assert value(project.start) == "uvicorn app.main:create_app --factory --port {port}"
    assert value(project.path) == "/api/v1/chat"
    assert value(project.body) == {
        "messages": [{"role": "user", "content": "{prompt}"}],
        "tenant": "text",
        "mode": "fast",
    }
    assert value(project.answer) == {"sse": {"text": "$.token", "done": "[DONE]", "error": "failed"}}


def test_flask(tmp_path: Path) -> None:
    project = found(tmp_path, FLASK)
    assert value(project.start) == "flask --app web:app run --port {port}"
    assert value(project.path) == "/assistant"
    assert value(project.ready) == "/status"
    assert value(project.body) == {"prompt": "{prompt}"}, "what is taken from the request, not from anything else"
    assert value(project.answer) == {"json": "$.answer"}


def test_starlette_in_a_folder_of_its_own(tmp_path: Path) -> None:
    project = found(tmp_path, STARLETTE)
    assert value(project.start) == "uvicorn main:app --port {port} --app-dir backend"
    assert value(project.path) == "/complete"
    assert value(project.ready) == "/ping"
    assert value(project.body) == {"input": "{prompt}"}
    assert value(project.answer) == {"json": "$.completion"}


def test_django(tmp_path: Path) -> None:
    project = found(tmp_path, DJANGO)
    assert value(project.start) == "python server/manage.py runserver --noreload 127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ('StreamingResponse(x, media_type="text/plain")', {"text": True}),
        ('StreamingResponse(x, media_type="application/x-ndjson")', {"ndjson": {"text": "$"}}),
        ("EventSourceResponse(x)", {"sse": {"text": "$"}}),
        ('{"id": 1, "final_answer": "x"}', {"json": "$.final_answer"}),
        ('{"my answer": "x"}', {"json": '$["my answer"]'}),
        ("x", None),
    ],
)
def test_ways_to_answer(tmp_path: Path, reply: str, answer: dict[str, Any] | None) -> None:
    tree = {"main.py": f'app = FastAPI()\n@app.post("/chat")\ndef chat(x: str):\n    return {reply}'}
    assert value(found(tmp_path, tree).answer) == answer


def test_a_script_of_the_project(tmp_path: Path) -> None:
    project = found(tmp_path, SCRIPT)
    assert project.command == Find(["ask"], "pyproject.toml: project.scripts.ask")
    assert not project.stdin
    assert project.start is None


def test_a_file_that_runs_itself_and_reads_its_input(tmp_path: Path) -> None:
    project = found(tmp_path, STDIN)
    assert value(project.command) == ["{python}", "answer.py"]
    assert project.stdin
    assert [(c.value.package, c.source) for c in project.clients] == [("openai", "answer.py")]


@pytest.mark.parametrize(
    "more", [{"requirements.txt": "django"}, {"web.py": 'app = FastAPI()\n@app.post("/a")\ndef a(): ...'}]
)
def test_a_web_app_with_a_script_is_no_command(tmp_path: Path, more: Tree) -> None:
    assert found(tmp_path, {**SCRIPT, **more}).command is None


def test_a_file_without_a_model_client_is_no_command(tmp_path: Path) -> None:
    assert found(tmp_path, {"setup.py": "if __name__ == '__main__': setup()"}).command is None


def test_what_cannot_be_parsed_is_left_out(tmp_path: Path) -> None:
    project = found(tmp_path, BROKEN)
    assert value(project.start) == "uvicorn y:app --port {port}"
    assert project.body is None
    assert project.answer is None


def test_what_others_wrote_is_left_out(tmp_path: Path) -> None:
    source = FASTAPI["src/shop/main.py"]
    tree = {f"{folder}/main.py": source for folder in (".venv", "venv", "node_modules", "tests", ".hidden")}
    (tmp_path / "link").symlink_to(tmp_path / "venv")
    project = found(tmp_path, tree)
    assert (project.start, project.path) == (None, None)
