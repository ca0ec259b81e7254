// The openai SDK for Node over the Responses API: streams by its helper `responses.stream`, with the whole history in each.

import OpenAI from "openai";
import { answerAsks } from "./lines.mjs";

const SCHEMA = {
  type: "object",
  properties: { n: { type: "integer" } },
  required: ["n"],
  additionalProperties: false,
};
const ENOUGH = 10;

async function see(ask) {
  const ran = [];
  const client = new OpenAI({
    baseURL: ask.base_url,
    apiKey: ask.key,
    maxRetries: 0,
    defaultHeaders: { "x-request-id": ask.request_id },
  });
  const input = [{ role: "user", content: ask.prompt }];
  const given = { model: ask.model, tools: ask.tools.map(offered), input };
  for (let round = 0; round < ENOUGH; round += 1) {
    const answer = ask.stream
      ? await client.responses.stream(given).finalResponse()
      : await client.responses.create(given);
    const calls = answer.output.filter(({ type }) => type === "function_call");
    if (calls.length === 0) return { text: answer.output_text, ran, usage: usage(answer.usage) };
    for (const { parsed_arguments: _, ...item } of answer.output) input.push(item);
    for (const call of calls) input.push(result(call, ran));
  }
  return { ran, complaints: ["the loop does not end"] };
}

function usage({ input_tokens, output_tokens, total_tokens }) {
  return { prompt_tokens: input_tokens, completion_tokens: output_tokens, total_tokens };
}

function offered(name) {
  return { type: "function", name, description: `${name} at a number`, parameters: SCHEMA, strict: true };
}

function result({ name, call_id, arguments: given }, ran) {
  const { n } = JSON.parse(given);
  ran.push({ name, n });
  return { type: "function_call_output", call_id, output: `${name}:${n}` };
}

await answerAsks(see);
