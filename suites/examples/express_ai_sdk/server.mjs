// A chat endpoint on Express and the Vercel AI SDK: answers are a UI message stream.
import { createOpenAI } from "@ai-sdk/openai";
import { convertToModelMessages, streamText } from "ai";
import express from "express";

const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL });
const app = express();
app.use(express.json());

app.get("/healthz", (_, response) => response.json({ status: "ok" }));

app.post("/api/chat", async (request, response) => {
  const result = streamText({
    model: openai("gpt-4o-mini"),
    messages: await convertToModelMessages(request.body.messages),
    maxRetries: 1,
    timeout: 10_000,
    onError: () => {}, // the stream tells the user
  });
  result.pipeUIMessageStreamToResponse(response, { onError: () => "The assistant is not available." });
});

app.listen(Number(process.env.PORT), "127.0.0.1");
