"""Whole conversations as agents and SDKs hold them: each goes on in one upstream session, which nobody else touches."""

from functools import partial
from typing import Any

import msgspec
import openai
import pytest
import trio
from attrs import define, field
from clients_patterns.habits import HABITS, Got, Habit, Written, got_from, passed_on
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system
from wire_client import Answer, WireClient

from mix2api.demo import SiteSession

_MODEL = "mix/qwen-3-235b-instruct"
_FRESH = "fresh; reason=no_history"
_CONTINUED = "continued; reason=lineage"


@define(eq=False)
class Client:
    """One terminal: its client's habits, and a gateway in between or not."""

    wire: WireClient
    habit: Habit
    gateway: bool
    messages: list[Written] = field(init=False)
    told: list[str] = field(factory=list)
    """What the answers said of their sessions."""

    def __attrs_post_init__(self) -> None:
        self.messages = [*self.habit.leading, *self.habit.opening]

    async def hold(self) -> None:
        """Asks, has tools called, returns their results, asks again."""
        got = await self._ask()
        assert len(got.calls) == 2
        self.messages += [*self.habit.echo(got), *self.habit.results(got)]
        got = await self._ask()
        assert "\nThe tool " in got.text
        self.messages += [*self.habit.echo(got), *self.habit.second]
        assert (await self._ask()).text == "done"

    async def make(self, history: tuple[Written, ...], told: list[str]) -> None:
        """A request beside the conversation, under the same headers."""
        await self._send(list(history), self.habit.beside_tools, told)

    async def _ask(self) -> Got:
        return got_from(await self._send(self.messages, self.habit.tools, self.told))

    async def _send(self, messages: list[Written], tools: tuple[Written, ...], told: list[str]) -> Answer:
        sent = [passed_on(message) for message in messages] if self.gateway else messages
        body: dict[str, Any] = {"model": _MODEL, "messages": sent, "stream": True}
        if tools:
            body["tools"] = list(tools)
        headers = {} if self.gateway else self.habit.headers
        asked = self.wire.request("POST", "/v1/chat/completions", msgspec.json.encode(body), headers)
        async with asked as conversation:
            answer = await conversation.answer()
        assert answer.status == 200, answer.body
        told.append(answer.headers["x-mix2api-session"])
        return answer


def typed(session: SiteSession) -> list[str]:
    """The user texts of a context."""
    return [text_of(message["content"]) for message in session.messages if message["role"] == "user"]


