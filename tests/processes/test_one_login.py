"""Four real `serve` processes whose token the site refuses at once: whoever asks, the site sees one login."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import trio
from attrs import frozen
from forked_process import forked_process
from redis_server import RedisServer
from shared_shards import share_shards
from whole_system import defaults
from wire_client import Answer, WireClient

from mix2api.demo import Demo, DemoOptions, serve_demo

PROCESSES, REQUESTS = 4, 500
_LIMIT_S = 120
_TOO_SLOW = 503


@frozen
class Deployment:
    """A site that wants a token, and the processes in front of it."""

    demo: Demo
    clients: Sequence[WireClient]

    async def ask_everywhere(self, requests: int) -> Counter[tuple[int, str | None]]:
        """So many requests at once, spread evenly: status and error code -> how many."""
        answers: Counter[tuple[int, str | None]] = Counter()

        async def ask(client: WireClient, number: int) -> None:
            answer = await client.ask(f"question {number}", stream=bool(number % 2))
            # Nothing was begun then: a slow machine's store took more than half a second.
            while answer.status == _TOO_SLOW:
                answer = await client.ask(f"question {number}", stream=bool(number % 2))
            answers[_told(answer)] += 1

        async with trio.open_nursery() as nursery:
            for number in range(requests):
                nursery.start_soon(ask, self.clients[number % PROCESSES], number // PROCESSES)
        return answers

    async def expire_tokens(self) -> None:
        site = WireClient(int(self.demo.url.rpartition(":")[2]))
        async with site.request("POST", "/demo/expire") as expiring:
            assert (await expiring.answer()).status == 200


def _told(answer: Answer) -> tuple[int, str | None]:
    """Status and error code. On a slow machine headers leave before a failure: then the stream says what the status would have."""
    if answer.status != 200:
        return answer.status, answer.error()["code"]
    if answer.finish_reason() == "error":
        return 502, answer.chunks()[-1]["error"]["code"]
    return 200, None


@asynccontextmanager
async def deployment(redis: RedisServer, **settings: str) -> AsyncIterator[Deployment]:
    """Each process owns a quarter of the shards, so each calls the site for its own requests."""
    async with trio.open_nursery() as nursery:
        with trio.fail_after(_LIMIT_S):
            demo: Demo = await nursery.start(serve_demo, DemoOptions(require_token=True))
            environ = {**defaults(demo.url, redis.url), "UPSTREAM_AUTH_MODE": "managed", **settings}
            async with AsyncExitStack() as stack:
                processes = [
                    await stack.enter_async_context(forked_process("serve", environ))
                    for _ in range(PROCESSES)
                ]
                clients = [WireClient(await process.wait_port()) for process in processes]
                await share_shards(redis, *processes)
                yield Deployment(demo, clients)
        nursery.cancel_scope.cancel()


async def test_500_requests_refused_at_once_make_exactly_one_login(redis_server: RedisServer) -> None:
    async with deployment(redis_server) as deployed:
        demo = deployed.demo
        assert await deployed.ask_everywhere(PROCESSES) == {(200, None): PROCESSES}
        assert demo.stats.logins == 1, "the first requests of all processes share one, too"
        await deployed.expire_tokens()
        requests = demo.stats.requests
        assert await deployed.ask_everywhere(REQUESTS) == {(200, None): REQUESTS}
        assert demo.stats.logins == 2
        assert demo.stats.requests - requests > REQUESTS + PROCESSES, "many were refused before"


async def test_500_requests_without_a_login_are_told_so_and_do_not_storm_the_site(
    redis_server: RedisServer,
) -> None:
    async with deployment(redis_server, UPSTREAM_TOKEN_PATH="/nowhere") as deployed:
        answers = await deployed.ask_everywhere(REQUESTS)
        assert answers == {(502, "upstream_auth_error"): REQUESTS}
        assert deployed.demo.stats.requests == 0
        assert deployed.demo.stats.connections <= 2 * PROCESSES, "a failed login is waited out by all"
