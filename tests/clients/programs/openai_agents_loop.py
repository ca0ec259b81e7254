"""openai-agents: an agent over `OpenAIChatCompletionsModel`."""

import asyncio  # noqa: TID251  # the framework runs on it
import json
from typing import Any

from agents import Agent, FunctionTool, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from lines import answer_loops
from loops import LoopAsk, LoopSeen, Ran
from openai import AsyncOpenAI

set_tracing_disabled(disabled=True)  # it would be sent to OpenAI
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
            model=OpenAIChatCompletionsModel(model=ask.model, openai_client=client),
            tools=[_tool(name, ran) for name in ask.tools],
        )
        if not ask.stream:
            return LoopSeen(text=(await Runner.run(agent, ask.prompt)).final_output, ran=ran)
        running = Runner.run_streamed(agent, ask.prompt)
        async for _ in running.stream_events():
            pass
        return LoopSeen(text=running.final_output, ran=ran)


def _tool(name: str, ran: list[Ran]) -> FunctionTool:
    async def run(_: Any, arguments: str) -> str:
        n = json.loads(arguments)["n"]
        ran.append(Ran(name, n))
        return f"{name}:{n}"

    return FunctionTool(
        name=name, description=f"{name} at a number", params_json_schema=_SCHEMA, on_invoke_tool=run
    )


answer_loops(see)
