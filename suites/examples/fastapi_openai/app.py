"""A chat service on FastAPI and the openai SDK that streams its answers as server-sent events."""

import json
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI, OpenAIError
from pydantic import BaseModel

app = FastAPI()
model = AsyncOpenAI(timeout=10, max_retries=1)


class Question(BaseModel):
    message: str


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/chat")
async def chat(question: Question) -> StreamingResponse:
    return StreamingResponse(events(question.message), media_type="text/event-stream")


async def events(message: str) -> AsyncIterator[str]:
    try:
        stream = await model.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": message}], stream=True
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                yield f"data: {json.dumps({'delta': chunk.choices[0].delta.content})}\n\n"
        yield "event: done\ndata: {}\n\n"
    except OpenAIError:
        yield 'event: error\ndata: {"message": "The assistant is not available. Please try again later."}\n\n'
