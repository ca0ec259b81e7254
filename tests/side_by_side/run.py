"""`make side-by-side COMMIT=…`: that commit's build and this one serve one deployment, and no request fails.

A `serve` and an `edge` of each build share one Redis. Clients hold conversations, each turn at another process than the one before:
fresh and continued turns, streamed and whole, with and without tools. Prints what was seen. Ends with 1 if a request failed.
"""

import os
import subprocess
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
import trio
from attrs import define, field
from client_views import View, check_truth, view_of
from real_process import RealProcess, real_process
from redis_server import RedisServer
from whole_system import SECRET, SHARDS, defaults
from wire_client import ASK, Answer, WireClient

from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions

_CLIENTS: Final = int(os.environ.get("SIDE_CLIENTS", "8"))
_CONVERSATIONS: Final = int(os.environ.get("SIDE_CONVERSATIONS", "25"))
"""Of each client."""
_TURNS: Final = 5
_ROOT: Final = Path(__file__).parents[2]
_TOOL: Final = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
_CALLS: Final = '[[tools:look{"n": 1}]]'
_AFTER_CALLS: Final = "The tool look answered: 1"
"""What the demo site makes of the result."""


@define(eq=False)
class Talk:
    """All clients, and what they saw."""

    ports: list[int]
    random: Random
    seen: Counter[str] = field(factory=Counter)
    """Answers by their finish and by how their session was found."""
    failed: list[str] = field(factory=list)
    views: list[View] = field(factory=list)

    async def hold(self, client: int) -> None:
        """One client's conversations, one after another."""
        for number in range(_CONVERSATIONS):
            await self._converse(f"side-{client}-{number}", with_tools=self.random.random() < 0.3)

    async def _converse(self, name: str, *, with_tools: bool) -> None:
        messages: list[Any] = []
        for turn in range(_TURNS):
            said = f"{name}.{turn}"
            asks = f"{_CALLS if with_tools and turn == 1 else ''}[[say:{said}]][[size:4]][[pace:5]]"
            messages.append({"role": "user", "content": asks})
            answer = await self._ask(name, turn, messages, with_tools=with_tools)
            if answer is None:
                return
            if answer.finish_reason() == "tool_calls":
                messages += _with_results(answer)
                said = _AFTER_CALLS
                answer = await self._ask(name, turn, messages, with_tools=with_tools)
                if answer is None:
                    return
            if answer.text() != said:
                self.failed.append(f"{name}: {answer.text()!r} instead of {said!r}")
            messages.append({"role": "assistant", "content": answer.text()})

    async def _ask(self, name: str, turn: int, messages: list[Any], *, with_tools: bool) -> Answer | None:
        """One turn's answer, streamed or whole; None if it failed."""
        stream = not with_tools and self.random.random() < 0.6
        body = {**ASK, "messages": messages, "stream": stream, **({"tools": [_TOOL]} if with_tools else {})}
        headers = {"x-request-id": f"{name}-{turn}-{len(messages)}"}
        client = WireClient(self.random.choice(self.ports))
        async with client.request(
            "POST", "/v1/chat/completions", msgspec.json.encode(body), headers
        ) as asked:
            answer = await asked.answer()
        self.views.append(view_of(answer))
        if answer.status != 200 or answer.finish_reason() not in {"stop", "tool_calls"}:
            self.failed.append(f"{name}, turn {turn}: {answer.status} {answer.body[-300:]!r}")
            return None
        self.seen[f"{answer.finish_reason()} {answer.headers['x-mix2api-session'].partition(';')[0]}"] += 1
        return answer


def _with_results(answer: Answer) -> list[Any]:
    """The assistant's message with its calls, and their results."""
    message = answer.json()["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "1"} for call in message["tool_calls"]]
    return [message, *results]


async def side_by_side(older: Path, redis: RedisServer) -> Talk:
    """Starts both builds, has all clients talk, and compares what they saw with the audit."""
    async with trio.open_nursery() as nursery:
        site: Demo = await nursery.start(serve_demo, DemoOptions())
        ours = defaults(site.url, redis.url)
        theirs = {**ours, "PYTHONPATH": str(older)}
        async with AsyncExitStack() as stack:
            processes: list[RealProcess] = [
                await stack.enter_async_context(real_process(command, environ))
                for command in ("serve", "edge")
                for environ in (theirs, ours)
            ]
            talk = Talk([await process.wait_port() for process in processes], Random(1))
            async with trio.open_nursery() as clients:
                for client in range(_CLIENTS):
                    clients.start_soon(talk.hold, client)
            options = StoreOptions(url=redis.url, secret=SECRET.encode(), shards=SHARDS, role="tests")
            async with open_store(options) as store:
                await check_truth(store.audit, talk.views)
            _tell(processes)
        nursery.cancel_scope.cancel()
    return talk


def _tell(processes: list[RealProcess]) -> None:
    """What the processes' own logs say beside the requests."""
    for number, process in enumerate(processes):
        events = Counter(line["event"] for line in process.lines if line.get("level") != "info")
        print(f"process {number} logged {dict(events)}")


def main() -> int:
    """Runs it. 1 if a request failed."""
    commit = os.environ["COMMIT"]
    with TemporaryDirectory(prefix="side") as folder:
        older = Path(folder) / "older"
        git = ["git", "-C", str(_ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(older), commit], check=True)
        redis = RedisServer(Path(folder))
        redis.start()
        try:
            talk = trio.run(side_by_side, older, redis)
        finally:
            redis.stop()
            subprocess.run([*git, "remove", "--force", str(older)], check=True)
    print(f"{talk.seen.total()} answers beside {commit}: {dict(sorted(talk.seen.items()))}")
    print(*talk.failed[:20], f"{len(talk.failed)} requests failed", sep="\n")
    return 1 if talk.failed else 0


if __name__ == "__main__":
    sys.exit(main())
