"""What a killed process takes with it, and what the event log still has."""

import io

import trio
from forked_process import forked_process
from metrics.test_exposition import samples
from redis_server import RedisServer
from system.test_metrics import scraped
from whole_system import SECRET, SHARDS, WholeSystem, defaults, until
from wire_client import WireClient

from mix2api.cli.metrics import counted
from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.metrics.exposition import exposition
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.store.store import Store

_LIMIT_S = 60
_DAY_MS = 86_400_000


def requests(told: dict[tuple[str, tuple[tuple[str, str], ...]], float]) -> float:
    return sum(value for (name, _), value in told.items() if name == "mix2api_requests_total")


async def in_log(store: Store) -> float:
    return requests(samples(exposition(await counted(store, _DAY_MS))))


async def test_the_log_exceeds_the_scraped_sum_by_what_a_killed_process_had_not_shown(
    redis_server: RedisServer,
) -> None:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(_LIMIT_S):
            demo: Demo = await nursery.start(serve_demo, DemoOptions())
            settings = {**defaults(demo.url, redis_server.url), "MIX2API_ADMIN_PORT": "0"}
            options = StoreOptions(url=redis_server.url, secret=SECRET.encode(), shards=SHARDS, role="tests")
            async with forked_process("serve", settings) as process, open_store(options) as store:
                client = WireClient(await process.wait_port())
                system = WholeSystem(
                    client=client, demo=demo, store=store, processes=[], logged=io.StringIO()
                )
                admin = (await process.wait_line("admin.listening"))["port"]
                for _ in range(3):
                    await client.ask("hello", stream=True)
                shown = requests(await scraped(admin))
                for _ in range(2):
                    await client.ask("hello", stream=True)
                await system.wait_receipts(5)
                await process.kill()

                async def whole() -> bool:
                    return await in_log(store) == 5

                await until(whole)
        nursery.cancel_scope.cancel()
    assert shown == 3
