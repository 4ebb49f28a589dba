"""Little projects, as people lay them out: file to text."""

from pathlib import Path

Tree = dict[str, str]


def plant(folder: Path, tree: Tree) -> Path:
    """Write a project into a folder."""
    for name, text in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


FASTAPI: Tree = {
    "requirements.txt": "# x\nopenai>=3\nfastapi\n",
    "src/shop/main.py": """
from fastapi import FastAPI
from pydantic import BaseModel
from shop.settings import KEY

api: FastAPI = FastAPI()

class Ask(BaseModel):
    content_type: str = "text"
    question: str
    top_k: int

class Reply(BaseModel):
    id: str
    reply: str

@api.get("/healthz")
def health(): return {}

@api.post("/feedback")
async def feedback(): ...

@api.post("/v1/ask", response_model=Reply)
async def ask(a: Ask): ...
""",
    "src/shop/settings.py": "KEY = 1",
}
ROUTERS: Tree = {
    "pyproject.toml": '[project]\nname = "x"\ndependencies = ["anthropic>=2", "FastAPI"]\n',
    "app/__init__.py": "",
    "app/main.py": """
from fastapi import FastAPI
from app.routers import chat

def create_app() -> FastAPI:
    app = FastAPI()
    app.include_router(chat.router, prefix="/api")
    return app
""",
    "app/routers/__init__.py": "",
    "app/routers/chat.py": """
import json
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from ..schemas import ChatRequest
router = APIRouter(prefix="/v1")

def events():
    yield f"data: {json.dumps({'token': '...'})}\\n\\n"
    yield "event: failed\\ndata: {}\\n\\n"
    yield "data: [DONE]\\n\\n"

@router.post("/chat")
async def chat(request: ChatRequest) -> StreamingResponse:
    return StreamingResponse(events(), media_type="text/event-stream")
""",
    "app/schemas.py": """
from typing import Literal
from pydantic import BaseModel, Field

class Base(BaseModel):
    tenant: str

class ChatRequest(Base):
    messages: list[dict] = Field(min_length=1)
    mode: Literal["fast", "slow"]
    temperature: float = 0.2
""",
}
FLASK: Tree = {
    "pyproject.toml": '[project]\nname = "x"\ndependencies = ["mistralai", "Flask"]\n',
    "web.py": """
from flask import Flask, jsonify, request
app = Flask(__name__)

@app.route("/assistant/<name>", methods=["POST"])
def other(name): ...

@app.route("/status")
def status(): ...

@app.route("/assistant", methods=["POST"])
def assistant():
    settings = {"message": 1}["message"]
    data = request.get_json()
    prompt = data["prompt"]
    return jsonify(answer="...", id=1)
""",
}
STARLETTE: Tree = {
    "requirements.txt": "starlette\ncohere",
    "backend/main.py": """
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from tools import helper

async def complete(request):
    body = await request.json()
    return JSONResponse({"completion": body.get("input")})

app = Starlette(routes=[Route("/ping", lambda r: None), Route("/complete", complete, methods=["POST"])])
""",
    "backend/tools.py": "helper = 1",
}
EXPRESS: Tree = {
    "package.json": '{"scripts": {"start": "node server.mjs"}, "dependencies": {"express": "5", "@ai-sdk/anthropic": "2"}}',
    "server.mjs": """
import express from "express";
const app = express();
app.get("/ping", (req, res) => res.send("ok"));
app.post("/feedback", (req, res) => res.json({ ok: true }));
app.post("/api/chat", async (req, res) => {
  const { session, question = "?" } = req.body;
  res.setHeader("content-type", "text/event-stream");
  res.write(`data: ${JSON.stringify({ delta: "x" })}\\n\\n`);
  res.write("event: end\\ndata: {}\\n\\n");
});
app.listen(process.env.PORT);
""",
    "node_modules/x.js": "app.post('/chat')",
}
NEXT: Tree = {
    "package.json": '{"scripts": {"build": "next build"}, "dependencies": {"next": "15", "@ai-sdk/google": "3", "ai": "6"}}',
    "src/app/(chat)/api/chat/route.ts": """
import { convertToModelMessages, streamText } from "ai";
export async function POST(req: Request) {
  const { messages }: { messages: UIMessage[] } = await req.json();
  return streamText({ messages: convertToModelMessages(messages) }).toUIMessageStreamResponse();
}
""",
    "src/app/api/items/[id]/route.ts": "export async function POST(req: Request) {}",
}
SCRIPT: Tree = {
    "pyproject.toml": '[project]\nname = "x"\ndependencies = ["ollama"]\n[project.scripts]\nask = "tool.cli:main"\n',
    "tool/cli.py": "import argparse\nimport ollama\ndef main(): ...",
}
STDIN: Tree = {"answer.py": "import sys\nfrom openai import OpenAI\nif __name__ == '__main__': print(sys.stdin.read())"}
NODE_COMMAND: Tree = {"package.json": '{"bin": {"ask": "./cli.mjs"}, "dependencies": {"ollama": "1"}}', "cli.mjs": ""}
AGENT: Tree = {
    "requirements.txt": "pydantic-ai-slim[google]\nfastapi\nopenai\n",
    "main.py": """
import os
from fastapi import FastAPI
from pydantic_ai import Agent
from pydantic_ai.models.mistral import MistralModel
app = FastAPI()
agent = Agent("anthropic:claude-sonnet-4-5")
RERANK = os.environ["RERANK_BASE_URL"]
@app.post("/run")
async def run(q: dict): return {"output": q["question"]}
""",
}
LITELLM: Tree = {
    "requirements.txt": "litellm",
    "llm.py": 'import litellm\nif __name__ == "__main__":\n    litellm.completion("gemini/gemini-2.5-flash")',
}
BROKEN: Tree = {
    "pyproject.toml": 'project = "x"',
    "package.json": "[]",
    "requirements.txt": "\0",
    "x.py": "\\xff(",
    "y.py": "class A(A):\n    pass\n\nfrom fastapi import FastAPI\napp = FastAPI()\n@app.post('/a')\ndef f(a: A): return {1: 2}",
}
ODD: Tree = {
    'we"ird {x}.py': FASTAPI["src/shop/main.py"]
    .replace("reply: str", "reply_é: str")
    .replace("question", "frage_text"),
    "z.py": 'from flask import Flask\n\napp = Flask("x")\n@app.post("/a\\nb")\ndef a(): return {"my answer": request.json["{env.X}"]}',
}
DJANGO: Tree = {
    "requirements.txt": "Django\nanthropic",
    "server/manage.py": "from django.core.management import execute_from_command_line",
}
TREES: dict[str, Tree] = {
    "nothing": {}, "fastapi": FASTAPI, "routers": ROUTERS, "flask": FLASK, "starlette": STARLETTE, "express": EXPRESS,
    "next": NEXT, "script": SCRIPT, "stdin": STDIN, "node command": NODE_COMMAND, "agent": AGENT, "litellm": LITELLM,
    "broken": BROKEN, "django": DJANGO, "odd": ODD,
}  # fmt: skip
