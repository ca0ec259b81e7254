"""Redis away, paused or killed, before a request or in the middle of one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, until, whole_system
from wire_client import Answer

from mix2api.demo import answer_text
from mix2api.vocabulary import SUCCESSES, EndReason, Receipt

_ID = {"x-request-id": "away"}
_PROMPT = "[[chunks:60]] [[pace:10]]"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of its own that forgets nothing when it is killed."""
    server = RedisServer(tmp_path, arguments=("--appendonly", "yes", "--appendfsync", "always"))
    server.start()
    yield server
    server.stop()


def go_away(server: RedisServer, *, killed: bool) -> None:
    if killed:
        server.kill()
    else:
        server.pause()


def come_back(server: RedisServer, *, killed: bool) -> None:
    if killed:
        server.start()
    else:
        server.resume()


async def ask_while_away(system: WholeSystem, *, stream: bool) -> Answer:
    answer = await system.client.ask("hello", stream=stream)
    assert (answer.status, answer.error()["code"]) == (503, "store_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    return answer


@pytest.mark.parametrize("killed", [False, True], ids=["paused", "killed"])
@pytest.mark.parametrize("shape", Shape)
async def test_nothing_is_accepted_while_the_store_is_away(
    *, shape: Shape, killed: bool, server: RedisServer
) -> None:
    async with whole_system(shape, server.url) as system:
        await system.client.ask("hello", stream=True)
        await system.check_log(runs=1)
        go_away(server, killed=killed)
        for stream in (True, False):
            await ask_while_away(system, stream=stream)
        await until(lambda: degraded(system))
        assert system.demo.stats.requests == 1
        assert {line["end_reason"] for line in system.log_lines()[1:]} == {"unavailable"}
        come_back(server, killed=killed)
        await until(lambda: served(system))
        await until(lambda: nothing_is_open(system))
        # A request that had left for a store that stood still is taken when that goes on: it ends as its client was told.
        late = [run for run in await system.runs() if run.end.end_reason is EndReason.UNAVAILABLE]
        await system.check_log(runs=2 + len(late))
        await until(lambda: both_are_counted(system, less=len(late)))


@pytest.mark.parametrize("killed", [False, True], ids=["paused", "killed"])
@pytest.mark.parametrize("shape", Shape)
async def test_a_store_that_goes_away_is_told_though_nobody_asks(
    *, shape: Shape, killed: bool, server: RedisServer
) -> None:
    async with whole_system(shape, server.url) as system:
        go_away(server, killed=killed)
        await until(lambda: degraded(system))
        await until(lambda: logged(system, "store.away"))
        come_back(server, killed=killed)
        await until(lambda: logged(system, "store.back"))
        await until(lambda: served(system))


async def logged(system: WholeSystem, event: str) -> bool:
    return bool(system.log_lines(event))


async def degraded(system: WholeSystem) -> bool:
    health = await system.client.get("/health")
    return health.status == 503 and any(part["part"] == "event_log" for part in health.json()["failing"])


async def both_are_counted(system: WholeSystem, *, less: int) -> bool:
    return bool((await system.audit())["refused_store_away"] >= 2 - less)


async def nothing_is_open(system: WholeSystem) -> bool:
    return not (await system.audit())["open"]


async def served(system: WholeSystem) -> bool:
    return (await system.client.ask("hello", stream=True)).status == 200


@pytest.mark.parametrize("killed", [False, True], ids=["paused", "killed"])
async def test_a_stream_goes_on_while_the_store_is_away(*, killed: bool, server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, server.url) as system:
        async with system.client.asking(_PROMPT, headers=_ID, stream=True) as asked:
            head = await asked.head()
            await asked.read_until(lambda body: b"-00003" in body)
            go_away(server, killed=killed)
            answer = await asked.rest(head)
            come_back(server, killed=killed)
            assert answer.finish_reason() == "stop"
            assert answer.text() == answer_text(_PROMPT)
            run = await system.ended_run_of("away")
            assert run.end.end_reason is EndReason.STOP
            assert (await system.wait_receipts(1))[run.run_id] == Receipt.END_UNACKED
        report = await system.check_log(runs=1)
        assert report["done_coverage"] == 1.0


@pytest.mark.parametrize("killed", [False, True], ids=["paused", "killed"])
async def test_a_relayed_stream_gets_its_ending_once_the_store_is_back(
    *, killed: bool, server: RedisServer
) -> None:
    async with whole_system(Shape.APART, server.url) as system:
        async with system.client.asking(_PROMPT, headers=_ID, stream=True) as asked:
            head = await asked.head()
            await asked.read_until(lambda body: b"-00003" in body)
            go_away(server, killed=killed)
            await system.demo.stats.wait_until(lambda stats: stats.open_streams == 0)
            come_back(server, killed=killed)
            answer = await asked.rest(head)
        assert answer.payloads()[-1] == "[DONE]"
        assert answer.finish_reason() in {"stop", "error"}
        if answer.finish_reason() == "stop":
            assert answer.text() == answer_text(_PROMPT)
        await system.check_log(runs=1)


@pytest.mark.parametrize("killed", [False, True], ids=["paused", "killed"])
async def test_a_relayed_stream_goes_on_whole_when_the_store_is_back_soon(
    *, killed: bool, server: RedisServer
) -> None:
    prompt = "[[chunks:200]] [[pace:10]]"
    async with whole_system(Shape.APART, server.url) as system:
        async with system.client.asking(prompt, headers=_ID, stream=True) as asked:
            head = await asked.head()
            await asked.read_until(lambda body: b"-00003" in body)
            go_away(server, killed=killed)
            await until(lambda: degraded(system))
            come_back(server, killed=killed)
            answer = await asked.rest(head)
        assert answer.finish_reason() == "stop"
        assert answer.text() == answer_text(prompt)


@pytest.mark.parametrize("killed", [False, True], ids=["paused", "killed"])
async def test_a_relayed_stream_whose_store_stays_away_gets_the_failing_ending(
    *, killed: bool, server: RedisServer
) -> None:
    async with whole_system(Shape.APART, server.url) as system:
        async with system.client.asking("[[chunks:100000]] [[pace:10]]", headers=_ID, stream=True) as asked:
            head = await asked.head()
            await asked.read_until(lambda body: b"-00003" in body)
            go_away(server, killed=killed)
            answer = await asked.rest(head)  # nobody brings the store back before that
        error, terminal = answer.chunks()[-2:]
        assert error["error"]["end_reason"] == EndReason.UNAVAILABLE
        assert terminal["choices"][0]["finish_reason"] == "error"
        assert answer.payloads()[-1] == "[DONE]"
        come_back(server, killed=killed)
        run = await system.ended_run_of("away")
        assert run.end.end_reason not in SUCCESSES
        assert (await system.wait_receipts(1))[run.run_id] == Receipt.ERROR_WRITTEN


@pytest.mark.parametrize("shape", Shape)
async def test_a_continued_request_is_refused_while_the_store_is_paused(
    shape: Shape, server: RedisServer
) -> None:
    async with whole_system(shape, server.url) as system:
        first = await system.client.ask("hello", stream=False)
        history = [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": first.text()},
            {"role": "user", "content": "and?"},
        ]
        server.pause()
        for stream in (True, False):
            answer = await system.client.ask("", stream=stream, messages=history)
            assert (answer.status, answer.error()["code"]) == (503, "store_unavailable")
        server.resume()
        await until(lambda: served(system))
