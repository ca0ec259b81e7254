"""The openai SDK under kills, cuts and a store that comes back empty: `make sdk`, `SDK_MINUTES`, `SDK_SEED`, `SDK_CLIENTS`.

The store forgets what the audit would say, so the texts are compared with those of the site alone.
"""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import pytest
import trio
from fault_proxy import fault_proxy, to_port, to_socket
from redis_server import RedisServer
from truth.checking import until_all_ended
from truth.deployment import Deployment, deployed
from truth.faults import Faults
from truth.link_faults import LinkFaults
from truth.sdk_crowd import SdkCrowd
from whole_system import SECRET, SHARDS, defaults
from wire_client import WireClient

from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions

MINUTES = float(os.environ.get("SDK_MINUTES", "5"))
SEED = int(os.environ.get("SDK_SEED", "1"))
CLIENTS = int(os.environ.get("SDK_CLIENTS", "30"))
_LIMIT_S: Final = 300
"""For the start, for the last answers, and for the check."""
_SERVED_S: Final = 15.0
"""Once the faults are over, every edge serves within this: three times its patience for a dead process."""

pytestmark = pytest.mark.sdk


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that keeps nothing."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


async def test_the_sdk_has_what_the_site_said_or_an_exception(
    server: RedisServer, figures: list[str]
) -> None:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(MINUTES * 60 + _LIMIT_S):
            demo: Demo = await nursery.start(serve_demo, DemoOptions())
            async with (
                fault_proxy(to_port(demo.port)) as site,
                fault_proxy(to_socket(server.socket_path)) as store,
            ):
                settings = {
                    **defaults(f"http://127.0.0.1:{site.port}", f"redis://127.0.0.1:{store.port}"),
                    "SEND_UPSTREAM_TOOLS": "true",
                }
                async with deployed(server, settings) as deployment:
                    faults = Faults(deployment, Random(SEED), empties=True)
                    links = LinkFaults({"store": store, "site": site}, Random(SEED))
                    crowd = SdkCrowd(deployment, Random(SEED))
                    async with trio.open_nursery() as asking:
                        asking.start_soon(crowd.be_many, CLIENTS)
                        async with trio.open_nursery() as troubled:
                            troubled.start_soon(faults.trouble_processes)
                            troubled.start_soon(faults.trouble_the_store)
                            troubled.start_soon(links.trouble)
                            await trio.sleep(MINUTES * 60)
                            troubled.cancel_scope.cancel()
                        await all_serve(deployment)
                        crowd.finish()
                    options = StoreOptions(
                        url=server.url, secret=SECRET.encode(), shards=SHARDS, role="tests"
                    )
                    async with open_store(options) as eyes:
                        await until_all_ended(eyes)
                    codes = ended_by(deployment)
        nursery.cancel_scope.cancel()
    wrong = [line for each in crowd.witnessed if (line := each.wrong)]
    ways = Counter(str(each.seen.fault or each.seen.finish) for each in crowd.witnessed)
    refusals = Counter(each.seen.said[:70] for each in crowd.witnessed if each.seen.fault is not None)
    figures += [
        f"{len(crowd.witnessed)} answers, {sum(crowd.loops)} of {len(crowd.loops)} loops to their end, {len(wrong)} wrong: {dict(ways)}",
        f"  faults {faults.done | links.done}",
        *(f"  {count} x {said}" for said, count in refusals.most_common()),
    ]
    assert wrong == [], "\n".join([str(len(wrong)), *wrong[:40]])
    assert codes <= {-signal.SIGKILL}, "a process has ended by itself"
    assert any(crowd.loops)


async def all_serve(deployment: Deployment) -> None:
    """Returns once each edge has answered, which nobody has to restart for that."""
    for seat in deployment.edges():
        with trio.fail_after(_SERVED_S):
            while True:
                port = seat.life.port
                assert port is not None
                try:
                    if (await WireClient(port).ask("are you there?")).status == 200:
                        break
                except OSError:
                    pass  # it was just killed, and the next one starts
                await trio.sleep(0.1)


def ended_by(deployment: Deployment) -> set[int | None]:
    """The exit codes of all processes that have ended."""
    lives = [life for seat in deployment.seats.values() for life in seat.lives]
    return {life.process.process.returncode for life in lives if life.died_at is not None}
