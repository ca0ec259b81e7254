// The AI SDK's multi-step loop, with its OpenAI-compatible provider.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { answerAsks } from "./lines.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const SCHEMA = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };
const ENOUGH = 10;

async function see(ask) {
  const ran = [];
  const provider = createOpenAICompatible({ name: "mix2api", baseURL: ask.base_url, apiKey: ask.key });
  const given = {
    model: provider(ask.model),
    prompt: ask.prompt,
    headers: { "x-request-id": ask.request_id },
    maxRetries: 0,
    tools: Object.fromEntries(ask.tools.map((name) => [name, offered(name, ran)])),
    stopWhen: stepCountIs(ENOUGH),
  };
  if (!ask.stream) return { text: (await generateText(given)).text, ran };
  const complaints = [];
  const streaming = streamText({ ...given, onError: ({ error }) => complaints.push(String(error)) });
  await streaming.consumeStream();
  return { text: complaints.length ? "" : await streaming.text, ran, complaints };
}

function offered(name, ran) {
  return tool({
    description: `${name} at a number`,
    inputSchema: jsonSchema(SCHEMA),
    execute: ({ n }) => {
      ran.push({ name, n });
      return `${name}:${n}`;
    },
  });
}

await answerAsks(see);
