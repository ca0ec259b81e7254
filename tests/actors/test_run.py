"""One run: what is durable when, which cause wins, and what the client and the log are told."""

from collections.abc import Callable
from functools import partial
from typing import Self

import pytest
import trio
import trio.testing
from actor_parts import (
    BEGINNING,
    GOOD,
    OTHER,
    PROCESS,
    SHARD,
    Bench,
    all_of,
    end_of,
    ended,
    kinds,
    submission,
    text_of,
    turn,
    until,
    working,
)
from attrs import define

from mix2api.errors import StoreUnavailable
from mix2api.events.kinds import End, UpstreamChunk
from mix2api.events.log import Append, History, Ticket
from mix2api.sessions.attribution import attribute
from mix2api.sessions.worker_port import Accepted, Ended, Replies, Reply
from mix2api.store.commit import PendingAppend
from mix2api.store.memory import MemoryEventLog
from mix2api.upstreams.port import (
    Finished,
    Opened,
    Text,
    ToolInputAvailable,
    UpstreamCall,
    UpstreamFault,
)
from mix2api.upstreams.scripted import Hang, Raise, Refuse, Script, ScriptedUpstream, Wait
from mix2api.vocabulary import Context, Detail, EndReason, Receipt, SessionId


def check_one_end(bench: Bench, end_reason: EndReason, detail: str | None = None) -> End:
    """The only run has one end, the recorded verdict is that of its causes, and nothing is left open."""
    (end,) = bench.ends()
    assert (end.end_reason, end.detail) == (end_reason, detail)
    chunks = [event for event in bench.events() if isinstance(event, UpstreamChunk)]
    cause = attribute(chunks)
    assert (cause.end_reason, cause.detail) == (end_reason, detail)
    assert bench.world.open == {}
    return end


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


# --- the first cause wins


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


# --- faults of the upstream

_U, _T = EndReason.UPSTREAM_ERROR, EndReason.TIMEOUT
REFUSALS = [
    # reason, detail, upstream status, HTTP status, context
    (_U, Detail.CONNECT_FAILED, None, 502, Context.UNCHANGED),
    (_T, Detail.CONNECT, None, 504, Context.UNCHANGED),
    (_U, Detail.STATUS, 429, 429, Context.UNCHANGED),
    (_U, Detail.STATUS, 503, 503, Context.UNCHANGED),
    (_U, Detail.STATUS, 500, 502, Context.UNKNOWN),
    (EndReason.UPSTREAM_AUTH_ERROR, Detail.STATUS, 401, 502, Context.UNCHANGED),
    (_T, Detail.FIRST_BYTE, None, 504, Context.UNKNOWN),
]
BREAKS = [
    (_T, Detail.IDLE, 200, 200, Context.UNKNOWN),
    (_T, Detail.TOTAL, 200, 200, Context.UNKNOWN),
    (_U, Detail.TRUNCATED, 200, 200, Context.UNKNOWN),
    (_U, Detail.PROTOCOL, 200, 200, Context.UNKNOWN),
]


@pytest.mark.parametrize(("reason", "detail", "upstream_status", "status", "context"), REFUSALS)
@pytest.mark.parametrize("step", [Refuse, Raise])
async def test_a_fault_before_any_output_is_the_ending(
    step: Callable[[UpstreamFault], Refuse | Raise],
    reason: EndReason,
    detail: Detail,
    upstream_status: int | None,
    status: int,
    context: Context,
) -> None:
    says = partial(UpstreamFault, status=upstream_status, retry_after_s=17)
    fault = says(reason, detail, "the site's words", taken=context is Context.UNKNOWN)
    async with working([step(fault)]) as bench:
        told = ended(await bench.ask())
        end = check_one_end(bench, reason, detail)
        assert (end.http_status, end.upstream_status, end.context) == (status, upstream_status, context)
        assert (told.http_status, told.retry_after_s, told.acked) == (status, 17, True)
        assert "the site's words" in told.message


