"""A tiny app under test, standard library only: ``tiny.py PORT MODE``. GET /ready; POST /ask {"q": ...} -> {"answer": ...}.

Modes: ok, exit (ends at once), silent (never listens), unready (503 for ever), alone (never calls its backend), broken (404),
rewrite (the model gets other words), own (the user gets other
words), dies (ends after 30 requests), daemon (leaves processes in sessions of their own behind).
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, MODE = int(sys.argv[1]), sys.argv[2]
SERVED = 0


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status: int, data: object) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.reply(503 if MODE == "unready" else 200, {})

    def do_POST(self) -> None:
        global SERVED
        question = json.loads(self.rfile.read(int(self.headers["content-length"])))["q"]
        SERVED += 1
        if MODE == "dies" and SERVED > 30:
            print("out of memory, or so it says", flush=True)
            os._exit(3)
        if MODE == "broken" or self.path != "/ask":
            self.reply(404, {"detail": "no such route"})
            return
        if MODE == "alone":
            self.reply(200, {"answer": "always the same"})
            return
        if MODE == "rewrite":
            question = f"Summarise a question of {len(question)} letters."
        ask = {"model": "gpt-4o", "messages": [{"role": "user", "content": question}]}
        request = urllib.request.Request(
            os.environ["LLM_URL"] + "/chat/completions", json.dumps(ask).encode(), {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as got:
                answer = json.load(got)["choices"][0]["message"]["content"]
        except OSError:
            answer = None
        if MODE == "own" and answer:
            answer = f"{len(answer)} letters"
        print(f"served {time.monotonic_ns()} {answer is not None}", flush=True)
        self.reply(200 if answer else 503, {"answer": answer})

    def log_message(self, *_: object) -> None:
        pass


if MODE == "exit":
    print("cannot import name 'shop'", file=sys.stderr)
    sys.exit(7)
if MODE == "silent":
    time.sleep(60)
if MODE == "daemon":
    nasty = "import os, signal, time; signal.signal(15, signal.SIG_IGN); os.fork() and os._exit(0); os.setsid(); time.sleep(120)"
    subprocess.Popen([sys.executable, "-c", nasty], start_new_session=True)
    subprocess.Popen(["sh", "-c", "setsid sleep 120 & sleep 120"])
ThreadingHTTPServer(("127.0.0.1", PORT), App).serve_forever()
