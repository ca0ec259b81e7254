"""Tool loops through the openai SDK: 1, 2 and 8 parallel calls, three rounds, streamed and whole, native and in text."""

import re
from functools import partial
from itertools import product
from typing import Any, Final

import msgspec
import openai
import pytest
import trio
from attrs import define, field
from openai.types.chat import ChatCompletionMessage
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system

from mix2api.vocabulary import FinishReason

ROUNDS: Final = 3
WIDTHS: Final = (1, 2, 8)
MODEL: Final = "mix/qwen-3-235b-instruct"
_MODES: Final = {"tools": "true", "tools_interleaved": "true", "text_tools": "false"}
"""Directive of the demo site -> SEND_UPSTREAM_TOOLS."""


def tool(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    return {
        "type": "function",
        "function": {"name": name, "description": "counts", "parameters": schema, "strict": True},
    }


TOOLS: Final = [tool(f"tool_{number}") for number in range(max(WIDTHS))]


def prompt(directive: str, width: int) -> str:
    """What makes the demo site call so many tools, three times over."""
    groups = [
        ";".join(f'tool_{number}{{"n": {10 * step + number}}}' for number in range(width))
        for step in range(ROUNDS)
    ]
    return f"a loop {width} wide [[size:5]]" + "".join(f"[[{directive}:{group}]]" for group in groups)


@define
class Loop:
    """A client that runs tools until there are none left to run."""

    url: str
    stream: bool
    messages: list[Any]
    call_ids: list[str] = field(factory=list)
    finishes: list[str] = field(factory=list)
    answer: str = ""

    def run(self) -> "Loop":
        with openai.OpenAI(base_url=f"{self.url}/v1", api_key="sk-loop", max_retries=0) as client:
            while True:
                message, finish = self._ask(client)
                self.finishes.append(finish)
                if finish != FinishReason.TOOL_CALLS:
                    self.answer = message.content or ""
                    return self
                self.messages.append(message)
                self.messages += self._results(message)

    def _ask(self, client: openai.OpenAI) -> tuple[ChatCompletionMessage, str]:
        asked: dict[str, Any] = {"model": MODEL, "messages": self.messages, "tools": TOOLS}
        if not self.stream:
            choice = client.chat.completions.create(**asked).choices[0]
            return choice.message, choice.finish_reason
        with client.chat.completions.stream(**asked) as events:
            final = events.get_final_completion().choices[0]
        return final.message, final.finish_reason

    def _results(self, message: ChatCompletionMessage) -> list[dict[str, Any]]:
        """In the opposite order: which result belongs to which call is told by the id alone."""
        results = []
        for call in reversed(message.tool_calls or []):
            assert call.type == "function"
            self.call_ids.append(call.id)
            given = msgspec.json.decode(call.function.arguments)
            results.append(
                {"role": "tool", "tool_call_id": call.id, "content": f"{call.function.name}:{given['n']}"}
            )
        return results


def expected(width: int) -> set[str]:
    """What the site is to have heard of the last round."""
    last = 10 * (ROUNDS - 1)
    return {f"The tool tool_{number} answered: tool_{number}:{last + number}" for number in range(width)}


@pytest.mark.parametrize("directive", _MODES)
@pytest.mark.parametrize("shape", Shape)
async def test_loops_close(shape: Shape, directive: str, redis_server: RedisServer) -> None:
    settings = {"SEND_UPSTREAM_TOOLS": _MODES[directive]}
    async with whole_system(shape, redis_server.url, **settings) as system:
        for width, stream in product(WIDTHS, (True, False)):
            loop = await looped(system, prompt(directive, width), stream=stream)
            assert loop.finishes == ["tool_calls"] * ROUNDS + ["stop"]
            assert set(loop.answer.splitlines()[-width:]) == expected(width)
            assert len(set(loop.call_ids)) == len(loop.call_ids) == ROUNDS * width
            assert all(re.fullmatch(r"call_[A-Za-z0-9._:-]{1,123}", each) for each in loop.call_ids)
        loops = len(WIDTHS) * 2
        assert len(system.demo.sessions) == loops
        report = await system.check_log(runs=loops * (ROUNDS + 1))
        assert report["by_end_reason"] == {"stop": loops, "tool_calls": loops * ROUNDS}
        assert (report["tool_loops"], report["loop_closure"]) == (loops * ROUNDS, 1.0)
        assert report["server_side_tool_executions"] == 0


async def looped(system: WholeSystem, text: str, *, stream: bool) -> Loop:
    url = f"http://127.0.0.1:{system.client.port}"
    loop = Loop(url, stream, [{"role": "user", "content": text}])
    return await trio.to_thread.run_sync(partial(loop.run))
