// The AI SDK's multi-step loop: with its OpenAI-compatible provider, or with OpenAI's own for `chat` or `responses`.

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { answerAsks } from "./lines.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const SCHEMA = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };
const ENOUGH = 10;

async function see(ask) {
  const ran = [];
  const given = {
    model: modelOf(ask),
    prompt: ask.prompt,
    headers: { "x-request-id": ask.request_id },
    maxRetries: 0,
    tools: Object.fromEntries(ask.tools.map((name) => [name, offered(name, ran)])),
    stopWhen: stepCountIs(ENOUGH),
    // Else the Responses API is sent references to texts that it is to have stored (docs/clients.md).
    providerOptions: process.argv[2] === "responses" ? { openai: { store: false } } : {},
  };
  if (!ask.stream) {
    const done = await generateText(given);
    return { text: done.text, ran, usage: usage(done.totalUsage) };
  }
  const complaints = [];
  const streaming = streamText({ ...given, onError: ({ error }) => complaints.push(String(error)) });
  await streaming.consumeStream();
  if (complaints.length) return { ran, complaints };
  return { text: await streaming.text, ran, usage: usage(await streaming.totalUsage) };
}

function modelOf(ask) {
  const api = process.argv[2];
  const given = { name: "mix2api", baseURL: ask.base_url, apiKey: ask.key };
  if (api) return createOpenAI(given)[api](ask.model);
  return createOpenAICompatible({ ...given, includeUsage: true })(ask.model);
}

function usage({ inputTokens, outputTokens, totalTokens }) {
  return { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: totalTokens };
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
