"""A process tells its settings, masked."""

import trio
from redis_server import RedisServer
from stored_runs import stored
from whole_system import until

from mix2api.process.settings_telling import tell_settings
from mix2api.redaction import MASK
from mix2api.settings import load_settings


async def test_a_process_tells_its_effective_settings_and_masks_its_secrets(
    redis_server: RedisServer,
) -> None:
    settings = load_settings({"PORT": "3199", "INBOUND_BEARER_TOKEN": "a-t0ken"}, None)
    async with stored(redis_server.url) as store, trio.open_nursery() as nursery:
        nursery.start_soon(tell_settings, store, settings)

        async def told() -> bool:
            return bool(await store.process_settings.of([store.process]))

        await until(told)
        (shown,) = await store.process_settings.of([store.process])
        nursery.cancel_scope.cancel()
    assert (shown["PORT"], shown["INBOUND_BEARER_TOKEN"], shown["MIX2API_CHANNEL"]) == (
        "3199",
        MASK,
        "stable",
    )
