"""An agent on pydantic-ai with one tool, served by FastAPI: two calls of the model for each question."""

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.exceptions import AgentRunError

agent = Agent("openai-chat:gpt-4o-mini", instructions="Answer questions about orders.", retries=1)
app = FastAPI()


@agent.tool_plain
def order_status(order: str) -> str:
    """The status of an order.

    Args:
        order: the number of the order
    """
    return f"Order {order} was shipped yesterday."


class Question(BaseModel):
    question: str


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/ask")
async def ask(question: Question) -> dict[str, str]:
    try:
        result = await agent.run(question.question, model_settings={"timeout": 6})
    except AgentRunError as e:
        raise HTTPException(503, "The agent is not available.", headers={"Retry-After": "5"}) from e
    return {"answer": result.output}
