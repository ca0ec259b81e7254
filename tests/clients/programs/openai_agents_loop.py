"""openai-agents: an agent over `OpenAIChatCompletionsModel`, or `OpenAIResponsesModel` if the word `responses` is given."""

import asyncio  # noqa: TID251  # the framework runs on it
import json
import sys
from typing import Any

from agents import (
    Agent,
    FunctionTool,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    Usage,
    set_tracing_disabled,
)
from asks import SeenUsage
from lines import answer_loops
from loops import LoopAsk, LoopSeen, Ran
from openai import AsyncOpenAI

set_tracing_disabled(disabled=True)  # it would be sent to OpenAI
_MODEL = OpenAIResponsesModel if "responses" in sys.argv else OpenAIChatCompletionsModel
_SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


def see(ask: LoopAsk) -> LoopSeen:
    """Runs the agent to its end."""
    return asyncio.run(_see(ask))


async def _see(ask: LoopAsk) -> LoopSeen:
    ran: list[Ran] = []
    async with AsyncOpenAI(
        base_url=ask.base_url,
        api_key=ask.key,
        max_retries=0,
        default_headers={"x-request-id": ask.request_id},
    ) as client:
        agent = Agent(
            name="trial",
            model=_MODEL(model=ask.model, openai_client=client),
            model_settings=ModelSettings(include_usage=True),
            tools=[_tool(name, ran) for name in ask.tools],
        )
        if not ask.stream:
            done = await Runner.run(agent, ask.prompt)
            return LoopSeen(text=done.final_output, ran=ran, usage=_usage(done.context_wrapper.usage))
        running = Runner.run_streamed(agent, ask.prompt)
        async for _ in running.stream_events():
            pass
        return LoopSeen(text=running.final_output, ran=ran, usage=_usage(running.context_wrapper.usage))


def _usage(told: Usage) -> SeenUsage:
    return SeenUsage(told.input_tokens, told.output_tokens, told.total_tokens)


def _tool(name: str, ran: list[Ran]) -> FunctionTool:
    async def run(_: Any, arguments: str) -> str:
        n = json.loads(arguments)["n"]
        ran.append(Ran(name, n))
        return f"{name}:{n}"

    return FunctionTool(
        name=name, description=f"{name} at a number", params_json_schema=_SCHEMA, on_invoke_tool=run
    )


answer_loops(see)
