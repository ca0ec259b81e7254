"""What becomes of a session after its turn: it waits where it was, it waits further on, or it is never continued."""

from typing import Any

import pytest
import trio
import trio.testing
from actor_parts import (
    BEGINNING,
    CLOCK,
    GOOD,
    MINT,
    SEAL,
    SHARD,
    Bench,
    all_of,
    ended,
    kinds,
    submission,
    until,
    working,
)
from histories import Given, answer, messages, user

from mix2api.edge.continuing import Continuing
from mix2api.sessions.prepared_turn import prepare
from mix2api.sessions.resolution import Reuse
from mix2api.sessions.sites import Site, Sites
from mix2api.sessions.worker_port import Accepted, Reply, Submission
from mix2api.store.memory import MemorySessionIndex
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    Opened,
    Started,
    Text,
    ToolInputAvailable,
    ToolOutputSeen,
    UpstreamFault,
)
from mix2api.upstreams.scripted import Raise, Refuse, Script, Wait
from mix2api.vocabulary import Context, Detail, Digest, EndReason
from mix2api.wire.turn import Turn

ONE = [user("one")]
HELLO = answer("hello world")
TWO = [*ONE, HELLO, user("two")]
THREE = [*TWO, HELLO, user("three")]


def fault(
    detail: Detail, status: int | None = None, reason: EndReason = EndReason.UPSTREAM_ERROR
) -> UpstreamFault:
    return UpstreamFault(reason, detail, "it failed", status=status)


def untaken(
    detail: Detail, status: int | None = None, reason: EndReason = EndReason.UPSTREAM_ERROR
) -> UpstreamFault:
    """The same of a call of which no attempt reached the site, or which it refused at once."""
    return UpstreamFault(reason, detail, "it failed", status=status, taken=False)


async def resolved(bench: Bench, *given: Given, **fields: Any) -> Submission:
    """A request as the edge would submit it."""
    continuing = Continuing(
        MemorySessionIndex(bench.world),
        SEAL,
        MINT,
        Reuse.LINEAGE,
        Sites.single(Site(digest=Digest("5" * 32))),
        lambda: SHARD,
    )
    turn = Turn(model="mix/known", messages=messages(*given), stream=True, **fields)
    found = await continuing.find(prepare(turn), {}, Digest("0" * 32), keyed=False)
    return submission(
        turn,
        isolation=found.isolation,
        session_id=found.session_id,
        claimed=found.claimed,
        reason=found.reason.value,
        taken=found.taken,
        bind=found.bind,
        lineage=found.lineage,
    )


async def ask(bench: Bench, *given: Given, **fields: Any) -> list[Reply]:
    return await bench.ask(await resolved(bench, *given, **fields))


def how(replies: list[Reply]) -> tuple[str, str]:
    (first, *_) = replies
    assert isinstance(first, Accepted)
    return first.resolution, first.reason


CONTINUED = ("continued", "lineage")
UNTAKEN: dict[str, Script] = {
    "no connection": [Refuse(untaken(Detail.CONNECT_FAILED))],
    "a connection that took too long": [Refuse(untaken(Detail.CONNECT, reason=EndReason.TIMEOUT))],
    "401": [Refuse(untaken(Detail.STATUS, 401))],
    "403": [Refuse(untaken(Detail.STATUS, 403))],
    "429": [Refuse(untaken(Detail.STATUS, 429))],
    "503": [Refuse(untaken(Detail.STATUS, 503))],
}
"""The site cannot have taken the turn."""
UNKNOWN: dict[str, Script] = {
    "no connection for a second attempt": [Refuse(fault(Detail.CONNECT_FAILED))],
    "429 for a second attempt": [Refuse(fault(Detail.STATUS, 429))],
    "an answer that broke off": [BEGINNING, [Text("a")], Raise(fault(Detail.TRUNCATED))],
    "500": [Refuse(fault(Detail.STATUS, 500))],
    "a first byte that took too long": [Raise(fault(Detail.FIRST_BYTE, reason=EndReason.TIMEOUT))],
    "503 within the answer": [BEGINNING, Raise(fault(Detail.STATUS, 503))],
    "an error frame": [BEGINNING, [Failed("no")]],
    "an abort by the site": [BEGINNING, [Text("a"), AbortedByUpstream()]],
    "a filtered answer": [BEGINNING, [Text("a"), Finished("content-filter")]],
    "a tool that the site ran itself": [BEGINNING, [ToolOutputSeen("1"), Text("a"), Finished("stop")]],
    "a tool that nobody offered": [
        BEGINNING,
        [ToolInputAvailable("1", "rm", "{}"), Text("a"), Finished("stop")],
    ],
}
"""What the site holds cannot be told, or is not what the client has."""


