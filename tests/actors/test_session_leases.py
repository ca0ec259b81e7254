"""Sessions whose shard goes to another process and comes back, noticed or not."""

import trio
from actor_parts import BEGINNING, GOOD, OTHER, PROCESS, SHARD, Bench, end_of, ended, working
from actors.session_turns import first_turn, next_turn, reasons

from mix2api.events.kinds import SessionNote
from mix2api.events.log import Recorded
from mix2api.upstreams.port import Finished
from mix2api.upstreams.scripted import Wait
from mix2api.vocabulary import Detail, EndReason, SessionId, SessionWord

# --- a shard that goes and comes back


async def note_retired(bench: Bench, session: SessionId) -> None:
    """Another process retires a session of ours."""
    note = SessionNote(word=SessionWord.RETIRED, why="elsewhere", process=OTHER)
    bench.world.logs[session].append(Recorded(position=bench.world.position(), event=note))


async def test_what_was_known_of_a_lost_shard_is_read_anew() -> None:
    async with working(GOOD, GOOD) as bench:
        session = await first_turn(bench)
        bench.worker.lost(SHARD)
        await note_retired(bench, session)
        await bench.ask(next_turn(session))
        assert reasons(bench) == ["no_history", "retired"]


async def test_a_shard_that_was_lost_during_a_run_is_read_anew_after_it() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]], GOOD) as bench:
        first = await bench.submit()
        await bench.upstream.wait_calls(1)
        (session,) = bench.world.logs
        bench.worker.lost(SHARD)
        finish.set()
        await end_of(first)
        await note_retired(bench, session)
        await bench.ask(next_turn(session))
        assert reasons(bench) == ["no_history", "retired"]


async def test_a_refused_acceptance_makes_nothing_be_believed() -> None:
    async with working(GOOD, GOOD) as bench:
        session = await first_turn(bench)
        bench.world.leases[SHARD] = OTHER
        assert ended(await bench.ask(next_turn(session))).detail == Detail.NO_OWNER
        bench.world.leases[SHARD] = PROCESS
        await note_retired(bench, session)
        await bench.ask(next_turn(session))
        assert reasons(bench)[-1] == "retired"


# --- leases lost unnoticed


async def test_a_lease_that_went_unnoticed_is_taken_again_for_the_turn_that_finds_out() -> None:
    async with working(GOOD, GOOD) as bench:
        bench.world.leases.clear()
        session = await first_turn(bench)
        bench.world.leases.clear()
        await bench.ask(next_turn(session))
        assert reasons(bench) == ["no_history", "named"], "what stands in the log is still known"
        assert len(bench.ends()) == 2
        assert set(bench.world.logs) == {session}


async def test_after_the_store_was_emptied_a_conversation_goes_on_in_a_fresh_session() -> None:
    async with working(GOOD, GOOD) as bench:
        session = await first_turn(bench)
        bench.world.leases.clear()
        bench.world.logs.clear()
        assert ended(await bench.ask(next_turn(session))).end_reason is EndReason.STOP
        assert (session in bench.world.logs, reasons(bench)) == (False, ["expired"])


async def test_a_fresh_session_is_begun_as_what_it_is_also_where_the_whole_shard_is_to_be_forgotten() -> None:
    async with working(GOOD) as bench:

        async def reclaim(_: SessionId) -> bool:
            bench.worker.lost(SHARD)
            bench.world.leases[SHARD] = PROCESS
            return True

        object.__setattr__(bench.environment, "reclaim", reclaim)
        bench.world.leases.clear()
        await first_turn(bench)
        assert reasons(bench) == ["no_history"]


async def test_a_client_that_left_while_its_lease_was_looked_for_is_not_served() -> None:
    async with working(GOOD) as bench:

        async def reclaim(_: SessionId) -> bool:
            replies.abort(Detail.HUNG_UP)
            bench.world.leases[SHARD] = PROCESS
            return True

        object.__setattr__(bench.environment, "reclaim", reclaim)
        bench.world.leases.clear()
        replies = await bench.submit()
        assert (await end_of(replies)).end_reason is EndReason.CLIENT_ABORT
        assert (bench.world.logs, bench.upstream.calls) == ({}, [])


async def test_a_shard_that_is_lost_again_at_once_is_not_fought_for() -> None:
    async with working(GOOD) as bench:

        async def reclaim(_: SessionId) -> bool:
            return True

        object.__setattr__(bench.environment, "reclaim", reclaim)
        bench.world.leases[SHARD] = OTHER
        assert ended(await bench.ask()).detail == Detail.NO_OWNER
