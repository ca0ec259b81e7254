"""Chaos: kills, pauses, store faults and faults of all links for minutes: `make chaos`, `MINUTES`, `CHAOS_SEED`."""

import os
from random import Random

import pytest
import trio
from fault_proxy import fault_proxy, to_port, to_socket
from redis_server import RedisServer
from truth.checking import check
from truth.crowd import Crowd
from truth.deployment import deployed
from truth.faults import Faults
from truth.link_faults import LinkFaults
from whole_system import defaults

from mix2api.demo import Demo, DemoOptions, serve_demo

MINUTES = float(os.environ.get("MINUTES", "10"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
CLIENTS = int(os.environ.get("CHAOS_CLIENTS", "40"))
_MANY = 1 << 62
_LIMIT_S = 300
"""For the start, for the last answers, and for the check."""

pytestmark = pytest.mark.chaos


async def test_whatever_fails_the_audit_says_what_every_client_saw(server: RedisServer) -> None:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(MINUTES * 60 + _LIMIT_S):
            demo: Demo = await nursery.start(serve_demo, DemoOptions())
            async with (
                fault_proxy(to_port(demo.port)) as site,
                fault_proxy(to_socket(server.socket_path)) as store,
            ):
                settings = {
                    **defaults(f"http://127.0.0.1:{site.port}", f"redis://127.0.0.1:{store.port}"),
                    "MIX2API_CHUNK_WINDOW_MS": "50",
                }
                async with deployed(server, settings) as deployment:
                    faults = Faults(deployment, Random(SEED))
                    links = LinkFaults({"store": store, "site": site}, Random(SEED))
                    crowd = Crowd(deployment, Random(SEED), _MANY)
                    async with trio.open_nursery() as asking:
                        asking.start_soon(crowd.be_many, CLIENTS)
                        async with trio.open_nursery() as troubled:
                            for trouble in (
                                faults.trouble_processes,
                                faults.trouble_the_store,
                                links.trouble,
                            ):
                                troubled.start_soon(trouble)
                            await trio.sleep(MINUTES * 60)
                            troubled.cancel_scope.cancel()
                        crowd.runs = 0  # who has its answer asks no more
                    await check(deployment, crowd, server, faults.done | links.done)
        nursery.cancel_scope.cancel()