@pytest.mark.parametrize("kind", UNTAKEN)
async def test_a_turn_that_the_site_did_not_take_leaves_the_session_where_it_was(kind: str) -> None:
    async with working(GOOD, UNTAKEN[kind], GOOD) as bench:
        await ask(bench, *ONE)
        failed = await ask(bench, *TWO)
        assert (how(failed), bench.ends()[-1].context) == (CONTINUED, Context.UNCHANGED)
        again = await ask(bench, *TWO)
        assert how(again) == CONTINUED
        assert [call.session for call in bench.upstream.calls] == [None, "site-session", "site-session"]
        assert [message.content for message in bench.upstream.calls[2].messages] == ["two"]
        assert len(bench.world.logs) == 1


@pytest.mark.parametrize("kind", UNKNOWN)
async def test_a_turn_that_the_site_may_have_taken_retires_the_session(kind: str) -> None:
    async with working(GOOD, UNKNOWN[kind], GOOD) as bench:
        await ask(bench, *ONE)
        assert how(await ask(bench, *TWO)) == CONTINUED
        assert bench.ends()[-1].context is Context.UNKNOWN
        (session,) = bench.world.logs
        assert kinds(bench.events(session))[-1] == "session retired"
        assert how(await ask(bench, *TWO)) == ("fresh", "no_match")
        assert [message.content for message in bench.upstream.calls[2].messages] == [
            "one",
            "hello world",
            "two",
        ]


@pytest.mark.parametrize("kind", [*UNTAKEN, *UNKNOWN])
async def test_a_first_turn_that_failed_leaves_nothing_to_continue(kind: str) -> None:
    async with working((UNTAKEN | UNKNOWN)[kind], GOOD) as bench:
        await ask(bench, *ONE)
        assert not any(bench.world.waiting.values())
        assert how(await ask(bench, *ONE)) == ("fresh", "no_history")


async def test_a_finished_turn_moves_the_session_on_and_nothing_waits_behind() -> None:
    async with working(GOOD, GOOD, GOOD, GOOD) as bench:
        await ask(bench, *ONE)
        await ask(bench, *TWO)
        assert how(await ask(bench, *TWO)) == ("fresh", "no_match")
        assert how(await ask(bench, *THREE)) == CONTINUED


async def test_a_session_that_was_stopped_in_time_waits_where_it_was() -> None:
    async with working(GOOD, GOOD) as bench:
        await ask(bench, *ONE)
        asked = await resolved(bench, *TWO)
        bench.log.away = True
        replies = await bench.submit(asked)
        await trio.testing.wait_all_tasks_blocked()
        replies.abort(Detail.HUNG_UP)
        bench.log.away = False
        assert ended(await all_of(replies)).end_reason is EndReason.CLIENT_ABORT
        assert how(await ask(bench, *TWO)) == CONTINUED
        assert len(bench.upstream.calls) == 2


async def test_a_client_that_leaves_during_the_answer_retires_the_session() -> None:
    async with working(GOOD, [BEGINNING, Wait(trio.Event())], GOOD) as bench:
        await ask(bench, *ONE)
        replies = await bench.submit(await resolved(bench, *TWO))
        await bench.upstream.wait_calls(2)
        replies.abort(Detail.HUNG_UP)
        await all_of(replies)
        assert how(await ask(bench, *TWO)) == ("fresh", "no_match")


