"""``brownout init`` on small projects: what is found, what is asked, and that the files it writes are good ones."""

import subprocess
import sys
from pathlib import Path

import pytest

from brownout.harness.config.app import AppConfig
from brownout.harness.config.experiment import read_experiment
from brownout.harness.discover import discover

FASTAPI = """
from fastapi import FastAPI
from pydantic import BaseModel

api: FastAPI = FastAPI()

class Ask(BaseModel):
    question: str

@api.get("/healthz")
def health(): return {}

@api.post("/feedback")
async def feedback(): ...

@api.post("/v1/ask")
async def ask(a: Ask):
    return {"reply": "..."}
"""
FLASK = """
from flask import Flask, jsonify
app = Flask(__name__)
@app.route("/assistant", methods=["POST"])
def assistant():
    prompt = request.json["prompt"]
    return jsonify(answer="...")
"""
EXPRESS = """
import express from "express";
const app = express();
app.get("/ping", (req, res) => res.send("ok"));
app.post("/api/chat", async (req, res) => {
  const { messages } = req.body; const text = messages;
  res.setHeader("content-type", "text/event-stream");
});
app.listen(process.env.PORT);
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def init(folder: Path) -> tuple[int, str]:
    run = subprocess.run(
        [sys.executable, "-m", "brownout.harness.cli", "init"],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return run.returncode, run.stdout + run.stderr


def test_fastapi(tmp_path: Path) -> None:
    found = discover(write(tmp_path, src__shop__main_DOT_py=FASTAPI, requirements_DOT_txt="# x\nopenai>=3\nfastapi\n"))
    assert found.start
    assert found.start.value == "uvicorn shop.main:api --port {port} --app-dir src"
    assert found.route
    assert found.route.value == "/v1/ask", "a likely route comes before the first one"
    assert found.ready
    assert found.ready.value == "/healthz"
    assert found.body_field
    assert found.body_field.value == "question"
    assert found.answer_field
    assert found.answer_field.value == "reply"
    assert [c.value for c in found.clients] == ["openai"]
    assert found.streams is None


def test_flask(tmp_path: Path) -> None:
    pyproject = '[project]\nname = "x"\ndependencies = ["anthropic>=2", "Flask"]\n'
    found = discover(write(tmp_path, web_DOT_py=FLASK, pyproject_DOT_toml=pyproject))
    assert found.start
    assert found.start.value == "flask --app web:app run --port {port}"
    assert found.route
    assert found.route.value == "/assistant"
    assert found.body_field
    assert found.body_field.value == "prompt"
    assert found.answer_field
    assert found.answer_field.value == "answer"
    assert [c.value for c in found.clients] == ["anthropic"]


def test_express(tmp_path: Path) -> None:
    package = '{"scripts": {"start": "node server.mjs"}, "dependencies": {"express": "5", "@ai-sdk/openai": "2"}}'
    found = discover(
        write(tmp_path, server_DOT_mjs=EXPRESS, package_DOT_json=package, node_modules__x_DOT_js="app.post('/chat')")
    )
    assert found.start
    assert found.start.value == "npm start"
    assert found.route
    assert found.route.value == "/api/chat"
    assert found.ready
    assert found.ready.value == "/ping"
    assert found.streams
    assert "text/event-stream" in found.streams.source
    assert [c.value for c in found.clients] == ["@ai-sdk/openai"]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"src__shop__main_DOT_py": FASTAPI, "requirements_DOT_txt": "openai"},
        {"web_DOT_py": FLASK, "requirements_DOT_txt": "anthropic"},
        {
            "server_DOT_mjs": EXPRESS,
            "package_DOT_json": '{"scripts": {"start": "node s"}, "dependencies": {"openai": "5"}}',
        },
        {
            "pyproject_DOT_toml": "not toml [",
            "package_DOT_json": "[]",
            "requirements_DOT_txt": "\0",
            "x_DOT_py": "\xff(",
        },
        {'we"ird\n#_DOT_py': FASTAPI},
    ],
)
def test_what_is_written_is_a_good_configuration(tmp_path: Path, files: dict[str, str]) -> None:
    code, said = init(write(tmp_path, **files))
    assert code == 0, said
    assert "brownout doctor" in said
    config = AppConfig.read(tmp_path / "brownout.yaml")
    assert config.routes["main"].body
    assert config.backends["primary"].dialect == "openai"
    assert read_experiment(tmp_path / "first.experiment.yaml", config.launch).name == "first"


def test_a_client_that_is_not_served_is_said(tmp_path: Path) -> None:
    _, said = init(write(tmp_path, web_DOT_py=FLASK, requirements_DOT_txt="anthropic"))
    assert "model client: anthropic  (requirements.txt): its wire format is not served in this version" in said


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "first.experiment.yaml").write_text("mine")
    code, said = init(tmp_path)
    assert code == 2
    assert "nothing is written over" in said
    assert (tmp_path / "first.experiment.yaml").read_text() == "mine"
    assert not (tmp_path / "brownout.yaml").exists()
