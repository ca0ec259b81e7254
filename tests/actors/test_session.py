"""Turns of one session: their order and queue, leaving memory and coming back, what cannot be continued."""

import pytest
import trio
import trio.testing
from actor_parts import (
    BEGINNING,
    GOOD,
    all_of,
    end_of,
    ended,
    kinds,
    session_id,
    text_of,
    turn,
    until,
    working,
)
from actors.session_turns import first_turn, next_turn, reasons

from mix2api.actors.environment import QUEUE_LENGTH, SNAPSHOT_EVERY
from mix2api.errors import Overloaded
from mix2api.sessions.worker_port import Accepted
from mix2api.upstreams.port import Finished, Text, UpstreamFault
from mix2api.upstreams.scripted import Hang, Raise, Script, Wait
from mix2api.vocabulary import Detail, Digest, EndReason, SessionId

# --- order and queue


async def test_a_later_turn_continues_the_session() -> None:
    async with working(GOOD, GOOD) as bench:
        session = await first_turn(bench)
        await bench.ask(next_turn(session))
        assert (bench.upstream.calls[1].session, bench.upstream.calls[1].exchange) == (
            "site-session",
            "site-exchange",
        )
        first, second = bench.requests()
        assert (first.resolution, second.resolution) == ("fresh", "continued")
        assert set(bench.world.logs) == {session}


async def test_turns_of_a_session_run_one_after_the_other_in_order() -> None:
    finish = trio.Event()
    slow: Script = [BEGINNING, Wait(finish), [Text("0"), Finished("stop")]]
    later: list[Script] = [[BEGINNING, [Text(str(number)), Finished("stop")]] for number in (1, 2)]
    async with working(slow, *later) as bench:
        replies = [await bench.submit()]
        await bench.upstream.wait_calls(1)
        (session,) = bench.world.logs
        replies += [await bench.submit(next_turn(session)) for _ in range(2)]
        await trio.testing.wait_all_tasks_blocked()
        assert len(bench.upstream.calls) == 1
        finish.set()
        assert [text_of(await all_of(each)) for each in replies] == ["0", "1", "2"]
        assert [end.run_id for end in bench.ends()] == [call.run_id for call in bench.upstream.calls]


async def test_no_more_turns_wait_than_the_queue_holds() -> None:
    async with working([BEGINNING, Hang()]) as bench:
        await bench.submit()
        await bench.upstream.wait_calls(1)
        (session,) = bench.world.logs
        for _ in range(QUEUE_LENGTH):
            await bench.submit(next_turn(session))
        with pytest.raises(Overloaded) as refused:
            await bench.submit(next_turn(session))
        assert (refused.value.detail, refused.value.status) == (Detail.QUEUE, 429)


async def test_a_turn_waits_until_its_deadline_and_no_longer() -> None:
    async with working([BEGINNING, Hang()], queue_timeout_s=10.0) as bench:
        await bench.submit()
        await bench.upstream.wait_calls(1)
        (session,) = bench.world.logs
        began = trio.current_time()
        told = await end_of(await bench.submit(next_turn(session)))
        assert 10 <= trio.current_time() - began <= 10.5
        assert (told.end_reason, told.detail, told.http_status) == (
            EndReason.OVERLOADED,
            Detail.DEADLINE,
            429,
        )
        assert len(bench.requests()) == 1


async def test_a_client_that_leaves_the_queue_costs_nothing() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]], GOOD) as bench:
        await bench.submit()
        await bench.upstream.wait_calls(1)
        (session,) = bench.world.logs
        left, stays = await bench.submit(next_turn(session)), await bench.submit(next_turn(session))
        left.abort(Detail.HUNG_UP)
        assert (await end_of(left)).end_reason is EndReason.CLIENT_ABORT  # for whoever forwards its replies
        finish.set()
        assert (await end_of(stays)).end_reason is EndReason.STOP
        assert len(bench.requests()) == 2
        assert bench.worker.statistics().runs == 0


