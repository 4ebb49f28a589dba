"""A gateway in front of two providers that share one host: moderation, then the primary, and the secondary when that fails."""

import os
from typing import Any

import httpx
from fastapi import FastAPI, HTTPException, Request

HOST = os.environ["PROVIDERS_HOST"]
KEYS = {"authorization": "Bearer not-a-real-key", "x-api-key": "not-a-real-key", "anthropic-version": "2023-06-01"}

app = FastAPI()
client = httpx.AsyncClient(base_url=HOST, headers=KEYS, timeout=6)


async def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = await client.post(path, json=body)
    reply.raise_for_status()
    found: dict[str, Any] = reply.json()
    return found


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/v1/complete")
async def complete(request: Request) -> dict[str, Any]:
    prompt = (await request.json())["prompt"]
    messages = [{"role": "user", "content": prompt}]
    try:
        verdict = await post("/openai/v1/moderations", {"input": prompt})
        if verdict["results"][0]["flagged"]:
            raise HTTPException(400, "refused by moderation")
        reply = await post("/openai/v1/chat/completions", {"model": "gpt-4o", "messages": messages})
        return {"output": reply["choices"][0]["message"]["content"], "provider": "openai"}
    except httpx.HTTPError:
        pass
    try:
        body = {"model": "claude-sonnet-4-5", "max_tokens": 500, "messages": messages}
        reply = await post("/anthropic/v1/messages", body)
    except httpx.HTTPError as e:
        raise HTTPException(503, "no provider answers", headers={"Retry-After": "5"}) from e
    return {"output": reply["content"][0]["text"], "provider": "anthropic"}
