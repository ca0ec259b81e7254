"""The openai SDK's tool loop against the demo site in plain words, as a newcomer tries it: no directive in any prompt."""

from functools import partial
from typing import Any, Final

import msgspec
import openai
import pytest
import trio
from attrs import define, field
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system

from mix2api.demo import ToolOutcome, answer_text

MODEL: Final = "mix/qwen-3-235b-instruct"
_MODES: Final = {
    "native tools": {"SEND_UPSTREAM_TOOLS": "true"},
    "told in both": {"TOOL_INSTRUCTION_MODE": "both"},
    "told in messages": {"TOOL_INSTRUCTION_MODE": "messages"},
    "told in the query": {"TOOL_INSTRUCTION_MODE": "query"},
}
_TEXT: Final = {"type": "string"}


def tool(name: str, description: str, required: list[str], **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": schema},
    }


TOOLS: Final = [
    tool("bash", "Executes a command in a shell.", ["command"], command=_TEXT, timeout={"type": "integer"}),
    tool("read", "Reads a file.", ["filePath"], filePath=_TEXT, limit={"type": "integer"}),
    tool(
        "get_weather",
        "The weather of a city.",
        ["city", "unit"],
        city=_TEXT,
        unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
    ),
]


@define
class Conversation:
    """What a client asked, which calls it was given, and what it was told at last."""

    url: str
    stream: bool
    fields: dict[str, Any] = field(factory=dict)
    messages: list[Any] = field(factory=list)
    called: list[tuple[str, Any]] = field(factory=list)

    def ask(self, prompt: str) -> str:
        """The last word, once all tools have been run."""
        self.messages.append({"role": "user", "content": prompt})
        with openai.OpenAI(base_url=f"{self.url}/v1", api_key="sk-agent", max_retries=0) as client:
            while calls := self._turn(client):
                self.messages += [self._result(call) for call in calls]
        said: str = self.messages[-1].content
        return said

    def _turn(self, client: openai.OpenAI) -> list[Any]:
        asked: dict[str, Any] = {"model": MODEL, "messages": self.messages, "tools": TOOLS, **self.fields}
        if self.stream:
            with client.chat.completions.stream(**asked) as events:
                message = events.get_final_completion().choices[0].message
        else:
            message = client.chat.completions.create(**asked).choices[0].message
        self.messages.append(message)
        return list(message.tool_calls or [])

    def _result(self, call: Any) -> dict[str, Any]:
        name = call.function.name
        self.called.append((name, msgspec.json.decode(call.function.arguments)))
        return {"role": "tool", "tool_call_id": call.id, "content": f"the result of {name}"}


async def held(
    system: WholeSystem, *prompts: str, stream: bool, **fields: Any
) -> tuple[Conversation, list[str]]:
    url = f"http://127.0.0.1:{system.client.port}"
    conversation = Conversation(url, stream, fields)
    said = [await trio.to_thread.run_sync(partial(conversation.ask, prompt)) for prompt in prompts]
    return conversation, said


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("mode", _MODES)
async def test_a_loop_in_plain_words_calls_what_was_asked_for_and_ends_in_a_sentence(
    mode: str, redis_server: RedisServer, *, stream: bool
) -> None:
    first = "What's the weather in Oslo, in fahrenheit? Then read notes/today.md."
    second = "Thanks! Now run `git status`."
    async with whole_system(Shape.SERVE, redis_server.url, **_MODES[mode]) as system:
        conversation, said = await held(system, first, "How are you?", second, stream=stream)
        assert conversation.called == [
            ("get_weather", {"city": "Oslo", "unit": "fahrenheit"}),
            ("read", {"filePath": "notes/today.md"}),
            ("bash", {"command": "git status"}),
        ]
        assert said == [
            answer_text(first, ToolOutcome("read", "the result of read")),
            answer_text("How are you?"),
            answer_text(second, ToolOutcome("bash", "the result of bash")),
        ]
        assert len(system.demo.sessions) == 1
        report = await system.check_log(runs=6)
        assert (report["tool_loops"], report["loop_closure"]) == (3, 1.0)
        assert all(run.end.usage is not None for run in await system.runs())


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("mode", _MODES)
async def test_a_list_is_read_by_calls_of_one_answer_or_one_after_another(
    mode: str, redis_server: RedisServer, *, parallel: bool
) -> None:
    prompt = "Read a.txt and b.txt"
    async with whole_system(Shape.SERVE, redis_server.url, **_MODES[mode]) as system:
        conversation, said = await held(system, prompt, stream=True, parallel_tool_calls=parallel)
        assert conversation.called == [("read", {"filePath": "a.txt"}), ("read", {"filePath": "b.txt"})]
        outcomes = [ToolOutcome("read", "the result of read")] * (2 if parallel else 1)
        assert said == [answer_text(prompt, *outcomes)]
        report = await system.check_log(runs=2 if parallel else 3)
        assert report["loop_closure"] == 1.0


@pytest.mark.parametrize("mode", _MODES)
async def test_a_choice_that_forbids_calls_is_answered_in_sentences(
    mode: str, redis_server: RedisServer
) -> None:
    prompt = "What's the weather in Oslo?"
    async with whole_system(Shape.SERVE, redis_server.url, **_MODES[mode]) as system:
        conversation, said = await held(system, prompt, stream=True, tool_choice="none")
        assert (conversation.called, said) == ([], [answer_text(prompt)])


@pytest.mark.parametrize("mode", _MODES)
async def test_a_choice_that_demands_a_call_gets_it_whatever_the_words_say(
    mode: str, redis_server: RedisServer
) -> None:
    demanded = {"type": "function", "function": {"name": "read"}}
    async with whole_system(Shape.SERVE, redis_server.url, **_MODES[mode]) as system:
        asked = {"messages": [{"role": "user", "content": "Hello!"}], "tools": TOOLS, "tool_choice": demanded}
        answer = await system.client.ask("", **asked)
        (call,) = answer.json()["choices"][0]["message"]["tool_calls"]
        assert (call["function"]["name"], msgspec.json.decode(call["function"]["arguments"])) == (
            "read",
            {"filePath": "."},
        )