async def test_of_two_requests_with_one_history_one_continues_and_one_is_fresh() -> None:
    async with working(GOOD, GOOD, GOOD) as bench:
        await ask(bench, *ONE)
        both = [await bench.submit(await resolved(bench, *TWO)) for _ in range(2)]
        assert sorted([how(await all_of(replies)) for replies in both]) == [CONTINUED, ("fresh", "no_match")]


async def test_a_session_that_the_index_has_twice_is_taken_once() -> None:
    async with working(GOOD, GOOD, GOOD) as bench:
        await ask(bench, *ONE)
        first = await resolved(bench, *TWO)
        (session,) = bench.world.logs
        assert first.taken is not None
        bench.world.waiting[first.taken].append(session)
        second = await resolved(bench, *TWO)
        assert first.session_id == second.session_id
        replies = [await bench.submit(each) for each in (first, second)]
        said = [how(await all_of(each)) for each in replies]
        assert said == [CONTINUED, ("fresh", "moved_on")]


async def test_identical_openings_with_identical_answers_go_on_apart() -> None:
    async with working(*[GOOD] * 4) as bench:
        for _ in range(2):
            await ask(bench, *ONE)
        sessions = [(await resolved(bench, *TWO)).session_id for _ in range(2)]
        assert len(set(sessions)) == 2
        assert set(sessions) == set(bench.world.logs)


async def test_a_session_is_waited_for_only_so_long() -> None:
    async with working(GOOD, GOOD, GOOD, session_ttl_s=100.0, idle_s=1000.0) as bench:
        await ask(bench, *ONE)
        await trio.sleep(99)
        assert how(await ask(bench, *TWO)) == CONTINUED
        await trio.sleep(101)
        assert how(await ask(bench, *THREE)) == ("fresh", "expired")


async def test_a_session_that_left_memory_is_continued_from_its_log() -> None:
    async with working(GOOD, GOOD, idle_s=1.0) as bench:
        await ask(bench, *ONE)
        await trio.sleep(10)
        assert bench.worker.statistics().actors == 0
        assert how(await ask(bench, *TWO)) == CONTINUED
        assert bench.upstream.calls[1].session == "site-session"


async def test_a_site_that_answers_under_another_session_makes_the_turn_run_once_more() -> None:
    swapped: Script = [[Opened(200), Started("another", "x")], [Text("a"), Finished("stop")]]
    async with working(GOOD, swapped, GOOD) as bench:
        await ask(bench, *ONE)
        replies = await ask(bench, *TWO)
        assert ended(replies).end_reason is EndReason.STOP
        assert [call.session for call in bench.upstream.calls] == [None, "site-session", None]
        assert len(bench.upstream.calls[2].messages) == 3
        again = bench.requests()[-1]
        assert (again.attempt, again.resolution, again.resolution_reason) == (2, "fresh", "upstream_lost")


async def test_a_turn_runs_once_more_only_once() -> None:
    gone: Script = [Refuse(fault(Detail.SESSION_LOST, 404))]
    async with working(GOOD, gone, gone) as bench:
        await ask(bench, *ONE)
        assert ended(await ask(bench, *TWO)).end_reason is EndReason.UPSTREAM_ERROR
        assert len(bench.upstream.calls) == 3


# --- names


async def test_requests_to_one_name_run_in_order_on_one_session() -> None:
    finish = trio.Event()
    slow: Script = [BEGINNING, Wait(finish), [Text("a"), Finished("stop")]]
    async with working(slow, GOOD, GOOD) as bench:
        replies = [await bench.submit(await resolved(bench, user("0"), session="mine"))]
        await bench.upstream.wait_calls(1)
        replies += [
            await bench.submit(await resolved(bench, user(text), session="mine")) for text in ("1", "2")
        ]
        await until(lambda: bench.worker.statistics().runs == 3)
        finish.set()
        said = [how(await all_of(each)) for each in replies]
        assert said == [("fresh", "new_name"), ("continued", "named"), ("continued", "named")]
        assert [call.messages[0].content for call in bench.upstream.calls] == ["0", "1", "2"]
        assert len(bench.world.logs) == 1


