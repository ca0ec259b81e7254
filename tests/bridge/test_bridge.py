"""The bridge on the real OpenCode, whose provider is our own chat endpoint in front of the demo site.

`BRIDGE_TURNS` and `BRIDGE_SESSIONS` change how much is done.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from attrs import frozen
from bridge.opencode_server import PASSWORD, OpenCode, opencode
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, until, whole_system

from mix2api.demo import DemoKind, DemoOptions, answer_text
from mix2api.upstreams.opencode.options import Profile
from mix2api.upstreams.opencode.prompt import prompt_of
from mix2api.upstreams.port import UpstreamCall
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.turn import Message, Turn

pytestmark = pytest.mark.bridge
TURNS = int(os.environ.get("BRIDGE_TURNS", "200"))
SESSIONS = int(os.environ.get("BRIDGE_SESSIONS", "20"))
TOKEN = "planted-token-of-the-bridge"
_LIMIT_S = 3000


@frozen
class Bridge:
    """All that runs."""

    front: WholeSystem
    runtime: OpenCode
    redis: RedisServer

    async def wait_released(self) -> None:
        """Waits until neither the runtime nor the store has anything of a run."""

        async def released() -> bool:
            return not await self.runtime.sessions() and not await self.front.store.runtime.open()

        await until(released)
        assert self.redis.command("KEYS", "*{runtime}:context:*") == []

    def check_token_nowhere(self) -> None:
        for name in self.redis.command("KEYS", "*"):  # type: ignore[union-attr]
            assert TOKEN.encode() not in (self.redis.command("DUMP", name) or b"")  # type: ignore[operator]
        assert TOKEN not in self.front.logged.getvalue()
        assert TOKEN.encode() not in self.runtime.files()


@asynccontextmanager
async def bridge(redis_server: RedisServer, folder: Path) -> AsyncIterator[Bridge]:
    """Client -> mix2api -> OpenCode -> mix2api -> demo site."""
    provider_settings = {"MIX2API_UPSTREAM": "openai", "REDIS_SESSION_PREFIX": "provider"}
    demo = DemoOptions(kind=DemoKind.OPENAI)
    async with whole_system(
        Shape.SERVE, redis_server.url, demo=demo, limit_s=_LIMIT_S, **provider_settings
    ) as provider:
        url = f"http://127.0.0.1:{provider.client.port}"
        async with opencode(folder, url, provider.client.token) as runtime:
            settings = {
                "MIX2API_UPSTREAM": "opencode",
                "OPENCODE_URL": runtime.url,
                "OPENCODE_SERVER_PASSWORD": PASSWORD,
                "OPENCODE_RELEASE_TIMEOUT_MS": "60000",
                "OPENCODE_CALL_TIMEOUT_MS": "120000",
                "MIX2API_QUEUE_TIMEOUT_MS": "600000",
            }
            async with whole_system(Shape.SERVE, redis_server.url, limit_s=_LIMIT_S, **settings) as front:
                yield Bridge(front, runtime, redis_server)


def put(history: list[Message], prompt: str) -> str:
    """What the runtime's model reads of a turn: the client session's transcript, and the prompt."""
    messages = [*history, Message(role="user", content=prompt)]
    turn = Turn(model="mix", messages=messages)
    call = UpstreamCall(run_id=RunId("r"), request_id=RequestId("q"), turn=turn, messages=messages)
    return "".join(part["text"] for part in prompt_of(call, Profile())["parts"])


async def take_turns(bridge: Bridge, session: int, turns: int) -> None:
    """One client session: every second turn is superseded while it is under way, and none brings a history."""
    history: list[Message] = []
    headers = {"x-session-id": f"tab {session}", "x-access-token": TOKEN}
    for turn in range(0, turns, 2):
        slow = f"turn {turn} of {session} [[chunks:2000]] [[pace:200]]"
        prompt = f"turn {turn + 1} of {session} [[chunks:12]]"
        async with bridge.front.client.asking(slow, headers=headers, stream=True) as conversation:
            head = await conversation.head()
            await conversation.read_until(lambda body: b'"content":"' in body)
            answer = await bridge.front.client.ask(prompt, headers=headers)
            cut = await conversation.rest(head)
        assert answer.text() == answer_text(put(history, prompt))
        assert cut.chunks()[-1]["error"]["end_reason"] == "superseded"
        assert answer_text(put(history, slow)).startswith(cut.text())
        history += [
            Message(role="user", content=prompt),
            Message(role="assistant", content=answer.text()),
        ]


async def test_turns_that_supersede_each_other_leave_nothing_and_lose_no_character(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with bridge(redis_server, tmp_path) as running:
        async with trio.open_nursery() as nursery:
            for session in range(SESSIONS):
                nursery.start_soon(take_turns, running, session, TURNS // SESSIONS)
        await running.wait_released()
        running.check_token_nowhere()
        reasons = Counter(run.end.end_reason.value for run in await running.front.runs())
        assert reasons == {"stop": TURNS // 2, "superseded": TURNS // 2}
        print(f"{TURNS} turns over {SESSIONS} client sessions: {dict(reasons)}")
