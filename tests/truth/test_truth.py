"""The audit says what every client saw, under kills, pauses and store faults: `make truth`, `TRUTH_RUNS`, `TRUTH_SEED`."""

import os
from random import Random

import pytest
import trio
from redis_server import RedisServer
from truth.checking import check
from truth.crowd import Crowd
from truth.deployment import deployed
from truth.faults import Faults
from whole_system import defaults

from mix2api.demo import Demo, DemoOptions, serve_demo

RUNS = int(os.environ.get("TRUTH_RUNS", "10000"))
SEED = int(os.environ.get("TRUTH_SEED", "1"))
CLIENTS = int(os.environ.get("TRUTH_CLIENTS", "60"))
_LIMIT_S = 120 + RUNS * 0.3

pytestmark = pytest.mark.truth


async def test_the_audit_says_what_every_client_saw(server: RedisServer) -> None:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(_LIMIT_S):
            demo: Demo = await nursery.start(serve_demo, DemoOptions())
            settings = {**defaults(demo.url, server.url), "MIX2API_CHUNK_WINDOW_MS": "50"}
            async with deployed(server, settings) as deployment:
                faults = Faults(deployment, Random(SEED))
                crowd = Crowd(deployment, Random(SEED), RUNS)
                async with trio.open_nursery() as troubled:
                    troubled.start_soon(faults.trouble_processes)
                    troubled.start_soon(faults.trouble_the_store)
                    await crowd.be_many(CLIENTS)
                    troubled.cancel_scope.cancel()
                await check(deployment, crowd, server, faults.done)
        nursery.cancel_scope.cancel()
