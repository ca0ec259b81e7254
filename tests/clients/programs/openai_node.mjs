// The openai SDK for Node: reads asks as JSON lines, writes what it saw as JSON lines.

import OpenAI from "openai";
import { answerAsks } from "./lines.mjs";

async function see(ask) {
  const client = new OpenAI({
    apiKey: ask.key,
    baseURL: ask.base_url,
    maxRetries: ask.max_retries,
    defaultHeaders: { "x-request-id": ask.request_id },
    ...(ask.timeout_ms === null ? {} : { timeout: ask.timeout_ms }),
  });
  const seen = {};
  try {
    await look(client, ask, seen);
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    seen.raised = raised(error);
    seen.request_id ??= error.requestID;
  }
  return seen;
}

async function look(client, ask, seen) {
  if (ask.kind === "models") {
    seen.models = [];
    for await (const model of client.models.list()) seen.models.push(model.id);
  } else if (ask.kind === "model") {
    seen.models = [(await client.models.retrieve(ask.model)).id];
  } else {
    await chat(client, ask, seen);
  }
}

async function chat(client, ask, seen) {
  const messages = [{ role: "user", content: ask.prompt }];
  await turn(client, ask, messages, seen);
  if (ask.tool_result === null) return;
  const calls = seen.tool_calls ?? [];
  const echoed = calls.map(({ id, name, arguments: given }) => ({
    id,
    type: "function",
    function: { name, arguments: given },
  }));
  messages.push({ role: "assistant", content: null, tool_calls: echoed });
  for (const { id } of calls) messages.push({ role: "tool", tool_call_id: id, content: ask.tool_result });
  await turn(client, ask, messages, seen);
  seen.tool_calls = calls;
}

async function turn(client, ask, messages, seen) {
  const request = { model: ask.model, messages, ...ask.fields };
  if (ask.tool !== null) request.tools = [{ type: "function", function: ask.tool }];
  if (!ask.stream) {
    whole(await client.chat.completions.create(request), seen);
    return;
  }
  if (ask.include_usage) request.stream_options = { include_usage: true };
  const asked = client.chat.completions.create({ ...request, stream: true });
  const { data: stream, request_id: requestId } = await asked.withResponse();
  seen.request_id = requestId;
  await streamed(stream, ask, seen);
}

function whole(answer, seen) {
  const [choice] = answer.choices;
  seen.request_id = answer._request_id;
  seen.text = choice.message.content ?? "";
  seen.reasoning = choice.message.reasoning_content ?? "";
  seen.finish_reason = choice.finish_reason;
  seen.usage = usage(answer.usage);
  seen.tool_calls = (choice.message.tool_calls ?? []).map(({ id, function: called }) => ({
    id,
    name: called.name,
    arguments: called.arguments,
  }));
}

async function streamed(stream, ask, seen) {
  const calls = [];
  let deltas = 0;
  seen.text = seen.reasoning = "";
  for await (const chunk of stream) {
    seen.usage = usage(chunk.usage) ?? seen.usage;
    for (const { delta, finish_reason: finish } of chunk.choices) {
      seen.text += delta.content ?? "";
      seen.reasoning += delta.reasoning_content ?? "";
      seen.finish_reason = finish ?? seen.finish_reason;
      for (const call of delta.tool_calls ?? []) add(calls, call);
      if (delta.content) deltas += 1;
    }
    if (deltas === ask.abort_after) {
      stream.controller.abort();
      return;
    }
  }
  seen.tool_calls = calls.filter(Boolean);
}

function add(calls, { index, id, function: called }) {
  calls[index] ??= { id: "", name: "", arguments: "" };
  calls[index].id += id ?? "";
  calls[index].name += called.name ?? "";
  calls[index].arguments += called.arguments ?? "";
}

function usage(told) {
  return told == null ? null : pick(told, ["prompt_tokens", "completion_tokens", "total_tokens"]);
}

function pick(object, names) {
  return Object.fromEntries(names.map((name) => [name, object[name]]));
}

function raised(error) {
  return {
    name: error.constructor.name,
    status: error.status ?? null,
    code: error.code ?? null,
    param: error.param ?? null,
    message: error.message,
    retry_after: error.headers?.get("retry-after") ?? null,
  };
}

await answerAsks(see);
