"""A question service on Flask and the anthropic SDK; a stored answer says so when the model cannot be reached."""

from typing import Any

import anthropic
from flask import Flask, jsonify, request

app = Flask(__name__)
model = anthropic.Anthropic(timeout=6, max_retries=1)


@app.get("/healthz")
def healthz() -> Any:
    return jsonify(status="ok")


@app.post("/ask")
def ask() -> Any:
    question = request.get_json()["question"]
    try:
        message = model.messages.create(
            model="claude-sonnet-4-5", max_tokens=500, messages=[{"role": "user", "content": question}]
        )
    except anthropic.APIError:
        return jsonify(answer="Please write to support@example.com: we answer within a day.", mode="fallback")
    return jsonify(answer="".join(block.text for block in message.content if block.type == "text"), mode="model")


if __name__ == "__main__":
    import sys

    app.run(port=int(sys.argv[1]), threaded=True)