async def test_a_place_in_the_queue_that_was_left_can_be_taken() -> None:
    async with working([BEGINNING, Hang()]) as bench:
        await bench.submit()
        await bench.upstream.wait_calls(1)
        (session,) = bench.world.logs
        waiting = [await bench.submit(next_turn(session)) for _ in range(QUEUE_LENGTH)]
        waiting[3].abort(Detail.HUNG_UP)
        await trio.sleep(0.3)
        await bench.submit(next_turn(session))
        assert bench.worker.statistics().runs == 1 + QUEUE_LENGTH


# --- leaving memory and coming back


async def test_an_idle_session_leaves_memory_and_comes_back_from_its_log() -> None:
    async with working(GOOD, GOOD, idle_s=60.0) as bench:
        session = await first_turn(bench)
        await trio.sleep(30)
        assert (bench.worker.statistics().actors, bench.worker.statistics().idle) == (1, 1)
        await trio.sleep(31)
        assert bench.worker.statistics().actors == 0
        await bench.ask(next_turn(session))
        assert bench.upstream.calls[1].session == "site-session"


async def test_more_idle_sessions_than_memory_takes_leave_oldest_first() -> None:
    async with working(GOOD, GOOD, GOOD, idle_max=2) as bench:
        sessions = []
        for _ in range(3):
            sessions.append(await first_turn(bench))
            await trio.sleep(0.01)
        await trio.sleep(0.3)
        assert set(bench.worker._actors) == set(sessions[1:])


async def test_a_session_comes_back_from_snapshot_and_log() -> None:
    turns = SNAPSHOT_EVERY + 2
    async with working(*[GOOD] * (turns + 1), idle_s=1.0) as bench:
        session = await first_turn(bench)
        for _ in range(turns - 1):
            await bench.ask(next_turn(session))
        assert session in bench.world.snapshots
        await trio.sleep(2)
        assert bench.worker.statistics().actors == 0
        await bench.ask(next_turn(session))
        assert bench.requests()[-1].resolution == "continued"
        assert bench.upstream.calls[-1].session == "site-session"


async def test_a_session_that_nobody_wrote_is_made_anew() -> None:
    async with working(GOOD) as bench:
        unknown = session_id()
        replies = await bench.ask(next_turn(unknown))
        assert ended(replies).end_reason is EndReason.STOP
        assert unknown not in bench.world.logs
        assert reasons(bench) == ["expired"]


# --- what cannot be continued


async def test_a_retired_session_is_left_for_a_fresh_one() -> None:
    cut: Script = [BEGINNING, [Text("a")], Raise(UpstreamFault(EndReason.TIMEOUT, Detail.IDLE, "silent"))]
    async with working(cut, GOOD, GOOD) as bench:
        await bench.ask()
        (session,) = bench.world.logs
        await bench.ask(next_turn(session))
        assert reasons(bench) == ["no_history", "retired"]
        assert bench.upstream.calls[1].session is None
        assert kinds(bench.events(session))[-1] == "session retired"


async def test_turns_that_wait_for_a_session_that_retires_go_to_fresh_ones() -> None:
    fail = trio.Event()
    cut: Script = [
        BEGINNING,
        Wait(fail),
        Raise(UpstreamFault(EndReason.TIMEOUT, Detail.IDLE, "silent")),
    ]
    async with working(cut, GOOD, GOOD) as bench:
        first = await bench.submit()
        await bench.upstream.wait_calls(1)
        (session,) = bench.world.logs
        waiting = [await bench.submit(next_turn(session)) for _ in range(2)]
        fail.set()
        assert (await end_of(first)).end_reason is EndReason.TIMEOUT
        assert [(await end_of(each)).end_reason for each in waiting] == [EndReason.STOP] * 2
        assert reasons(bench) == ["no_history", "retired", "retired"]
        assert len(bench.world.logs) == 3
        assert bench.worker.statistics().runs == 0