@pytest.mark.parametrize(("reason", "detail", "upstream_status", "status", "context"), BREAKS)
async def test_a_fault_after_output_is_the_ending(
    reason: EndReason, detail: Detail, upstream_status: int, status: int, context: Context
) -> None:
    fault = UpstreamFault(reason, detail, "broke", status=upstream_status)
    async with working([BEGINNING, [Text("a")], Raise(fault)]) as bench:
        replies = await bench.ask()
        assert text_of(replies) == "a"
        end = check_one_end(bench, reason, detail)
        assert (end.http_status, end.upstream_status, end.context) == (status, upstream_status, context)


async def test_a_whole_answer_s_fault_after_output_has_its_own_status() -> None:
    fault = UpstreamFault(_T, Detail.IDLE, "silent", status=200)
    async with working([BEGINNING, [Text("a")], Raise(fault)]) as bench:
        told = ended(await bench.ask(submission(turn(stream=False))))
        assert told.http_status == 504


async def test_a_client_that_has_its_headers_gets_no_other_status() -> None:
    fail = trio.Event()
    fault = UpstreamFault(_T, Detail.FIRST_BYTE, "silent")
    async with working([Wait(fail), Raise(fault)]) as bench:
        replies = await bench.submit()
        await replies.take()
        replies.headers_sent()
        fail.set()
        assert (await end_of(replies)).http_status == 200


async def test_an_answer_without_a_finish_broke_off() -> None:
    async with working([BEGINNING, [Text("a")]]) as bench:
        await bench.ask()
        check_one_end(bench, _U, Detail.TRUNCATED)


async def test_tool_calls_that_nobody_offered_are_no_output() -> None:
    """A site may run tools of its own; the client has seen nothing then, and can still be given a status."""
    fault = UpstreamFault(_U, Detail.TRUNCATED, "cut", status=200)
    script: Script = [BEGINNING, [ToolInputAvailable("c1", "theirs", "{}")], Raise(fault)]
    async with working(script) as bench:
        assert ended(await bench.ask()).http_status == 502


# --- faults of ours


class BrokenUpstream:
    """An adapter with a mistake in it."""

    def open(self, call: UpstreamCall) -> ScriptedUpstream:
        raise RuntimeError(f"a secret: {call.turn.messages[0].content}")


async def test_a_fault_of_the_adapter_is_told_by_its_class_alone() -> None:
    async with working(replacing={"upstream": BrokenUpstream()}) as bench:
        told = ended(await bench.ask())
        assert (told.end_reason, told.http_status) == (EndReason.ADAPTER_ERROR, 500)
        assert "secret" not in told.message
        check_one_end(bench, EndReason.ADAPTER_ERROR, "RuntimeError")
        ((session, fault),) = bench.faults
        assert session in bench.world.logs
        assert isinstance(fault, RuntimeError)


async def test_what_cannot_be_recorded_still_ends_the_run() -> None:
    """A finish that the core refuses: its run ends as a fault of ours, in the log and for the client."""
    nonsense = Finished(reason=["unhashable"])  # type: ignore[arg-type]
    async with working([BEGINNING, [Text("a")], [nonsense]]) as bench:
        told = ended(await bench.ask())
        assert told.end_reason is EndReason.ADAPTER_ERROR
        check_one_end(bench, EndReason.ADAPTER_ERROR, "AttributeError")


@define(eq=False)
class BreakingLog(MemoryEventLog):
    """Breaks, once, on the first append of a kind; that one is not written."""

    breaks_on: Callable[[Append], bool] = bool
    broke: bool = False

    def submit(self, append: Append) -> Ticket:
        if not self.broke and self.breaks_on(append):
            self.broke = True
            raise LookupError("a mistake")
        return super().submit(append)


async def test_an_end_that_cannot_be_written_is_written_without_what_spoilt_it() -> None:
    """A fault in concluding itself: what could not be written is left out, and the numbers have no hole."""
    log = BreakingLog(PROCESS, breaks_on=lambda append: append.closing is not None)
    async with working(GOOD, log=log) as bench:
        told = ended(await bench.ask())
        assert told.end_reason is EndReason.ADAPTER_ERROR
        check_one_end(bench, EndReason.ADAPTER_ERROR, "LookupError")
        assert kinds(bench.events())[-3:] == ["cause", "End", "session retired"]


