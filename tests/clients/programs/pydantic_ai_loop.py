"""pydantic-ai: an agent over `OpenAIChatModel`."""

import asyncio  # noqa: TID251  # the framework runs on it
from typing import Any

from asks import SeenUsage
from lines import answer_loops
from loops import LoopAsk, LoopSeen, Ran
from openai import AsyncOpenAI
from pydantic_ai import Agent, Tool
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


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
        model = OpenAIChatModel(ask.model, provider=OpenAIProvider(openai_client=client))
        agent = Agent(model, tools=[_tool(name, ran) for name in ask.tools])
        if not ask.stream:
            done = await agent.run(ask.prompt)
            return LoopSeen(text=done.output, ran=ran, usage=_usage(done))
        # `run_stream` takes the first text for the answer: an agent whose model talks beside its calls is iterated.
        async with agent.iter(ask.prompt) as run:
            async for node in run:
                if Agent.is_model_request_node(node):
                    async with node.stream(run.ctx) as pieces:
                        async for _ in pieces:
                            pass
        assert run.result is not None
        return LoopSeen(text=run.result.output, ran=ran, usage=_usage(run.result))


def _usage(done: Any) -> SeenUsage:
    told = done.usage() if callable(done.usage) else done.usage
    return SeenUsage(told.input_tokens, told.output_tokens, told.total_tokens)


def _tool(name: str, ran: list[Ran]) -> Tool:
    def run(n: int) -> str:
        ran.append(Ran(name, n))
        return f"{name}:{n}"

    return Tool(run, name=name, description=f"{name} at a number")


answer_loops(see)
