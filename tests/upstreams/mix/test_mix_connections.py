"""Silent and abandoned connections, and bases that the caller chose."""

import msgspec
import pytest
import trio
import trio.testing
from attrs import evolve
from upstreams.loopback import LAST_CHUNK, SSE_HEAD, Connection, chunked, serving
from upstreams.mix.hearing import DONE, FINISH, HI, SAID, START, answering, call, heard_from, upstream_at
from upstreams.names import resolving

from mix2api.upstreams.http.limits import Timeouts
from mix2api.upstreams.mix.options import MixOptions
from mix2api.upstreams.port import Finished, Text, UpstreamCall, UpstreamFault
from mix2api.vocabulary import Detail, EndReason
from mix2api.wire.turn import ChosenBase


@pytest.mark.parametrize(
    ("answer", "limit"),
    [(b"", Detail.FIRST_BYTE), (SSE_HEAD, Detail.IDLE), (SSE_HEAD + chunked(START, HI), Detail.IDLE)],
    ids=["silent", "after the head", "after a delta"],
)
async def test_silence_is_a_time_out_with_its_name(answer: bytes, limit: Detail) -> None:
    async with serving([answering(answer)]) as server:
        limits = Timeouts(first_byte=0.05) if limit is Detail.FIRST_BYTE else Timeouts(idle=0.05)
        heard = await heard_from(server, timeouts=limits)
    assert heard.verdict == (EndReason.TIMEOUT, limit, True)


async def test_keep_alive_comments_are_signs_of_life_and_say_nothing() -> None:
    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(SSE_HEAD + chunked(START))
        for _ in range(12):
            await connection.send(chunked(b": ping\n\n"))
            with trio.move_on_after(0.05):
                await connection.wait_hung_up()
                return
        await connection.send(chunked(HI, FINISH, DONE) + LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        heard = await heard_from(server, timeouts=Timeouts(idle=0.5))
    assert heard.fault is None
    assert heard.events == [*SAID, Finished("stop")]


async def test_cancelling_a_stream_closes_the_connection_at_once() -> None:
    hung_up = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(SSE_HEAD + chunked(START, HI))
        await connection.wait_hung_up()
        hung_up.set()

    async with serving([serve]) as server:
        upstream, client = upstream_at(server.url)
        with trio.CancelScope() as scope:
            async with upstream.open(call()) as stream:
                async for batch in stream:
                    if Text("hi") in batch:
                        scope.cancel()
        assert scope.cancelled_caught
        await hung_up.wait()
        assert client.idle_connections == 0


async def test_closing_a_stream_from_another_task_ends_its_read_and_the_connection() -> None:
    hung_up = trio.Event()

    async def serve(connection: Connection) -> None:
        await connection.request()
        await connection.send(SSE_HEAD + chunked(START, HI))
        await connection.wait_hung_up()
        hung_up.set()

    async with serving([serve]) as server:
        upstream, _ = upstream_at(server.url)
        async with upstream.open(call()) as stream, trio.open_nursery() as nursery:
            batches = aiter(stream)
            assert await anext(batches) == SAID

            async def close() -> None:
                await trio.testing.wait_all_tasks_blocked()
                await stream.aclose()
                await stream.aclose()

            nursery.start_soon(close)
            with pytest.raises(trio.ClosedResourceError):
                await anext(batches)
        await hung_up.wait()


def chosen_call(base: ChosenBase) -> UpstreamCall:
    asked = call()
    return evolve(asked, turn=msgspec.structs.replace(asked.turn, base=base))


async def test_a_chosen_base_is_connected_to_at_its_checked_address_under_its_own_name() -> None:
    asked: list[bytes] = []

    async def serve(connection: Connection) -> None:
        asked.append(await connection.request())
        await connection.send(SSE_HEAD + chunked(START + HI + FINISH + DONE) + LAST_CHUNK)
        await connection.wait_hung_up()

    async with serving([serve]) as server:
        upstream, client = upstream_at("http://configured.invalid", MixOptions(base_url="", chat_path="/c"))
        base = ChosenBase(url=f"http://site.example:{server.port}/api", host="", addresses=("127.0.0.1",))
        # Were the name looked up again (DNS rebinding), it would lead where nobody listens.
        with resolving({"site.example": ["127.0.0.9"]}) as names:
            async with upstream.open(chosen_call(base)) as answer:
                events = [event async for batch in answer for event in batch]
            assert names.asked == []
        client.close()
    assert events[-1] == Finished("stop")
    assert asked[0].startswith(b"POST /api/c HTTP/1.1\r\nhost: site.example:%d\r\n" % server.port)


async def test_a_chosen_base_without_checked_addresses_is_never_connected_to() -> None:
    upstream, client = upstream_at("http://configured.invalid")
    with pytest.raises(ValueError, match="checked"):
        async with upstream.open(chosen_call(ChosenBase(url="http://x", host="x", addresses=()))):
            pass
    client.close()


@pytest.mark.parametrize("session", ["s", None], ids=["continued", "fresh"])
async def test_a_continued_turn_that_an_idle_connection_may_have_carried_is_not_sent_again(
    session: str | None,
) -> None:
    asked = 0

    async def serve_then_close(connection: Connection) -> None:
        nonlocal asked
        for _ in range(2):
            await connection.request()
            asked += 1
            if asked == 1:
                await connection.send(SSE_HEAD + chunked(START, HI, FINISH, DONE) + LAST_CHUNK)

    async with serving(
        [serve_then_close, answering(SSE_HEAD + chunked(START, HI, FINISH, DONE) + LAST_CHUNK)]
    ) as server:
        upstream, client = upstream_at(server.url)
        async with upstream.open(call()) as answer:
            assert [event async for batch in answer for event in batch] == [*SAID, Finished("stop")]
        again = evolve(call(), session=session)
        if session is None:
            async with upstream.open(again) as answer:
                assert [event async for batch in answer for event in batch] == [*SAID, Finished("stop")]
        else:
            with pytest.raises(UpstreamFault) as raised:
                async with upstream.open(again) as answer:
                    await anext(answer)
            assert (raised.value.detail, raised.value.taken) == (Detail.SESSION_LOST, True)
        assert server.accepted == (2 if session is None else 1)
        client.close()