async def test_a_cause_that_stands_survives_a_fault_in_concluding() -> None:
    log = BreakingLog(PROCESS, breaks_on=lambda append: append.closing is not None)
    async with working([BEGINNING, Hang()], log=log) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        replies.abort(Detail.HUNG_UP)
        await end_of(replies)
        check_one_end(bench, EndReason.CLIENT_ABORT, Detail.HUNG_UP)


async def test_a_run_whose_call_cannot_be_logged_is_not_put_to_the_upstream() -> None:
    log = BreakingLog(PROCESS, breaks_on=lambda append: append.opening is None)
    async with working(GOOD, log=log) as bench:
        assert ended(await bench.ask()).end_reason is EndReason.ADAPTER_ERROR
        assert bench.upstream.calls == []
        check_one_end(bench, EndReason.ADAPTER_ERROR, "LookupError")


async def test_a_request_that_cannot_be_written_at_all_is_a_fault_of_ours() -> None:
    log = BreakingLog(PROCESS, breaks_on=lambda append: append.opening is not None)
    async with working(GOOD, log=log) as bench:
        told = ended(await bench.ask())
        assert (told.end_reason, told.detail) == (EndReason.ADAPTER_ERROR, "LookupError")
        assert bench.world.logs == {}


async def test_a_listener_that_breaks_leaves_the_client_with_its_ending() -> None:
    def broken(completed: object) -> None:
        del completed
        raise OSError("the log's pipe is closed")

    async with working(GOOD, GOOD, replacing={"on_completed": broken}) as bench:
        for _ in range(2):
            assert ended(await bench.ask()).end_reason is EndReason.STOP
        assert [type(fault) for _, fault in bench.faults] == [OSError, OSError]


async def test_a_fault_in_the_pulse_stays_its_run_s_own() -> None:
    log = BreakingLog(PROCESS, breaks_on=lambda append: append.droppable)
    async with working([BEGINNING, [Text("a")], Hang()], GOOD, log=log) as bench:
        assert ended(await bench.ask()).end_reason is EndReason.ADAPTER_ERROR
        check_one_end(bench, EndReason.ADAPTER_ERROR, "LookupError")
        assert ended(await bench.ask()).end_reason is EndReason.STOP


# --- the store away


async def test_a_request_that_cannot_be_logged_is_refused_in_half_a_second() -> None:
    async with working(GOOD) as bench:
        bench.log.away = True
        began = trio.current_time()
        told = ended(await bench.ask())
        assert trio.current_time() - began <= 0.5
        assert (told.end_reason, told.http_status, told.retry_after_s) == (EndReason.UNAVAILABLE, 503, 1)
        bench.log.away = False
        assert bench.world.logs == {}
        assert (bench.refused(), bench.upstream.calls, bench.completed) == (1, [], [])


@define(eq=False)
class SentLog(MemoryEventLog):
    """Its appends are on their way at once: none can be withdrawn."""

    def withdraw(self, entry: PendingAppend) -> None:
        del entry


async def test_a_request_that_was_logged_after_all_is_ended_as_unavailable() -> None:
    async with working(GOOD, log=SentLog(PROCESS)) as bench:
        bench.log.away = True
        replies = await bench.submit()
        told = await end_of(replies)
        assert (told.end_reason, told.http_status) == (EndReason.UNAVAILABLE, 503)
        replies.abort(Detail.HUNG_UP)
        bench.log.away = False
        await until(lambda: bool(bench.ends()))
        check_one_end(bench, EndReason.UNAVAILABLE)
        assert (bench.upstream.calls, bench.refused()) == ([], 0)
        assert bench.completed == [], "the edge has reported it"


async def test_a_request_that_was_fenced_after_all_counts_as_refused() -> None:
    """The lease ran out while the store was away: nothing was written, and the client was told of the store."""
    async with working(GOOD, log=SentLog(PROCESS)) as bench:
        bench.log.away = True
        told = ended(await bench.ask())
        assert told.end_reason is EndReason.UNAVAILABLE
        bench.world.leases.clear()
        bench.log.away = False
        await until(lambda: bench.refused() == 1)
        assert (bench.world.logs, bench.completed) == ({}, [])


