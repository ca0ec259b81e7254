"""Which release wrote an event stands in the event."""

import store_parts as parts
from msgspec.structs import replace
from redis_server import RedisServer

from mix2api.vocabulary import Channel


async def test_every_event_of_a_canary_process_says_so(redis_server: RedisServer) -> None:
    session, run = parts.new_session(), parts.new_run()
    appends = (
        parts.opening_append(session, run),
        parts.chunks_append(session, run, 2, 3),
        parts.closing_append(session, run, 4),
    )
    async with parts.running_store(redis_server.url, channel=Channel.CANARY) as store:
        await store.leases.acquire()
        for append in appends:
            await store.log.submit(append).wait()
        history = await store.log.history(session)
    assert [recorded.event for recorded in history.recorded] == [
        replace(event, channel=Channel.CANARY) for append in appends for event in append.events
    ]
