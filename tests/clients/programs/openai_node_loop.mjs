// The openai SDK for Node and its `runTools`.

import OpenAI from "openai";
import { answerAsks } from "./lines.mjs";

const SCHEMA = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };

async function see(ask) {
  const ran = [];
  const client = new OpenAI({
    baseURL: ask.base_url,
    apiKey: ask.key,
    maxRetries: 0,
    defaultHeaders: { "x-request-id": ask.request_id },
  });
  const runner = client.chat.completions.runTools({
    model: ask.model,
    stream: ask.stream,
    ...(ask.stream ? { stream_options: { include_usage: true } } : {}),
    messages: [{ role: "user", content: ask.prompt }],
    tools: ask.tools.map((name) => offered(name, ran)),
  });
  const text = await runner.finalContent();
  const { prompt_tokens, completion_tokens, total_tokens } = await runner.totalUsage();
  return { text, ran, usage: { prompt_tokens, completion_tokens, total_tokens } };
}

function offered(name, ran) {
  return {
    type: "function",
    function: {
      name,
      description: `${name} at a number`,
      parameters: SCHEMA,
      parse: JSON.parse,
      function: ({ n }) => {
        ran.push({ name, n });
        return `${name}:${n}`;
      },
    },
  };
}

await answerAsks(see);