@define(eq=False)
class SlowLog(MemoryEventLog):
    """Its appends wait, and yet it answers: it or this process is busy."""

    @property
    def is_down(self) -> bool:
        return False


async def test_a_request_waits_for_a_store_that_is_slow_and_answers() -> None:
    async with working(GOOD, log=SlowLog(PROCESS), queue_timeout_s=10) as bench:
        bench.log.away = True
        replies = await bench.submit()
        await trio.sleep(9)
        bench.log.away = False
        assert (await end_of(replies)).end_reason is EndReason.STOP
        assert bench.refused() == 0


async def test_a_request_that_is_not_durable_by_its_deadline_is_refused_as_ours_and_not_as_the_stores() -> (
    None
):
    async with working(GOOD, log=SlowLog(PROCESS), queue_timeout_s=3) as bench:
        bench.log.away = True
        began = trio.current_time()
        told = ended(await bench.ask())
        assert trio.current_time() - began == pytest.approx(3)
        assert (told.end_reason, told.detail) == (EndReason.OVERLOADED, Detail.BUSY)
        assert (told.http_status, told.retry_after_s) == (503, 1)
        bench.log.away = False
        assert (bench.world.logs, bench.refused()) == ({}, 0)


@define(eq=False)
class SlowSentLog(SentLog, SlowLog):
    """Both."""


async def test_a_request_that_was_logged_after_its_refusal_ends_as_its_client_was_told() -> None:
    for log, reason in (
        (SentLog(PROCESS), EndReason.UNAVAILABLE),
        (SlowSentLog(PROCESS), EndReason.OVERLOADED),
    ):
        async with working(GOOD, log=log, queue_timeout_s=3) as bench:
            bench.log.away = True
            of = submission()
            replies = await bench.submit(of)
            told = await end_of(replies)
            replies.settle(Receipt.ERROR_WRITTEN, told.end_reason)
            bench.log.away = False
            await until(lambda bench=bench: bool(bench.ends()))
            (end,) = bench.ends()
            assert (end.end_reason, end.detail) == (told.end_reason, told.detail)
            assert told.end_reason is reason
            assert bench.receipts() == [("receipt", of.run_id, "error_written", reason)]


async def test_an_ending_waits_for_a_store_that_is_slow_and_answers() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]], log=SlowLog(PROCESS)) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        bench.log.away = True
        finish.set()
        await trio.sleep(9)
        bench.log.away = False
        told = await end_of(replies)
        assert (told.end_reason, told.acked) == (EndReason.STOP, True)


async def test_an_ending_waits_half_a_second_for_its_end_and_leaves_unacknowledged() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]]) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        bench.log.away = True
        began = trio.current_time()
        finish.set()
        told = await end_of(replies)
        assert trio.current_time() - began <= 0.5
        assert (told.end_reason, told.acked) == (EndReason.STOP, False)
        bench.log.away = False
        check_one_end(bench, EndReason.STOP)


async def test_nothing_is_built_on_an_unacknowledged_end() -> None:
    """The turn that waits behind it goes to a fresh session: the log may never know what the client saw."""
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]], GOOD) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        (session,) = bench.world.logs
        queued = await bench.submit(submission(session_id=session))
        bench.log.away = True
        finish.set()
        assert not (await end_of(replies)).acked
        bench.log.away = False
        assert (await end_of(queued)).end_reason is EndReason.STOP
        assert bench.requests()[1].resolution_reason == "retired"
        assert bench.upstream.calls[1].session is None


async def test_an_end_that_found_no_room_is_not_acknowledged() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]]) as bench:
        replies = await bench.submit()
        await bench.upstream.wait_calls(1)
        bench.log.away = True
        finish.set()
        await trio.testing.wait_all_tasks_blocked()
        spool = bench.log._spool
        spool[-1].withdraw()
        told = await end_of(replies)
        assert (told.end_reason, told.acked) == (EndReason.STOP, False)


# --- fenced