async def test_a_request_that_waits_too_long_for_its_name_is_told_when_to_come_again() -> None:
    slow: Script = [BEGINNING, Wait(trio.Event())]
    async with working(slow, queue_timeout_s=5.0) as bench:
        await bench.submit(await resolved(bench, user(), session="mine"))
        await bench.upstream.wait_calls(1)
        began = CLOCK.monotonic_ms()
        told = ended(await ask(bench, user(), session="mine"))
        assert (told.http_status, told.detail, told.retry_after_s) == (429, Detail.DEADLINE, 1)
        assert 5000 <= CLOCK.monotonic_ms() - began <= 6000


async def test_a_name_goes_over_to_the_session_that_its_history_finds() -> None:
    async with working(*[GOOD] * 4) as bench:
        await ask(bench, user("other"), session="mine")
        await ask(bench, *ONE)
        assert how(await ask(bench, *TWO, session="mine")) == CONTINUED
        again = await resolved(bench, user("three"), session="mine")
        assert again.session_id == list(bench.world.logs)[1]


async def test_a_name_whose_session_retired_leads_to_a_fresh_one_from_then_on() -> None:
    async with working(UNKNOWN["an error frame"], GOOD, GOOD) as bench:
        await ask(bench, user(), session="mine")
        assert how(await ask(bench, user(), session="mine")) == ("fresh", "retired")
        assert how(await ask(bench, user(), session="mine")) == ("continued", "named")


async def test_what_a_named_session_holds_goes_to_nobody_who_has_its_last_question_alone() -> None:
    async with working(*[GOOD] * 3) as bench:
        await ask(bench, user("a secret"), session="mine")
        assert how(await ask(bench, *ONE, session="mine")) == ("continued", "named")
        assert how(await ask(bench, *TWO)) == ("fresh", "no_match")


async def test_nor_what_a_session_holds_that_its_id_led_to() -> None:
    async with working(*[GOOD] * 3) as bench:
        await ask(bench, user("a secret"))
        (session,) = bench.world.logs
        assert how(await ask(bench, *ONE, session=session)) == ("continued", "named")
        assert how(await ask(bench, *TWO)) == ("fresh", "no_match")


@pytest.mark.parametrize("by_id", [False, True])
async def test_who_says_the_name_again_goes_on_with_the_history_since_then(*, by_id: bool) -> None:
    async with working(*[GOOD] * 5) as bench:
        word = "mine"
        await ask(bench, user("before"), session=word)
        if by_id:
            (word,) = bench.world.logs
        await ask(bench, *ONE, session=word)
        assert how(await ask(bench, *TWO, session=word)) == ("continued", "named")
        assert how(await ask(bench, *THREE, session=word)) == ("continued", "named")
        assert [[message.content for message in call.messages] for call in bench.upstream.calls] == [
            ["before"],
            ["one"],
            ["two"],
            ["three"],
        ]
        assert how(await ask(bench, *THREE, session=word)) == ("fresh", "no_match"), "it has moved on"


async def test_a_named_session_is_told_of_instructions_that_it_did_not_have_before() -> None:
    async with working(*[GOOD] * 4) as bench:
        for words in ("be brief", "be brief", "be verbose"):
            await ask(bench, {"role": "system", "content": words}, user("hi"), session="mine")
        await ask(bench, user("hi"), session="mine")
        assert [[message.content for message in call.messages] for call in bench.upstream.calls] == [
            ["be brief", "hi"],
            ["hi"],
            ["be verbose", "hi"],
            ["hi"],
        ]
        assert [request.messages_new for request in bench.requests()] == [2, 1, 2, 1]


async def test_new_leaves_the_named_session_for_a_fresh_one() -> None:
    async with working(GOOD, GOOD) as bench:
        await ask(bench, user(), session="mine")
        assert how(await ask(bench, user(), session="new")) == ("fresh", "asked_new")
        assert len(bench.world.logs) == 2
