"""An app for members, standard library only: ``members.py PORT``.

POST /login with a tenant's header and the password of the environment gives a cookie and a token. POST /chat wants both, keeps to
one tenant and one conversation, and says 400 where the history is not what it said itself. GET /metrics.
"""

import json
import os
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

SESSIONS: dict[str, tuple[str, str]] = {}
SAID: dict[str, list[str]] = {}
LOCK = Lock()


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status: int, data: object, **headers: str) -> None:
        body = data.encode() if isinstance(data, str) else json.dumps(data).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.reply(200, f"chats_total {len(SAID)}\n" if self.path == "/metrics" else {})

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
        tenant = self.headers.get("x-tenant", "")
        if self.path == "/login":
            if sent != {"who": tenant, "password": os.environ["PASSWORD"]}:
                self.reply(401, {"detail": "no"})
                return
            key = f"key-{tenant}"
            SESSIONS[key] = (tenant, f"token-{tenant}")
            self.reply(200, {"access": {"token": f"token-{tenant}"}}, set_cookie=f"sid={key}; Path=/; HttpOnly")
            return
        session = SESSIONS.get(self.headers.get("cookie", "").removeprefix("sid="))
        if session != (tenant, self.headers.get("authorization", "").removeprefix("Bearer ")):
            self.reply(401, {"detail": f"{tenant} is not logged in"})
            return
        messages, mine = sent["messages"], sent["mine"]
        with LOCK:
            said = SAID.setdefault(mine, [])
        heard = [m["content"] for m in messages if m["role"] == "assistant"]
        if heard != said or sent["id"] != (f"c-{mine}" if said else ""):
            self.reply(400, {"detail": f"{mine}: heard {len(heard)} of {len(said)} answers, id {sent['id']!r}"})
            return
        ask = {"model": "gpt-4o", "messages": messages}
        request = urllib.request.Request(
            os.environ["LLM_URL"] + "/chat/completions", json.dumps(ask).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=5) as got:
            answer = json.load(got)["choices"][0]["message"]["content"]
        said.append(answer)
        self.reply(200, {"answer": answer, "conversation": {"id": f"c-{mine}"}})

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 64


Server(("127.0.0.1", int(sys.argv[1])), App).serve_forever()
