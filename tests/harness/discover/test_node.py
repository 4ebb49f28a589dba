"""What is read from the sources of Node projects."""

from pathlib import Path

import pytest
from tests.harness.discover.test_python import found, value
from tests.harness.discover.trees import EXPRESS, FASTAPI, NEXT, NODE_COMMAND


def test_express(tmp_path: Path) -> None:
    project = found(tmp_path, EXPRESS)
    assert value(project.start) == "npm start"
    assert value(project.path) == "/api/chat"
    assert value(project.ready) == "/ping"
    assert value(project.body) == {"question": "{prompt}"}
    assert value(project.answer) == {"sse": {"text": "$.delta", "done": "end"}}
    assert [(c.value.package, c.value.dialect) for c in project.clients] == [("@ai-sdk/anthropic", "anthropic")]


def test_next(tmp_path: Path) -> None:
    project = found(tmp_path, NEXT)
    assert value(project.start) == "npx next start -p {port}"
    assert value(project.path) == "/api/chat", "a group is no part of the path, and a path with a variable is left out"
    assert value(project.answer) == {"vercel": True}
    assert value(project.body)["messages"][0]["parts"] == [{"type": "text", "text": "{prompt}"}]


@pytest.mark.parametrize(
    ("said", "field", "answer"),
    [
        ("const q = req.body.prompt; res.json({ id, reply: x })", "prompt", "$.reply"),
        ("const { message: text } = await c.req.json(); return c.json({ 'answer': text })", "message", "$.answer"),
    ],
)
def test_ways_to_read_and_to_answer(tmp_path: Path, said: str, field: str, answer: str) -> None:
    tree = {
        "package.json": '{"scripts": {"start": "node s.js"}}',
        "s.js": f'app.post("/ask", (req, res) => {{ {said} }})',
    }
    project = found(tmp_path, tree)
    assert value(project.body) == {field: "{prompt}"}
    assert value(project.answer) == {"json": answer}


def test_a_command(tmp_path: Path) -> None:
    project = found(tmp_path, NODE_COMMAND)
    assert value(project.command) == ["node", "./cli.mjs"]


def test_a_python_backend_comes_before_a_frontend(tmp_path: Path) -> None:
    project = found(tmp_path, {**EXPRESS, **FASTAPI})
    assert value(project.start) == "uvicorn shop.main:api --port {port} --app-dir src"
    assert value(project.path) == "/v1/ask"
