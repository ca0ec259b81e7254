// The AI SDK with its OpenAI-compatible provider: reads asks as JSON lines, writes what it saw as JSON lines.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { answerAsks } from "./lines.mjs";

// Its warnings go to the console, where the report is.
globalThis.AI_SDK_LOG_WARNINGS = false;

async function see(ask) {
  const seen = {};
  const aborting = new AbortController();
  const given = settings(ask, aborting.signal);
  try {
    await (ask.stream ? streamed(given, ask, seen, aborting) : whole(given, seen));
  } catch (error) {
    fail(error, seen);
  }
  return seen;
}

function settings(ask, aborted) {
  const provider = createOpenAICompatible({
    name: "mix2api",
    baseURL: ask.base_url,
    apiKey: ask.key,
    includeUsage: ask.include_usage,
  });
  const patience = ask.timeout_ms === null ? [] : [AbortSignal.timeout(ask.timeout_ms)];
  return {
    model: provider(ask.model),
    prompt: ask.prompt,
    headers: { "x-request-id": ask.request_id },
    maxRetries: ask.max_retries,
    abortSignal: AbortSignal.any([aborted, ...patience]),
    providerOptions: { mix2api: ask.fields },
    ...(ask.tool === null ? {} : { tools: { [ask.tool.name]: offered(ask) } }),
    stopWhen: stepCountIs(ask.tool_result === null ? 1 : 2),
  };
}

function offered({ tool: { description, parameters }, tool_result: result }) {
  return tool({
    description,
    inputSchema: jsonSchema(parameters),
    ...(result === null ? {} : { execute: () => result }),
  });
}

async function whole(given, seen) {
  const answer = await generateText(given);
  seen.request_id = answer.response.headers?.["x-request-id"] ?? null;
  seen.text = answer.text;
  seen.reasoning = answer.reasoningText ?? "";
  seen.finish_reason = finish(answer.finishReason);
  seen.usage = usage(answer.usage);
  seen.tool_calls = answer.steps.flatMap((step) => step.toolCalls).map(call);
}

async function streamed(given, ask, seen, aborting) {
  let deltas = 0;
  seen.text = seen.reasoning = "";
  seen.tool_calls = [];
  // Errors are parts of the stream, told below; without this they would be printed too.
  for await (const part of streamText({ ...given, onError: () => {} }).fullStream) {
    take(part, seen);
    // It raises nothing when its signal fires in a stream; what its user then has is the signal's reason.
    if (part.type === "abort" && ask.abort_after === null) fail(given.abortSignal.reason, seen);
    if (part.type === "text-delta") deltas += 1;
    if (deltas === ask.abort_after) aborting.abort();
  }
}

function take(part, seen) {
  switch (part.type) {
    case "text-delta":
      seen.text += part.text;
      break;
    case "reasoning-delta":
      seen.reasoning += part.text;
      break;
    case "tool-call":
      seen.tool_calls.push(call(part));
      break;
    case "error":
      fail(part.error, seen);
      break;
    case "finish-step":
      seen.request_id ??= part.response.headers?.["x-request-id"];
      seen.finish_reason = finish(part.finishReason);
      seen.usage = usage(part.usage);
      break;
  }
}

function call({ toolCallId, toolName, input }) {
  return { id: toolCallId, name: toolName, arguments: JSON.stringify(input) };
}

/** This SDK writes the same words with a hyphen. */
function finish(reason) {
  return reason.replaceAll("-", "_");
}

/** Its counts have names of their own; one that was not told is undefined. */
function usage({ inputTokens, outputTokens, totalTokens }) {
  return inputTokens === undefined
    ? null
    : { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: totalTokens };
}

/** An exception, or the object of an error part: the envelope's `error` as it stood in the stream. */
function fail(error, seen) {
  const told = (APICallError.isInstance(error) ? error.data?.error : error) ?? {};
  seen.request_id ??= error.responseHeaders?.["x-request-id"];
  seen.raised = {
    name: error instanceof Error ? error.name : "error_part",
    status: error.statusCode ?? null,
    code: typeof told.code === "string" ? told.code : null,
    param: told.param ?? null,
    message: error.message ?? JSON.stringify(error),
    retry_after: error.responseHeaders?.["retry-after"] ?? null,
  };
}

await answerAsks(see);