def text_of(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def own_texts(client: Client) -> list[str]:
    return [text_of(message["content"]) for message in client.messages if message["role"] == "user"]


def sessions_of(system: WholeSystem, client: Client) -> list[SiteSession]:
    return [each for each in system.demo.sessions.values() if typed(each) == own_texts(client)]


@pytest.mark.parametrize("gateway", [False, True], ids=["direct", "through a gateway"])
@pytest.mark.parametrize("name", HABITS)
async def test_an_agent_s_conversation_is_one_upstream_session(
    *, name: str, gateway: bool, redis_server: RedisServer
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, SEND_UPSTREAM_TOOLS="true") as system:
        client = Client(system.client, HABITS[name], gateway)
        await client.hold()
        assert client.told == [_FRESH, _CONTINUED, _CONTINUED]
        (session,) = system.demo.sessions.values()
        assert typed(session) == own_texts(client)
        assert [message["role"] for message in session.messages[-6:]] == [
            "assistant",
            "tool",
            "tool",
            "assistant",
            "user",
            "assistant",
        ]


@pytest.mark.parametrize("gateway", [False, True], ids=["direct", "through a gateway"])
@pytest.mark.parametrize("name", HABITS)
async def test_tools_told_in_words_change_nothing_about_it(
    *, name: str, gateway: bool, redis_server: RedisServer
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        client = Client(system.client, HABITS[name], gateway)
        await client.hold()
        assert client.told == [_FRESH, _CONTINUED, _CONTINUED]
        assert len(system.demo.sessions) == 1


@pytest.mark.parametrize("gateway", [False, True], ids=["direct", "through a gateway"])
@pytest.mark.parametrize("name", [name for name, habit in HABITS.items() if habit.beside])
async def test_titles_and_sub_agents_never_join_the_main_conversation(
    *, name: str, gateway: bool, redis_server: RedisServer
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, SEND_UPSTREAM_TOOLS="true") as system:
        client = Client(system.client, HABITS[name], gateway)
        beside: list[str] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.hold)
            for history in client.habit.beside:
                nursery.start_soon(client.make, history, beside)
        assert client.told == [_FRESH, _CONTINUED, _CONTINUED]
        assert set(beside) == {_FRESH}
        assert len(system.demo.sessions) == 1 + len(beside)
        assert len(sessions_of(system, client)) == 1


@pytest.mark.parametrize("name", HABITS)
async def test_two_terminals_behind_one_key_say_the_same_and_stay_apart(
    name: str, redis_server: RedisServer
) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, SEND_UPSTREAM_TOOLS="true") as system:
        terminals = [Client(system.client, HABITS[name], gateway=True) for _ in range(2)]
        async with trio.open_nursery() as nursery:
            for terminal in terminals:
                nursery.start_soon(terminal.hold)
        for terminal in terminals:
            assert terminal.told == [_FRESH, _CONTINUED, _CONTINUED]
            ids = {call["id"] for message in terminal.messages for call in message.get("tool_calls", ())}
            held = [
                session
                for session in system.demo.sessions.values()
                if {call["id"] for message in session.messages for call in message.get("tool_calls") or ()}
                == ids
            ]
            assert len(held) == 1
        assert len(system.demo.sessions) == 2


def talk_through_the_sdk(port: int, turns: int) -> list[str]:
    """A conversation as the SDK's users write it: the answer's message object goes back into the list."""
    told = []
    with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="sk-sdk", max_retries=0) as client:
        messages: list[Any] = [{"role": "system", "content": "Be brief."}]
        for turn in range(turns):
            messages.append({"role": "user", "content": f"question {turn}"})
            raw = client.chat.completions.with_raw_response.create(model=_MODEL, messages=messages)
            told.append(raw.headers["x-mix2api-session"])
            messages.append(raw.parse().choices[0].message)
    return told


async def test_an_sdk_without_session_ids_has_one_upstream_session(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        told = await trio.to_thread.run_sync(partial(talk_through_the_sdk, system.client.port, 5))
        assert told == [_FRESH] + [_CONTINUED] * 4
        (session,) = system.demo.sessions.values()
        assert typed(session) == [f"question {turn}" for turn in range(5)]


async def test_an_emptied_store_costs_a_fresh_session_and_nothing_else(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        messages: list[Written] = []
        told = []
        for turn in range(4):
            if turn == 2:
                redis_server.command("FLUSHALL")
            messages.append({"role": "user", "content": f"question {turn}"})
            answer = await system.client.ask("", messages=messages)
            assert answer.status == 200, answer.body
            told.append(answer.headers["x-mix2api-session"])
            messages.append({"role": "assistant", "content": answer.text()})
        assert told == [_FRESH, _CONTINUED, "fresh; reason=no_match", _CONTINUED]
        assert [typed(each) for each in system.demo.sessions.values()] == [
            ["question 0", "question 1"],
            ["question 0", "question 1", "question 2", "question 3"],
        ]


async def test_two_tenants_who_name_their_session_the_same_have_one_each(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        tenants = [WireClient(system.client.port, f"sk-tenant-{number}") for number in range(2)]
        told = []
        for turn in range(3):
            for number, tenant in enumerate(tenants):
                answer = await tenant.ask(f"tenant {number} turn {turn}", session_id="1")
                told.append(answer.headers["x-mix2api-session"])
        assert told == ["fresh; reason=new_name"] * 2 + ["continued; reason=named"] * 4
        assert sorted(typed(each) for each in system.demo.sessions.values()) == [
            [f"tenant {number} turn {turn}" for turn in range(3)] for number in range(2)
        ]
