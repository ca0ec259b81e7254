"""One run: what is durable when, how its deltas are put together, and how long it waits for a slow client."""

import trio
import trio.testing
from actor_parts import BEGINNING, GOOD, all_of, end_of, ended, kinds, submission, text_of, until, working
from actors.ends import check_one_end

from mix2api.events.kinds import UpstreamChunk
from mix2api.sessions.worker_port import Accepted, Ended, Replies, Reply
from mix2api.upstreams.port import Finished, Opened, Text
from mix2api.upstreams.scripted import Hang, Script, Wait
from mix2api.vocabulary import Context, Detail, EndReason, Receipt

# --- order


async def test_a_good_run_is_logged_step_by_step() -> None:
    async with working(GOOD) as bench:
        replies = await bench.ask()
        assert text_of(replies) == "hello world"
        assert ended(replies).end_reason is EndReason.STOP
        assert isinstance(replies[0], Accepted)
        assert kinds(bench.events()) == [
            "session opened",
            "Request",
            "open",
            "start",
            "text",
            "finish",
            "End",
        ]
        end = check_one_end(bench, EndReason.STOP)
        assert (end.http_status, end.frames, end.context) == (200, 4, Context.EXTENDED)
        assert [completed.end for completed in bench.completed] == [end]
        assert bench.completed[0].chunks == 2


async def test_the_request_is_durable_before_the_upstream_is_called() -> None:
    async with working(GOOD) as bench:
        bench.log.away = True
        replies = await bench.submit()
        await trio.testing.wait_all_tasks_blocked()
        assert bench.upstream.calls == []
        bench.log.away = False
        assert (await end_of(replies)).end_reason is EndReason.STOP


async def test_the_end_is_durable_before_the_ending_leaves() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]]) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        await replies.take()
        bench.log.away = True
        finish.set()
        await trio.testing.wait_all_tasks_blocked()
        replies.nudge()
        assert await replies.take() == []
        bench.log.away = False
        assert (await end_of(replies)).acked
        check_one_end(bench, EndReason.STOP)


async def test_the_connection_is_kept_where_the_site_finished() -> None:
    async with working([*GOOD, []]) as bench:
        await bench.ask()
        await bench.upstream.streams[0].left.wait()
        assert bench.upstream.streams[0].closed_early  # what follows the finish is not waited for


async def test_a_receipt_is_written_for_an_accepted_run() -> None:
    async with working(GOOD) as bench:
        of = submission()
        replies = await bench.submit(of)
        await end_of(replies)
        replies.settle(Receipt.WRITTEN)
        replies.settle(Receipt.CLIENT_LEFT)
        assert bench.receipts() == [("receipt", of.run_id, "written")]


# --- coalescing, backlog


async def test_deltas_of_a_window_become_one_entry() -> None:
    more = trio.Event()
    script: Script = [
        BEGINNING,
        [Text("ab"), Text("c")],
        [Text("d")],
        Wait(more),
        [Text("e"), Finished("stop")],
    ]
    async with working(script, chunk_window_s=0.25) as bench:
        replies = await bench.submit()
        await trio.sleep(1)
        assert kinds(bench.events())[-1] == "text"
        more.set()
        await end_of(replies)
        texts = [event for event in bench.events() if isinstance(event, UpstreamChunk) and event.size_bytes]
        assert [(each.first_frame, each.last_frame, each.size_bytes) for each in texts] == [
            (2, 4, 4),
            (5, 5, 1),
        ]


def _burst(pieces: int) -> Script:
    return [BEGINNING, [Text("x")] * pieces, [Text("y")], [Finished("stop")]]


_SMALL = 400_000
"""Bytes: a burst of 2,001 replies is more."""


async def test_a_slow_client_is_waited_for() -> None:
    async with working(_burst(2001), backlog_bytes=_SMALL) as bench:
        replies = await bench.submit()
        await trio.sleep(30)
        assert bench.ends() == []
        taken = await all_of(replies)
        assert len(text_of(taken)) == 2002
        check_one_end(bench, EndReason.STOP)


async def test_a_client_that_takes_nothing_for_too_long_has_stalled() -> None:
    async with working(_burst(2001), stall_s=60.0, backlog_bytes=_SMALL) as bench:
        replies = await bench.submit()
        await trio.sleep(61)
        check_one_end(bench, EndReason.CLIENT_ABORT, Detail.STALLED)
        assert (await end_of(replies)).end_reason is EndReason.CLIENT_ABORT


async def test_a_client_that_takes_something_has_not_stalled() -> None:
    async with working(_burst(2001), stall_s=60.0, backlog_bytes=_SMALL) as bench:
        replies = await bench.submit()
        taken: list[Reply] = []
        while not (taken and isinstance(taken[-1], Ended)):
            await trio.sleep(59)
            taken += await replies.take()
        assert len(text_of(taken)) == 2002
        assert bench.upstream.streams[0].paused_s >= 59
        check_one_end(bench, EndReason.STOP)


async def test_a_few_large_pieces_are_waited_for_too() -> None:
    pieces = [[Text("x" * 300_000)] for _ in range(10)]
    async with working([BEGINNING, *pieces, [Finished("stop")]], backlog_bytes=_SMALL) as bench:
        replies = await bench.submit()
        await trio.testing.wait_all_tasks_blocked()
        assert (
            bench.upstream.streams[0].played == 3
        )  # the beginning and two pieces: the third is not asked for
        assert len(text_of(await all_of(replies))) == 3_000_000


async def test_a_client_that_leaves_is_not_waited_for() -> None:
    async with working(_burst(2001), backlog_bytes=_SMALL) as bench:
        replies = await bench.submit()
        await trio.testing.wait_all_tasks_blocked()
        replies.abort(Detail.HUNG_UP)
        await until(lambda: bool(bench.ends()))
        check_one_end(bench, EndReason.CLIENT_ABORT, Detail.HUNG_UP)


async def test_a_run_that_dies_with_its_process_is_left_to_recovery() -> None:
    async with working([BEGINNING, Hang()]) as bench:
        replies: Replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        assert not any(isinstance(reply, Ended) for reply in await replies.take())
    assert bench.ends() == []
    assert len(bench.world.open) == 1


async def test_status_and_frames_of_the_answer_stand_in_the_log() -> None:
    async with working([[Opened(203)], [Text("ü")], [Finished("length")]]) as bench:
        await bench.ask()
        end = check_one_end(bench, EndReason.LENGTH)
        assert (end.upstream_status, end.finish_reason) == (203, "length")
