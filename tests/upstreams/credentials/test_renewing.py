"""Calls with the managed token: put again before any output, never after, and never twice into one session."""

from collections.abc import Sequence

import pytest
import trio
from upstreams.credentials.parts import Parts, kept_credential

from mix2api.upstreams.credentials.renewing import RenewingUpstream
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    IdsSeen,
    Opened,
    Started,
    StepFinished,
    Text,
    UpstreamCall,
    UpstreamEvent,
    UpstreamFault,
)
from mix2api.upstreams.scripted import Raise, Refuse, Script, ScriptedUpstream
from mix2api.vocabulary import Detail, EndReason, RequestId, RunId
from mix2api.wire.turn import Message, Turn

GOOD: Script = [[Opened(200), Started("s", "x")], [Text("hi"), StepFinished()], [Finished("stop")]]
EXPIRED: Script = [[Opened(200), Started("s", "x")], [Failed("token expired")]]


def refused(status: int = 401) -> UpstreamFault:
    return UpstreamFault(
        EndReason.UPSTREAM_AUTH_ERROR, Detail.STATUS, "the site's words", status=status, taken=False
    )


def unauthorized(status: int = 401) -> Script:
    return [Raise(refused(status))]


def call(session: str | None = None) -> UpstreamCall:
    messages = [Message(role="user", content="hello")]
    turn = Turn(model="mix/m", messages=messages)
    return UpstreamCall(
        run_id=RunId("r"), request_id=RequestId("q"), turn=turn, messages=messages, session=session
    )


class Tried:
    """What came of a call."""

    def __init__(self) -> None:
        self.batches: list[list[UpstreamEvent]] = []
        self.fault: UpstreamFault | None = None
        self.tokens: list[str | None] = []

    @property
    def events(self) -> list[UpstreamEvent]:
        return [event for batch in self.batches for event in batch]

    @property
    def verdict(self) -> tuple[EndReason, Detail, bool] | None:
        return None if self.fault is None else (self.fault.end_reason, self.fault.detail, self.fault.taken)


async def tried(
    parts: Parts, scripts: Sequence[Script], retries: int = 1, session: str | None = None
) -> Tried:
    inner = ScriptedUpstream(scripts)
    upstream = RenewingUpstream(inner, parts.credential, retries)
    told = Tried()
    try:
        async with upstream.open(call(session)) as stream:
            async for batch in stream:
                told.batches.append(batch)
    except UpstreamFault as fault:
        told.fault = fault
    told.tokens = [one.authorization for one in inner.calls]
    assert all(stream.left.is_set() for stream in inner.streams)
    return told


async def test_a_call_carries_the_token_and_its_events_come_batch_by_batch() -> None:
    async with kept_credential() as parts:
        told = await tried(parts, [GOOD])
        assert (told.batches, told.fault) == (list(GOOD), None)
        assert told.tokens == ["Bearer t1"]


@pytest.mark.parametrize(
    "refusal",
    [
        unauthorized(401),
        unauthorized(403),
        EXPIRED,
        [[Opened(200)], [IdsSeen("s", None), Failed("invalid token")]],
        [[Opened(200)], Raise(refused())],
        [Raise(UpstreamFault(EndReason.UPSTREAM_ERROR, Detail.STATUS, "token_invalid", status=400))],
    ],
)
async def test_a_refused_token_is_renewed_and_the_call_put_once_more(refusal: Script) -> None:
    async with kept_credential() as parts:
        told = await tried(parts, [refusal, GOOD])
        assert (told.batches, told.fault) == (list(GOOD), None)
        assert told.tokens == ["Bearer t1", "Bearer t2"]


async def test_a_new_token_that_is_refused_too_is_an_auth_error() -> None:
    async with kept_credential() as parts:
        told = await tried(parts, [unauthorized(), unauthorized(403)])
        assert told.verdict == (EndReason.UPSTREAM_AUTH_ERROR, Detail.STATUS, False)
        assert told.fault is not None
        assert (told.fault.status, told.fault.message) == (403, "the site's words")
        for _ in range(10):
            again = await tried(parts, [unauthorized(), unauthorized()])
            assert again.verdict == told.verdict
        assert parts.login.count == 3, "no login for every call that such an account makes"


async def test_an_error_frame_after_a_retry_may_have_taken_the_turn() -> None:
    async with kept_credential() as parts:
        told = await tried(parts, [unauthorized(), EXPIRED])
        assert told.verdict == (EndReason.UPSTREAM_AUTH_ERROR, Detail.ERROR_FRAME, True)


async def test_without_retries_the_token_is_renewed_for_the_next_call() -> None:
    async with kept_credential() as parts:
        assert (await tried(parts, [unauthorized()], retries=0)).fault is not None
        assert (await tried(parts, [GOOD], retries=0)).tokens == ["Bearer t2"]


async def test_a_refusal_by_status_is_retried_in_a_continued_session_too() -> None:
    async with kept_credential() as parts:
        told = await tried(parts, [unauthorized(), GOOD], session="s")
        assert (told.fault, len(told.tokens)) == (None, 2)


async def test_a_continued_session_that_may_have_taken_the_turn_is_given_up() -> None:
    async with kept_credential() as parts:
        told = await tried(parts, [EXPIRED], session="s")
        assert told.verdict == (EndReason.UPSTREAM_ERROR, Detail.SESSION_LOST, True)
        assert (await tried(parts, [GOOD])).tokens == ["Bearer t2"]


@pytest.mark.parametrize(
    "answer",
    [
        [[Opened(200), Text("the"), Failed("token expired")]],
        [[Opened(200)], [Failed("overloaded")]],
        [[Opened(200), AbortedByUpstream()]],
        [[Opened(200), Finished("stop")]],
        [[Opened(200)]],
    ],
)
async def test_what_is_no_refusal_comes_as_it_is(answer: Script) -> None:
    async with kept_credential() as parts:
        told = await tried(parts, [answer])
        assert (told.batches, told.fault) == (list(answer), None)


async def test_a_fault_comes_after_what_was_held_back() -> None:
    cut = UpstreamFault(EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, "cut", status=200)
    async with kept_credential() as parts:
        told = await tried(parts, [[[Opened(200), Started("s", "x")], Raise(cut)]])
        assert told.batches == [[Opened(200), Started("s", "x")]]
        assert told.verdict == (cut.end_reason, cut.detail, cut.taken)


async def test_a_call_that_cannot_connect_says_so() -> None:
    away = UpstreamFault(EndReason.UPSTREAM_ERROR, Detail.CONNECT_FAILED, "away", taken=False)
    async with kept_credential() as parts:
        assert (await tried(parts, [[Refuse(away)]])).fault is away


async def test_closing_ends_the_inner_stream() -> None:
    async with kept_credential() as parts:
        inner = ScriptedUpstream([GOOD])
        async with RenewingUpstream(inner, parts.credential, 1).open(call()) as stream:
            await stream.aclose()
            assert await anext(aiter(stream)) == GOOD[0], "what was held back is here already"
            assert await anext(aiter(stream)) == GOOD[1]
            with pytest.raises(trio.ClosedResourceError):
                await anext(aiter(stream))


async def test_a_site_that_says_much_before_anything_is_not_listened_to_for_a_refusal() -> None:
    flood: Script = [[Opened(200)], [IdsSeen("s")] * 2000, [Failed("token expired")]]
    async with kept_credential() as parts:
        told = await tried(parts, [flood])
        assert told.batches == list(flood)
        assert told.tokens == ["Bearer t1"]
