"""Clients that hold conversations at a steady rate, whatever becomes of the answers, and what they saw.

Half of them are agents with tools: they return the results of the calls that they were given. So their second turn has to be
continued by whichever process owns the session's shard by then.
"""

from collections import Counter
from itertools import cycle
from typing import Final

import h11
import trio
from attrs import define, field, frozen
from clients_patterns.habits import CODEX, OPENCODE, Habit, Written, got_from
from wire_client import Answer, WireClient


@frozen(kw_only=True)
class Kind:
    """One kind of client."""

    name: str
    headers: dict[str, str]
    messages: tuple[Written, ...]
    habit: Habit | None = None
    """Of an agent with tools."""
    stream: bool = True


def _agent(name: str, habit: Habit) -> Kind:
    return Kind(name=name, headers=habit.headers, messages=(*habit.leading, *habit.opening), habit=habit)


_QUESTION: Final[Written] = {"role": "user", "content": "Tell me something about the number 7."}
KINDS: Final = (
    _agent("opencode", OPENCODE),
    Kind(name="opencode's titles", headers=OPENCODE.headers, messages=OPENCODE.beside[0]),
    _agent("codex", CODEX),
    Kind(name="a script", headers={"user-agent": "curl/8.9.1"}, messages=(_QUESTION,), stream=False),
)
_TURNS: Final = 1.5
"""Of a conversation, on average: agents with tools have two."""
_GOOD: Final = frozenset({"stop", "tool_calls"})


@define
class Load:
    """Turns at a rate.

    Args:
        port: of the edge that is asked.
        per_s: turns a second.
    """

    port: int
    per_s: float
    seen: Counter[tuple[str, str]] = field(factory=Counter)
    """Kind of client, and how a turn ended for it: a finish reason, a status other than 200, or `cut` where a stream ended without
    `[DONE]`."""
    lost: Counter[str] = field(factory=Counter)
    """Conversations whose second turn was not continued, by what the answer said of its session."""
    failed: dict[str, list[str]] = field(factory=dict)
    """Kind of client -> request ids of its turns that failed."""

    async def run(self, *, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
        """Asks until its scope is cancelled; a conversation does not wait for the one before it."""
        async with trio.open_nursery() as nursery:
            task_status.started(nursery.cancel_scope)
            began_s = trio.current_time()
            for number, kind in enumerate(cycle(KINDS)):
                await trio.sleep_until(began_s + number * _TURNS / self.per_s)
                nursery.start_soon(self._converse, kind, number)

    @property
    def cut(self) -> int:
        """Streams that ended without `[DONE]`."""
        return sum(count for (_, ending), count in self.seen.items() if ending == "cut")

    async def _converse(self, kind: Kind, number: int) -> None:
        # The guard takes equal words of one client for one turn that is sent again.
        *before, last = kind.messages
        messages = [*before, {**last, "content": f"{last['content']} ({number})"}]
        answer = await self._ask(kind, messages)
        if answer is None or kind.habit is None or answer.finish_reason() != "tool_calls":
            return
        got = got_from(answer)
        again = await self._ask(kind, [*messages, *kind.habit.echo(got), *kind.habit.results(got)])
        if again is not None and not again.headers["x-mix2api-session"].startswith("continued"):
            self.lost[again.headers["x-mix2api-session"]] += 1

    async def _ask(self, kind: Kind, messages: list[Written]) -> Answer | None:
        """One turn; None: it did not end with an answer."""
        tools = {} if kind.habit is None else {"tools": list(kind.habit.tools)}
        try:
            answer = await WireClient(self.port).ask(
                "", headers=kind.headers, messages=messages, stream=kind.stream, **tools
            )
        except (OSError, trio.BrokenResourceError, h11.ProtocolError, AssertionError):
            self.seen[kind.name, "cut"] += 1
            return None
        ending = _ending_of(answer)
        self.seen[kind.name, ending] += 1
        if ending not in _GOOD:
            self.failed.setdefault(kind.name, []).append(answer.headers["x-request-id"])
        return answer if ending in _GOOD else None


def _ending_of(answer: Answer) -> str:
    if answer.status != 200:
        return str(answer.status)
    if answer.is_stream and b"data: [DONE]" not in answer.body:
        return "cut"
    return answer.finish_reason() or "cut"
