"""Random conversations with a site of a window of 2,000 tokens: it never sees more, and nothing that must stay is cut.

`make budgets` runs 10,000 of them.
"""

import os
from collections.abc import Sequence
from random import Random  # noqa: TID251 - seeded: the same conversations in every run
from typing import Any

import pytest
import trio
from actor_parts import MODEL, Bench, submission, working
from actors.counting_site import CountingSite, chain, text
from actors.test_budgets import table
from attrs import define, field
from vocabularies import exact

from mix2api.actors.budgets import BudgetOptions, Budgets
from mix2api.budget.count_cache import message_digests
from mix2api.budget.encodings import EncodingName
from mix2api.budget.message_tokens import MessageCounter
from mix2api.budget.trimming import TrimOptions
from mix2api.counting.service import Counted, CountingService
from mix2api.counting.shipped import Tokenizers
from mix2api.sessions.worker_port import Accepted, Ended
from mix2api.vocabulary import SUCCESSES, EndReason, SessionId
from mix2api.wire.turn import Message, Turn

WINDOW, OUTPUT = 2000, 200
LONGEST = 4000
"""Characters of one message: some are longer than the window."""
CONVERSATIONS = int(os.environ.get("BUDGET_CONVERSATIONS", "25"))
TURNS = 8
A_WORKER = 50
"""Conversations with one worker: its bench waits for at most ten minutes of the jumping clock."""


@define(eq=False)
class AtOnce(CountingService):
    """Counts without a thread: the clock of these tests jumps while one works."""

    async def history(self, messages: Sequence[Message], counter: MessageCounter) -> Counted:
        tokens: list[int] = []
        for digest, message in zip(message_digests(messages, counter.name), messages, strict=True):
            known = self.cache.get(digest)
            tokens.append(counter.message(message) if known is None else known)
            self.cache.keep(digest, tokens[-1])
        return Counted(tuple(tokens))

    async def off_loop(self, work: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return work()


@define
class Seen:
    """What became of the turns."""

    sent: int = 0
    refused: int = 0
    trimmed: int = 0
    rolled_over: int = 0
    continued: int = 0
    system: Message = field(factory=lambda: Message(role="system", content="Be brief."))


async def converse(bench: Bench, site: CountingSite, random: Random, seen: Seen) -> None:
    """One conversation: each turn brings the whole history, and names the session of the turn before."""
    history: list[Message] = [seen.system]
    session: SessionId | None = None
    for number in range(random.randint(1, TURNS)):
        if random.random() < 0.3 and len(history) > 1:
            history += chain(random, number, LONGEST)
            session = None  # the site has not made these calls
        newest = Message(role="user", content=text(random, LONGEST))
        history.append(newest)
        content = Turn(model=MODEL, messages=list(history), stream=True)
        asked = submission(content, session_id=session, reason="no_history" if session is None else "named")
        replies = await bench.ask(asked)
        ended, accepted = replies[-1], replies[0]
        assert isinstance(ended, Ended)
        assert isinstance(accepted, Accepted)
        if ended.end_reason is EndReason.BUDGET_REJECTED:
            seen.refused += 1
            history.pop()
            continue
        assert ended.end_reason in SUCCESSES, ended
        session = SessionId(accepted.session_id)
        context = list(site.held.values())[-1] if accepted.resolution == "fresh" else None
        if context is not None:
            assert context[0] == seen.system, "the instructions went"
            assert context[-2] == newest, "the newest message went"
        history.append(Message(role="assistant", content="".join(getattr(r, "text", "") for r in replies)))
        seen.sent += 1
        seen.trimmed += not accepted.budget.endswith("trimmed=0")
        seen.rolled_over += accepted.reason == "rolled_over"
        seen.continued += accepted.resolution == "continued"


@pytest.mark.parametrize("recent", [0, 6])
async def test_a_site_never_sees_more_than_its_window(recent: int) -> None:
    random = Random(20_261_130 + recent)  # noqa: S311 - the same conversations in every run
    site = CountingSite(iter(lambda: text(random, 400), None))
    holds, seen = table(WINDOW, OUTPUT), Seen()
    budgets = Budgets(
        table=lambda: holds,
        on_fallback=lambda _: None,
        tokenizers=Tokenizers({EncodingName.O200K_BASE: exact()}),
        options=BudgetOptions(reserved_output=OUTPUT, trim=TrimOptions(recent_messages=recent)),
        counting=AtOnce(),
    )
    for _ in range(0, CONVERSATIONS, A_WORKER):
        async with working(replacing={"budgets": budgets, "upstream": site}) as bench:
            for _ in range(min(A_WORKER, CONVERSATIONS)):
                await converse(bench, site, random, seen)
                site.held.clear()
    assert site.largest <= WINDOW - OUTPUT
    assert min(seen.sent, seen.refused, seen.trimmed, seen.rolled_over, seen.continued) > 0, seen
