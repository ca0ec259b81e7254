"""An edge whose workers are gone: it says so, at once and by name, and serves again when one is back."""

from redis_server import RedisServer
from whole_system import Shape, WholeSystem, until, whole_system

from mix2api.process.parts import Role


async def test_an_edge_without_a_worker_says_so(redis_server: RedisServer) -> None:
    async with whole_system(Shape.APART, redis_server.url) as system:
        worker = system.process(Role.WORKER)
        worker.stop.set()
        await worker.ended.wait()
        for stream in (True, False):
            answer = await system.client.ask("hello", stream=stream)
            assert (answer.status, answer.error()["code"]) == (503, "overloaded")
            assert int(answer.headers["retry-after"]) >= 1
        assert [(line["end_reason"], line["detail"]) for line in system.log_lines()] == [
            ("overloaded", "no_owner")
        ] * 2
        await until(lambda: names_the_worker(system))
        assert (await system.client.get("/health/ready")).status == 503
        assert (await system.client.get("/health/live")).status == 200


async def names_the_worker(system: WholeSystem) -> bool:
    health = await system.client.get("/health")
    return health.status == 503 and [part["part"] for part in health.json()["failing"]] == ["worker"]
