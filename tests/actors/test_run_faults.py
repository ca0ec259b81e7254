"""Runs that end by a fault of the upstream, or by one of ours."""

from collections.abc import Callable
from functools import partial

import pytest
import trio
from actor_parts import BEGINNING, GOOD, PROCESS, end_of, ended, kinds, submission, text_of, turn, working
from actors.ends import check_one_end
from attrs import define

from mix2api.events.kinds import UpstreamChunk
from mix2api.events.log import Append, Ticket
from mix2api.store.memory import MemoryEventLog
from mix2api.upstreams.port import Finished, Text, ToolInputAvailable, UpstreamCall, UpstreamFault
from mix2api.upstreams.scripted import Hang, Raise, Refuse, Script, ScriptedUpstream, Wait
from mix2api.vocabulary import ChunkKind, Context, Detail, EndReason

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


def has_text(append: Append) -> bool:
    """Whether the append tells of text: while a site says nothing more, the pulse alone hands such a one over."""
    return any(isinstance(event, UpstreamChunk) and event.kind is ChunkKind.TEXT for event in append.events)


async def test_a_fault_in_the_pulse_stays_its_run_s_own() -> None:
    log = BreakingLog(PROCESS, breaks_on=has_text)
    async with working([BEGINNING, [Text("a")], Hang()], GOOD, log=log) as bench:
        assert ended(await bench.ask()).end_reason is EndReason.ADAPTER_ERROR
        check_one_end(bench, EndReason.ADAPTER_ERROR, "LookupError")
        assert ended(await bench.ask()).end_reason is EndReason.STOP
