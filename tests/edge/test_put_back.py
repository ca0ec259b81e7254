"""A session that was taken for a turn which never began waits again."""

import pytest
import trio
from attrs import define, field
from edge.harness import ACCEPTED, STOPPED, Client, Edge, running_edge

from mix2api.edge.scripted_dispatch import ScriptedDispatch
from mix2api.errors import Overloaded, StoreUnavailable
from mix2api.sessions.worker_port import Ended
from mix2api.store_watch import Silence
from mix2api.vocabulary import Detail, Digest, EndReason, SessionId

HISTORY = [
    {"role": "user", "content": "one"},
    {"role": "assistant", "content": "two"},
    {"role": "user", "content": "three"},
]
SESSION = SessionId("ses_0001abcdefghijklmnopqrstuv_0123456789abcdef")


@define
class OneWaits:
    """An index in which a session waits at every history."""

    taken: list[Digest] = field(factory=list)
    back: list[tuple[Digest, SessionId]] = field(factory=list)
    _came_back: trio.Event = field(factory=trio.Event)

    async def take(self, *places: Digest) -> tuple[Digest, SessionId] | None:
        self.taken.append(places[0])
        return places[0], SESSION

    async def put_back(self, at: Digest, session_id: SessionId) -> None:
        self.back.append((at, session_id))
        self._came_back.set()

    async def wait_back(self) -> None:
        await self._came_back.wait()

    async def claim(self, name: Digest, session_id: SessionId) -> SessionId:
        raise AssertionError(name, session_id)


REFUSED = Ended(
    end_reason=EndReason.OVERLOADED, detail=Detail.QUEUE.value, http_status=429, error_code="overloaded"
)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "dispatch",
    [
        lambda: ScriptedDispatch(refusal=Overloaded("full", detail=Detail.QUEUE)),
        lambda: ScriptedDispatch([REFUSED]),
    ],
    ids=["at the door", "in the queue"],
)
async def test_a_turn_that_was_refused_puts_its_session_back(dispatch: object, *, stream: bool) -> None:
    index = OneWaits()
    async with running_edge(dispatch(), index=index) as edge:  # type: ignore[operator]
        answer = await edge.chat(messages=HISTORY, stream=stream)
    assert answer.status in {429, 503}
    assert index.back == [(at, SESSION) for at in index.taken]
    assert len(index.back) == 1


async def test_a_turn_that_began_does_not() -> None:
    index = OneWaits()
    async with running_edge(index=index) as edge:
        answer = await edge.chat(messages=HISTORY)
    assert answer.status == 200
    assert (len(index.taken), index.back) == (1, [])


async def first_piece(client: Client) -> bytes:
    """What goes out early, so that a disconnect is noticed."""
    await client.head()
    return await client.piece()


async def test_one_that_was_refused_after_early_headers_puts_its_session_back() -> None:
    index, dispatch = OneWaits(), ScriptedDispatch()
    async with (
        running_edge(dispatch, index=index, early_headers_ms=1, hold_headers_s=0) as edge,
        edge.connect() as client,
    ):
        await client.ask_chat(messages=HISTORY, stream=True)
        run = await dispatch.next_run()
        assert b"keep-alive" in await first_piece(client)
        run.say(REFUSED)
        await index.wait_back()
    assert index.back == [(at, SESSION) for at in index.taken]


async def test_one_whose_client_leaves_before_it_began_puts_its_session_back() -> None:
    index, dispatch = OneWaits(), ScriptedDispatch()
    async with running_edge(dispatch, index=index) as edge:
        async with edge.connect() as client:
            await client.ask_chat(messages=HISTORY, stream=True)
            await dispatch.next_run()
        await index.wait_back()
    assert index.back == [(at, SESSION) for at in index.taken]


async def test_one_that_begins_after_early_headers_keeps_its_session() -> None:
    index, dispatch = OneWaits(), ScriptedDispatch()
    async with (
        running_edge(dispatch, index=index, early_headers_ms=1, hold_headers_s=0) as edge,
        edge.connect() as client,
    ):
        await client.ask_chat(messages=HISTORY, stream=True)
        run = await dispatch.next_run()
        assert b"keep-alive" in await first_piece(client)
        run.say(ACCEPTED, STOPPED)
        await run.wait_settled()
    assert (len(index.taken), index.back, edge.watcher.refused) == (1, [], [])


SILENT: Silence = frozenset({("read", 1.0)})


class NobodyAnswers(OneWaits):
    """An index whose every answer stays out."""

    async def take(self, *places: Digest) -> tuple[Digest, SessionId] | None:
        await trio.sleep_forever()
        return await super().take(*places)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_whose_look_up_is_never_answered_is_refused_and_its_line_written(
    *, stream: bool
) -> None:
    async with running_edge(index=NobodyAnswers(), silence=lambda: SILENT) as edge:
        answer = await edge.chat(messages=HISTORY, stream=stream)
        (refused,) = edge.watcher.refused
    assert (answer.status, answer.error()["code"]) == (503, "store_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert (refused.end_reason, refused.http_status) == (EndReason.UNAVAILABLE, 503)


class NobodyTakesBack(OneWaits):
    """An index that gives a session out and never hears of it again."""

    async def put_back(self, at: Digest, session_id: SessionId) -> None:
        await super().put_back(at, session_id)
        await trio.sleep_forever()


async def test_a_refusal_does_not_wait_for_a_session_to_be_put_back_into_a_silent_store() -> None:
    index, dispatch = NobodyTakesBack(), ScriptedDispatch(refusal=StoreUnavailable())
    async with running_edge(dispatch, index=index, silence=lambda: SILENT) as edge:
        assert (await edge.chat(messages=HISTORY)).status == 503
    assert index.back == [(at, SESSION) for at in index.taken]


async def test_while_the_store_is_known_to_be_away_no_turn_is_handed_over() -> None:
    async with running_edge(silence=lambda: SILENT) as edge:
        await edge.chat()
        while edge.dispatch.waiting:
            await edge.dispatch.next_run()
        await until_known(edge)
        assert (await edge.chat()).error()["code"] == "store_unavailable"
        assert edge.dispatch.waiting == 0


async def until_known(edge: Edge) -> None:
    """Asks until it is refused: the watch has had its second look. The harness bounds the wait."""
    while (await edge.chat()).status == 200:
        await edge.dispatch.next_run()