async def test_a_run_of_a_shard_that_went_elsewhere_is_not_begun() -> None:
    async with working(GOOD) as bench:
        bench.world.leases[SHARD] = OTHER
        told = ended(await bench.ask())
        assert (told.end_reason, told.detail, told.http_status) == (
            EndReason.OVERLOADED,
            Detail.NO_OWNER,
            503,
        )
        assert (bench.world.logs, bench.upstream.calls, bench.refused()) == ({}, [], 0)


def take_over(bench: Bench) -> None:
    """Another process seizes all open runs, as a recovery does."""
    for run_id, entry in bench.world.open.items():
        object.__setattr__(entry.run, "process", OTHER)
        assert bench.world.open[run_id].run.process == OTHER


async def test_a_run_that_was_taken_over_ends_its_stream_as_lost() -> None:
    more = trio.Event()
    script: Script = [BEGINNING, [Text("a")], Wait(more), [Text("b")], [Text("c")], Hang()]
    async with working(script) as bench:
        replies = await bench.submit()
        await until(lambda: bool(bench.world.open))
        await trio.sleep(1)
        take_over(bench)
        more.set()
        told = await end_of(replies)
        assert (told.end_reason, told.detail) == (EndReason.WORKER_LOST, Detail.FENCED)
        assert bench.completed == []  # whoever took it over reports it
        assert bench.upstream.streams[0].closed_early


async def test_a_finish_is_not_shown_for_a_run_that_was_taken_over() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]]) as bench:
        replies = await bench.submit()
        await until(lambda: bool(bench.upstream.streams))
        await trio.testing.wait_all_tasks_blocked()
        take_over(bench)
        finish.set()
        told = await end_of(replies)
        assert (told.end_reason, told.detail) == (EndReason.WORKER_LOST, Detail.FENCED)


@pytest.mark.parametrize(("stream", "status"), [(True, 200), (False, 503)])
async def test_a_run_that_an_emptied_store_forgot_is_reported_by_who_ran_it(
    *, stream: bool, status: int
) -> None:
    finish = trio.Event()
    script: Script = [BEGINNING, [Text("a")], Wait(finish), [Finished("stop")]]
    async with working(script) as bench:
        replies = await bench.submit(submission(turn("hi", stream=stream)))
        await until(lambda: bool(bench.upstream.streams))
        await trio.testing.wait_all_tasks_blocked()
        bench.world.open.clear()
        bench.world.logs.clear()
        finish.set()
        told = await end_of(replies)
        assert (told.end_reason, told.detail) == (EndReason.WORKER_LOST, Detail.FENCED)
        await until(lambda: bool(bench.completed))
        (completed,) = bench.completed
        end = completed.end
        assert (end.end_reason, end.detail, end.http_status, end.finish_reason) == (
            EndReason.WORKER_LOST,
            Detail.FENCED,
            status,
            None,
        )


@define(eq=False)
class MuteLog(MemoryEventLog):
    """Restarted empty: appends are refused, and what is read is not answered yet."""

    async def history(self, session_id: SessionId) -> History:
        del session_id
        raise StoreUnavailable


async def test_a_fenced_run_is_reported_where_the_store_does_not_say_who_has_it() -> None:
    finish = trio.Event()
    async with working([BEGINNING, Wait(finish), [Finished("stop")]], log=MuteLog(PROCESS)) as bench:
        replies = await bench.submit()
        await until(lambda: bool(bench.upstream.streams))
        bench.world.open.clear()
        finish.set()
        assert (await end_of(replies)).detail == Detail.FENCED
        await until(lambda: bool(bench.completed))
        (completed,) = bench.completed
        assert (completed.end.end_reason, completed.end.detail) == (EndReason.WORKER_LOST, Detail.FENCED)


async def test_a_run_whose_client_left_before_it_was_accepted_is_reported_by_the_edge_alone() -> None:
    async with working(GOOD, log=SlowLog(PROCESS)) as bench:
        bench.log.away = True
        replies = await bench.submit()
        await trio.testing.wait_all_tasks_blocked()
        replies.abort(Detail.HUNG_UP)
        bench.log.away = False
        await until(lambda: bool(bench.ends()))
        check_one_end(bench, EndReason.CLIENT_ABORT, Detail.HUNG_UP)
        await trio.testing.wait_all_tasks_blocked()
        assert bench.completed == []


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