async def test_a_turn_for_the_session_that_replaced_another_is_not_lost() -> None:
    """The fresh session of a redirected turn is live like any other, and takes turns while it is busy."""
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]], GOOD) as bench:
        first = await bench.submit(next_turn(session_id()))
        await bench.upstream.wait_calls(1)
        (made,) = bench.world.logs
        second = await bench.submit(next_turn(made))
        finish.set()
        await end_of(first)
        assert (await end_of(second)).end_reason is EndReason.STOP
        assert set(bench.world.logs) == {made}


async def test_a_damaged_log_is_a_miss_and_not_an_error() -> None:
    fallbacks: list[SessionId] = []
    async with working(GOOD, GOOD, idle_s=1.0, replacing={"on_schema_fallback": fallbacks.append}) as bench:
        session = await first_turn(bench)
        await trio.sleep(2)
        del bench.world.logs[session][2]
        await bench.ask(next_turn(session))
        assert reasons(bench) == ["no_history", "schema_fallback"]
        assert fallbacks == [session]


async def test_a_session_with_a_run_under_way_elsewhere_is_not_waited_for() -> None:
    async with working(GOOD, GOOD, idle_s=1.0) as bench:
        session = await first_turn(bench)
        await trio.sleep(2)
        del bench.world.logs[session][-1]
        await bench.ask(next_turn(session))
        assert reasons(bench) == ["no_history", "moved_on"]


async def test_a_session_of_another_caller_is_not_continued() -> None:
    async with working(GOOD, GOOD) as bench:
        session = await first_turn(bench)
        await bench.ask(next_turn(session, isolation=Digest("f" * 32)))
        assert reasons(bench) == ["no_history", "foreign"]


async def test_a_session_that_no_longer_waits_where_the_index_said_is_not_continued() -> None:
    async with working(GOOD, GOOD) as bench:
        session = await first_turn(bench)
        await bench.ask(next_turn(session, taken=Digest("e" * 32)))
        assert reasons(bench) == ["no_history", "moved_on"]


@pytest.mark.parametrize(("waited_s", "reason"), [(299, "named"), (301, "expired")])
async def test_a_session_waits_for_its_next_turn_as_long_as_it_may(waited_s: float, reason: str) -> None:
    async with working(GOOD, GOOD, session_ttl_s=300.0) as bench:
        session = await first_turn(bench)
        await trio.sleep(waited_s)
        await bench.ask(next_turn(session))
        assert reasons(bench) == ["no_history", reason]


async def test_a_session_whose_log_cannot_be_read_now_is_not_continued() -> None:
    async with working(GOOD, idle_s=1.0) as bench:
        session = await first_turn(bench)
        await trio.sleep(2)
        bench.log.away = True
        told = ended(await bench.ask(next_turn(session)))
        assert (told.end_reason, told.http_status) == (EndReason.UNAVAILABLE, 503)
        bench.log.away = False
        assert bench.refused() == 1


# --- the site's own loss


async def test_a_turn_whose_session_the_site_lost_runs_once_more() -> None:
    gone: Script = [
        Raise(UpstreamFault(EndReason.UPSTREAM_ERROR, Detail.SESSION_LOST, "no session", status=404))
    ]
    async with working(GOOD, gone, GOOD) as bench:
        session = await first_turn(bench)
        replies = await bench.ask(next_turn(session, turn=turn("one", "two")))
        assert ended(replies).end_reason is EndReason.STOP
        accepted = [reply for reply in replies if isinstance(reply, Accepted)]
        assert [each.run_id for each in accepted] == [call.run_id for call in bench.upstream.calls[1:]]
        assert [len(call.messages) for call in bench.upstream.calls] == [1, 2, 2]
        await until(lambda: len(bench.ends()) == 3)
        assert bench.ends()[1].detail == Detail.SESSION_LOST
