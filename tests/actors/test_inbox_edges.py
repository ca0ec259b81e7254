"""What an edge says of its turns, what becomes of them once it is gone, and what a stopping process tells it."""

import pytest
import trio
import trio.testing
from actor_parts import BEGINNING, CLOCK, EDGE, SHARD, ended, kinds, submission, until
from actors.inboxes import PERIOD_S, relayed, relaying

from mix2api.relay.messages import RelayedTurn, encode_turn
from mix2api.upstreams.scripted import Hang, Script
from mix2api.vocabulary import Detail, EndReason, RunId

# --- what the edge says


async def test_a_hang_up_ends_the_run_as_the_client_s_abort() -> None:
    async with relaying([BEGINNING, Hang()]) as there:
        run_id = there.send()
        await there.bench.upstream.wait_calls(1)
        there.inbox.hang_up(run_id, "hung_up")
        await there.post.replies(run_id)
        (end,) = there.bench.ends()
        assert (end.end_reason, end.detail) == (EndReason.CLIENT_ABORT, Detail.HUNG_UP)


async def test_a_hang_up_may_overtake_its_turn() -> None:
    async with relaying() as there:
        run_id, entry = relayed()
        there.inbox.hang_up(run_id, "hung_up")
        there.post.put(entry)
        there.inbox.wake(SHARD)
        assert ended(await there.post.replies(run_id)).end_reason is EndReason.CLIENT_ABORT
        await until(lambda: not there.post.entries())
        assert there.bench.world.logs == {}


async def test_hang_ups_of_unknown_turns_are_not_kept_for_ever() -> None:
    async with relaying() as there:
        for number in range(3000):
            there.inbox.hang_up(RunId(f"run_{number}"), "hung_up")
        assert len(there.inbox._early) == 1000
        assert RunId("run_2999") in there.inbox._early


async def test_a_newer_edge_s_word_is_taken_for_a_plain_hang_up() -> None:
    async with relaying([BEGINNING, Hang()]) as there:
        run_id = there.send()
        await there.bench.upstream.wait_calls(1)
        there.inbox.hang_up(run_id, "a word of tomorrow")
        await there.post.replies(run_id)
        assert there.bench.ends()[0].detail == Detail.HUNG_UP


async def test_headers_that_left_are_known_to_the_run() -> None:
    cut: Script = [BEGINNING, Hang()]
    async with relaying(cut) as there:
        run_id = there.send()
        await there.bench.upstream.wait_calls(1)
        there.inbox.headers_left(run_id)
        there.inbox.headers_left(RunId("unknown"))
        await there.bench.worker.drain(0)
        assert ended(await there.post.replies(run_id)).http_status == 200


# --- an edge that is gone


async def test_runs_of_an_edge_that_is_surely_gone_are_ended() -> None:
    async with relaying([BEGINNING, Hang()]) as there:
        there.send()
        await there.bench.upstream.wait_calls(1)
        there.alive.clear()
        await trio.sleep(PERIOD_S * 3)
        (end,) = there.bench.ends()
        assert end.total_ms >= PERIOD_S * 1000
        assert (end.end_reason, end.detail) == (EndReason.WORKER_LOST, Detail.EDGE_LOST)
        assert kinds(there.bench.events())[-3:] == ["cause", "End", "session retired"]


async def test_an_edge_that_was_only_late_keeps_its_runs() -> None:
    async with relaying([BEGINNING, Hang()]) as there:
        there.send()
        await there.bench.upstream.wait_calls(1)
        there.alive.clear()
        await trio.sleep(PERIOD_S * 1.5)
        there.alive.add(EDGE)
        await trio.sleep(PERIOD_S * 3)
        assert there.bench.ends() == []


async def test_an_outage_is_no_evidence_against_an_edge() -> None:
    async with relaying([BEGINNING, Hang()]) as there:
        there.send()
        await there.bench.upstream.wait_calls(1)
        there.alive.clear()
        await trio.sleep(PERIOD_S * 1.5)
        there.post.away = True
        await trio.sleep(PERIOD_S)
        there.post.away = False
        await trio.sleep(PERIOD_S)
        assert there.bench.ends() == []  # seen absent once since it is back


async def test_a_turn_that_waits_for_its_session_goes_with_its_edge() -> None:
    async with relaying([BEGINNING, Hang()], queue_timeout_s=600.0) as there:
        there.send()
        await there.bench.upstream.wait_calls(1)
        (session,) = there.bench.world.logs
        of = submission(session_id=session)
        there.post.put(encode_turn(RelayedTurn.of(of, session, CLOCK.now_ms() + 500_000)))
        there.inbox.wake(SHARD)
        await trio.testing.wait_all_tasks_blocked()
        there.alive.clear()
        await trio.sleep(PERIOD_S * 3)
        assert [end.detail for end in there.bench.ends()] == [Detail.EDGE_LOST]
        assert there.bench.worker.statistics().runs == 0


# --- stopping


async def test_endings_are_forwarded_before_a_process_goes() -> None:
    async with relaying([BEGINNING, Hang()]) as there:
        run_id = there.send()
        await there.bench.upstream.wait_calls(1)
        await there.bench.worker.drain(0)
        await there.inbox.wait_forwarded()
        assert ended(await there.post.replies(run_id)).detail == Detail.DRAIN


@pytest.mark.parametrize("gone", [True, False])
async def test_a_refused_turn_is_reported_here_only_where_its_edge_is_gone(*, gone: bool) -> None:
    async with relaying() as there:
        if gone:
            there.alive.clear()
        run_id, entry = relayed(late_ms=20_000)
        there.post.put(entry)
        there.inbox.wake(SHARD)
        await there.post.replies(run_id)
        await trio.testing.wait_all_tasks_blocked()
        told = [(of.run_id, ended.detail) for of, ended in there.bench.unheard]
        assert told == ([(run_id, Detail.EXPIRED)] if gone else [])
