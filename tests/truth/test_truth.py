"""The audit says what every client saw, under kills, pauses and store faults: `make truth`, `TRUTH_RUNS`, `TRUTH_SEED`."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import trio
from client_views import Sight, View, audit_words, mismatches
from redis_server import RedisServer
from truth.crowd import Crowd
from truth.deployment import Deployment, deployed
from truth.faults import Faults
from whole_system import SECRET, SHARDS, defaults, until

from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.events.kinds import Request
from mix2api.store.opening import Store, open_store
from mix2api.store.options import StoreOptions

RUNS = int(os.environ.get("TRUTH_RUNS", "10000"))
SEED = int(os.environ.get("TRUTH_SEED", "1"))
CLIENTS = int(os.environ.get("TRUTH_CLIENTS", "60"))
_LIMIT_S = 120 + RUNS * 0.3
_REST_S = 60

pytestmark = pytest.mark.truth


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that has on disk whatever it confirmed."""
    server = RedisServer(tmp_path, arguments=("--appendonly", "yes", "--appendfsync", "always"))
    server.start()
    yield server
    server.stop()


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
                await check(deployment, crowd, server, faults)
        nursery.cancel_scope.cancel()


async def check(deployment: Deployment, crowd: Crowd, server: RedisServer, faults: Faults) -> None:
    options = StoreOptions(url=server.url, secret=SECRET.encode(), shards=SHARDS, role="tests")
    async with open_store(options) as store:
        await until_all_ended(store)
        views = [witness.settled() for witness in crowd.witnesses]
        wrong = await settled_mismatches(store, views)
        silent = [line for view in unlined(deployment, views) if (line := await why(store, deployment, view))]
    print(f"{len(views)} views {Counter(view.sight.value for view in views)}, faults {faults.done}")
    print(f"{sum(view.edge_died for view in views)} views of edges that died soon after")
    assert wrong == [], "\n".join([f"{len(wrong)} of {len(views)} are contradicted", *wrong[:40]])
    assert crowd.hung == []
    assert silent == []
    assert lined_twice(deployment) == []


async def until_all_ended(store: Store) -> None:
    async def none_open() -> bool:
        return not await store.audit.open_entries()

    with trio.fail_after(_REST_S):
        await until(none_open)


async def settled_mismatches(store: Store, views: list[View]) -> list[str]:
    """The mismatches that stay: receipts may still be on their way."""
    wrong: list[str] = []
    for _ in range(20):
        wrong = mismatches(views, await audit_words(store.audit))
        if not wrong:
            break
        await trio.sleep(0.5)
    return wrong


def unlined(deployment: Deployment, views: list[View]) -> list[View]:
    """Requests of edges that live without a canonical line."""
    lined = {line["request_id"] for _, line in deployment.lines() if line["event"] == "request.completed"}
    return [
        view
        for view in views
        if view.request_id not in lined and not view.edge_died and view.sight is not Sight.CUT
    ]


async def why(store: Store, deployment: Deployment, view: View) -> str | None:
    """What is known of a request without a line; None if the process that ended its run was killed, perhaps just then."""
    runs = await store.log.runs_of_request(store.seal.digest(view.request_id, "request_id"))
    workers = set()
    for run_id, session_id in runs:
        async for recorded in store.log.records(session_id):
            event = recorded.event
            if isinstance(event, Request) and event.run_id == run_id:
                workers.add(event.worker)
    return None if workers & deployment.dead() else f"{view} of {runs} at {workers}"


def lined_twice(deployment: Deployment) -> list[str]:
    """Runs of which one process has more than one line."""
    counts = Counter(
        (process, line["request_id"], line["run_id"])
        for process, line in deployment.lines()
        if line["event"] == "request.completed"
    )
    return [str(key) for key, count in counts.items() if count > 1]
