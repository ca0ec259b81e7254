"""Of several causes that could end a run, the first one wins."""

from typing import Self

import pytest
import trio
import trio.testing
from actor_parts import BEGINNING, GOOD, all_of, end_of, kinds, text_of, until, working
from actors.ends import check_one_end

from mix2api.upstreams.port import Finished, Text, UpstreamCall, UpstreamFault
from mix2api.upstreams.scripted import Hang, Raise, Wait
from mix2api.vocabulary import Context, Detail, EndReason


async def test_an_abort_mid_stream_closes_the_call_and_ends_the_run() -> None:
    async with working([BEGINNING, [Text("a")], Hang()]) as bench:
        replies = await bench.submit()
        await until(lambda: len(bench.upstream.streams) == 1)
        await replies.take()
        replies.abort(Detail.HUNG_UP)
        await bench.upstream.streams[0].left.wait()
        assert bench.upstream.streams[0].closed_early
        await until(lambda: bool(bench.ends()))
        end = check_one_end(bench, EndReason.CLIENT_ABORT, Detail.HUNG_UP)
        assert (end.http_status, end.context) == (499, Context.UNKNOWN)


async def test_an_abort_after_the_finish_changes_nothing() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]]) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        bench.log.away = True
        finish.set()
        await trio.testing.wait_all_tasks_blocked()  # the run is concluding now
        replies.abort(Detail.HUNG_UP)
        bench.log.away = False
        assert (await end_of(replies)).end_reason is EndReason.STOP
        check_one_end(bench, EndReason.STOP)


async def test_an_abort_just_before_the_finish_arrives_wins() -> None:
    """Both are there in the same turn of the loop; the abort was taken first."""
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Text("late"), Finished("stop")]]) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        await trio.testing.wait_all_tasks_blocked()
        replies.abort(Detail.HUNG_UP)
        finish.set()
        taken = await all_of(replies)
        assert text_of(taken) == ""
        check_one_end(bench, EndReason.CLIENT_ABORT, Detail.HUNG_UP)


class UpstreamThatDoesNotHear:
    """Gives its next batch although it is being cancelled, as a socket may whose data was there already."""

    def __init__(self) -> None:
        self.go = trio.Event()
        self._over = False

    def open(self, call: UpstreamCall) -> "UpstreamThatDoesNotHear":
        del call
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def __aiter__(self) -> "UpstreamThatDoesNotHear":
        return self

    async def __anext__(self) -> list[Text | Finished]:
        if self._over:
            raise StopAsyncIteration
        self._over = True
        with trio.CancelScope(shield=True):
            await self.go.wait()
        return [Text("late"), Finished("stop")]

    async def aclose(self) -> None:
        return None


async def test_a_finish_that_is_read_after_the_abort_does_not_overtake_it() -> None:
    upstream = UpstreamThatDoesNotHear()
    async with working(replacing={"upstream": upstream}) as bench:
        replies = await bench.submit()
        await trio.testing.wait_all_tasks_blocked()
        replies.abort(Detail.HUNG_UP)
        upstream.go.set()
        assert text_of(await all_of(replies)) == ""
        check_one_end(bench, EndReason.CLIENT_ABORT, Detail.HUNG_UP)


async def test_an_abort_after_an_error_changes_nothing() -> None:
    fault = UpstreamFault(EndReason.TIMEOUT, Detail.IDLE, "silent")
    fail = trio.Event()
    async with working([BEGINNING, Wait(fail), Raise(fault)]) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        bench.log.away = True
        fail.set()
        await trio.testing.wait_all_tasks_blocked()
        replies.abort(Detail.HUNG_UP)
        bench.log.away = False
        await end_of(replies)
        check_one_end(bench, EndReason.TIMEOUT, Detail.IDLE)


async def test_of_two_stops_the_first_counts() -> None:
    async with working([BEGINNING, Hang()]) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        await trio.testing.wait_all_tasks_blocked()
        replies.abort(Detail.HUNG_UP)
        await bench.worker.drain(0)
        check_one_end(bench, EndReason.CLIENT_ABORT, Detail.HUNG_UP)


async def test_an_abort_while_accepting_saves_the_call() -> None:
    async with working(GOOD) as bench:
        bench.log.away = True
        replies = await bench.submit()
        await trio.testing.wait_all_tasks_blocked()
        replies.abort(Detail.HUNG_UP)
        bench.log.away = False
        await end_of(replies)
        assert bench.upstream.calls == []
        end = check_one_end(bench, EndReason.CLIENT_ABORT, Detail.HUNG_UP)
        assert end.context is Context.UNCHANGED
        assert kinds(bench.events()) == ["session opened", "Request", "cause", "End"]


# What a reader that gives up is taken for: only the client's own leaving is an abort.
ABORTS = {
    Detail.HUNG_UP: EndReason.CLIENT_ABORT,
    Detail.STALLED: EndReason.CLIENT_ABORT,
    Detail.DRAIN: EndReason.OVERLOADED,
    Detail.EDGE_LOST: EndReason.WORKER_LOST,
}


@pytest.mark.parametrize(("detail", "end_reason"), ABORTS.items())
async def test_a_reader_that_gives_up_names_the_cause(detail: Detail, end_reason: EndReason) -> None:
    async with working([BEGINNING, Hang()]) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        replies.abort(detail)
        await end_of(replies)
        check_one_end(bench, end_reason, detail)
