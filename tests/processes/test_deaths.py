"""Processes that die or are stopped in the middle of a stream: the log ends every run, and living edges every client."""

import io
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import h11
import pytest
import trio
from forked_process import forked_process
from real_process import RealProcess
from redis_server import RedisServer
from whole_system import SECRET, SHARDS, WholeSystem, defaults, until
from wire_client import Answer, Conversation, WireClient

from mix2api.cli.explain import ExplainQuery, explain
from mix2api.clock import SystemClock
from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.events.kinds import End, Request, UpstreamChunk
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.vocabulary import ChunkKind, Detail, EndReason, Receipt

_LIMIT_S = 120
_ID = {"x-request-id": "died"}
_ENDLESS = "[[chunks:100000]] [[pace:10]]"


@pytest.fixture
async def data_dir(tmp_path: Path) -> AsyncIterator[Path]:
    """A data directory; a store that outlived its killed users is stopped by its last one, the test."""
    yield tmp_path
    async with open_store(kept_in(tmp_path)):
        pass


@asynccontextmanager
async def demo_site() -> AsyncIterator[Demo]:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(_LIMIT_S):
            yield await nursery.start(serve_demo, DemoOptions())
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def eyes(demo: Demo, edge: RealProcess, options: StoreOptions) -> AsyncIterator[WholeSystem]:
    """What the tests of whole systems see with, over real processes; waits until the edge listens."""
    port = await edge.wait_port()
    async with open_store(options) as store:
        yield WholeSystem(client=WireClient(port), demo=demo, store=store, processes=[], logged=io.StringIO())


def embedded(demo: Demo, directory: Path) -> dict[str, str]:
    settings = defaults(demo.url, "")
    return {**settings, "MIX2API_DATA_DIR": str(directory), "MIX2API_CHUNK_WINDOW_MS": "20"}


def kept_in(directory: Path) -> StoreOptions:
    return StoreOptions(data_dir=directory, secret=SECRET.encode(), shards=SHARDS, role="tests")


def at(server: RedisServer) -> StoreOptions:
    return StoreOptions(url=server.url, secret=SECRET.encode(), shards=SHARDS, role="tests")


async def logged(system: WholeSystem, kind: ChunkKind) -> bool:
    """Whether the log has such a chunk of the run already."""
    digest = system.store.seal.digest("died", "request_id")
    if not await system.store.log.runs_of_request(digest):
        return False
    events = (await system.run_of("died")).events
    return any(isinstance(event, UpstreamChunk) and event.kind is kind for event in events)


def failing_ending(answer: Answer) -> str:
    """The `end_reason` that a broken stream was told, its three parts checked."""
    error, terminal = answer.chunks()[-2:]
    assert terminal["choices"][0]["finish_reason"] == "error"
    assert terminal["error"] == error["error"]
    assert answer.payloads()[-1] == "[DONE]"
    reason: str = error["error"]["end_reason"]
    return reason


@asynccontextmanager
async def apart(server: RedisServer) -> AsyncIterator[tuple[RealProcess, RealProcess, WholeSystem]]:
    """A worker that has started, an edge in a process of its own, and the system that both are."""
    async with (
        demo_site() as demo,
        forked_process("worker", relayed(demo, server)) as worker,
        forked_process("edge", relayed(demo, server)) as edge,
        eyes(demo, edge, at(server)) as system,
    ):
        await worker.wait_line("process.started")
        yield worker, edge, system


async def under_way(system: WholeSystem, asked: Conversation) -> h11.Response:
    """The answer's head, once the client has pieces of the answer and the log has text of it."""
    head = await asked.head()
    await asked.read_until(lambda body: b"-00003" in body)
    await until(lambda: logged(system, ChunkKind.TEXT))
    return head


async def test_a_killed_server_ends_its_run_when_it_is_back(data_dir: Path) -> None:
    async with demo_site() as demo:
        async with (
            forked_process("serve", embedded(demo, data_dir)) as server,
            eyes(demo, server, kept_in(data_dir)) as system,
        ):
            async with system.client.asking(_ENDLESS, headers=_ID, stream=True) as asked:
                await under_way(system, asked)
                await server.kill()
            assert (await system.audit())["open"] == 1
        await demo.stats.wait_until(lambda stats: stats.open_streams == 0)
        async with (
            forked_process("serve", embedded(demo, data_dir)) as again,
            eyes(demo, again, kept_in(data_dir)) as system,
        ):
            end = (await system.ended_run_of("died")).end
            assert (end.end_reason, end.detail) == (EndReason.WORKER_LOST, Detail.MID_STREAM)
            page = io.StringIO()
            assert await explain(system.store, ExplainQuery(word="died"), page, SystemClock()) == 0
            named = [" ".join(line.split()) for line in page.getvalue().splitlines()[1:3]]
            assert named == ["happened worker_lost/mid_stream", "whose doing mix2api's"]
            report = await system.check_log(runs=1)
            assert report["by_end_reason"] == {"worker_lost": 1}
            assert (await system.client.ask("hello")).finish_reason() == "stop"
            await system.check_log(runs=2)


@pytest.mark.parametrize(("prompt", "text_before"), [("[[hang]]", False), (_ENDLESS, True)])
async def test_what_the_log_does_not_know_is_not_claimed(
    *, prompt: str, text_before: bool, data_dir: Path
) -> None:
    async with demo_site() as demo:
        settings = {**embedded(demo, data_dir), "MIX2API_CHUNK_WINDOW_MS": "60000"}
        async with (
            forked_process("serve", settings) as server,
            eyes(demo, server, kept_in(data_dir)) as system,
            system.client.asking(prompt, headers=_ID, stream=True) as asked,
        ):
            await until(lambda: logged(system, ChunkKind.OPEN))
            if text_before:
                await asked.head()
                await asked.read_until(lambda body: b"-00003" in body)
            await server.kill()
        async with (
            forked_process("serve", settings) as again,
            eyes(demo, again, kept_in(data_dir)) as system,
        ):
            end = (await system.ended_run_of("died")).end
            assert (end.end_reason, end.detail) == (EndReason.WORKER_LOST, Detail.BEFORE_OUTPUT)
            await system.check_log(runs=1)


async def test_a_living_edge_ends_the_stream_of_a_killed_worker(redis_server: RedisServer) -> None:
    async with apart(redis_server) as (worker, _, system):
        async with system.client.asking(_ENDLESS, headers=_ID, stream=True) as asked:
            head = await under_way(system, asked)
            await worker.kill()
            answer = await asked.rest(head)
        assert failing_ending(answer) == "worker_lost"
        async with forked_process("worker", relayed(system.demo, redis_server)):
            run = await system.ended_run_of("died")
            assert (run.end.end_reason, run.end.detail) == (EndReason.WORKER_LOST, Detail.MID_STREAM)
            await system.check_log(runs=1)
            assert (await system.receipts())[run.run_id] == Receipt.ERROR_WRITTEN
            await until(lambda: served(system))


@pytest.mark.parametrize("rerun", [True, False], ids=["again", "forbidden"])
async def test_a_turn_of_a_killed_worker_runs_again_if_its_client_has_seen_nothing(
    *, rerun: bool, redis_server: RedisServer
) -> None:
    async with demo_site() as demo:
        early = {"MIX2API_EARLY_HEADERS_MS": "60000"}
        settings = {**relayed(demo, redis_server), **early, "MIX2API_RERUN": str(rerun).lower()}
        async with (
            forked_process("worker", settings) as worker,
            forked_process("edge", settings) as edge,
            eyes(demo, edge, at(redis_server)) as system,
        ):
            await worker.wait_line("process.started")
            asking = system.client.asking("[[hang]] [[once:a death]] hello", headers=_ID, stream=True)
            async with asking as asked, forked_process("worker", settings) as other:
                await other.wait_line("process.started")
                await until(lambda: logged(system, ChunkKind.OPEN))
                await kill_who_runs_it(system, worker, other)
                answer = await asked.answer()
                # The edge may have told its client before the survivor, which must live for that, has ended the run.
                await until(lambda: ended(system, 1 + rerun))
            # In any order: the edge may have had the turn run again before the survivor has ended the first run.
            ends = {(run.end.end_reason, run.end.detail) for run in await system.runs()}
            second_end = {(EndReason.STOP, None)} if rerun else set()
            assert ends == {(EndReason.WORKER_LOST, Detail.BEFORE_OUTPUT)} | second_end
            if rerun:
                assert answer.finish_reason() == "stop"
                assert answer.headers["x-mix2api-session"] == "fresh; reason=worker_lost"
                second = await system.run_of("died")
                attempts = [event.attempt for event in second.events if isinstance(event, Request)]
                assert (attempts, second.end.end_reason) == ([2], EndReason.STOP)
            else:
                assert (answer.status, answer.json()["error"]["code"]) == (503, "worker_lost")
            await system.check_log(runs=1 + rerun)


async def kill_who_runs_it(system: WholeSystem, *workers: RealProcess) -> None:
    """Kills the worker that is at the one open run."""
    (entry,) = await system.store.open_entries()
    for worker in workers:
        if (await worker.wait_line("process.started"))["process"] == entry.run.process:
            await worker.kill()


async def ended(system: WholeSystem, count: int) -> bool:
    return len(await system.runs()) == count


async def test_a_worker_that_slept_past_its_lease_is_fenced(redis_server: RedisServer) -> None:
    async with (
        apart(redis_server) as (worker, _, system),
        system.client.asking(_ENDLESS, headers=_ID, stream=True) as asked,
    ):
        head = await under_way(system, asked)
        worker.signal(signal.SIGSTOP)
        async with forked_process("worker", relayed(system.demo, redis_server)):
            run = await system.ended_run_of("died")
            worker.signal(signal.SIGCONT)
            answer = await asked.rest(head)
            assert failing_ending(answer) == "worker_lost"
            await system.demo.stats.wait_until(lambda stats: stats.open_streams == 0)
            assert (run.end.end_reason, run.end.detail) == (EndReason.WORKER_LOST, Detail.MID_STREAM)
            await system.check_log(runs=1)
            await until(lambda: served(system))


async def test_a_worker_that_slept_past_its_lease_claims_no_success(redis_server: RedisServer) -> None:
    """Nobody took its runs over, so that its ends are accepted: the audit counts what the clients saw all the same."""
    async with apart(redis_server) as (worker, _, system):
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(partial(system.client.ask, "[[chunks:40]] [[pace:50]]", stream=True))
            await system.demo.stats.wait_until(lambda stats: stats.open_streams == 8)
            worker.signal(signal.SIGSTOP)
        worker.signal(signal.SIGCONT)
        report = await system.check_log(runs=8)
        assert (report["success"], report["success_rate"]) == (0, 0.0)
        assert report["by_end_reason"] == {"worker_lost": 8}


async def test_a_worker_ends_the_runs_of_a_killed_edge(redis_server: RedisServer) -> None:
    async with apart(redis_server) as (_, edge, system):
        async with system.client.asking(_ENDLESS, headers=_ID, stream=True) as asked:
            await asked.head()
            await asked.read_until(lambda body: b"-00003" in body)
            await edge.kill()
        run = await system.ended_run_of("died")
        assert (run.end.end_reason, run.end.detail) == (EndReason.WORKER_LOST, Detail.EDGE_LOST)
        await system.demo.stats.wait_until(lambda stats: stats.open_streams == 0)
        await system.check_log(runs=1)


async def test_a_server_that_is_told_to_stop_lets_its_streams_finish(data_dir: Path) -> None:
    async with demo_site() as demo:
        settings = {**embedded(demo, data_dir), "MIX2API_DRAIN_TIMEOUT_S": "20"}
        async with forked_process("serve", settings) as server:
            client = WireClient(await server.wait_port())
            async with client.asking("[[chunks:80]] [[pace:10]]", headers=_ID, stream=True) as asked:
                head = await asked.head()
                await asked.read_until(lambda body: b"-00003" in body)
                server.signal(signal.SIGTERM)
                await server.wait_line("process.draining")
                answer = await asked.rest(head)
            assert answer.finish_reason() == "stop"
            assert await server.process.wait() == 0
        async with open_store(kept_in(data_dir)) as store:
            system = WholeSystem(client=client, demo=demo, store=store, processes=[], logged=io.StringIO())
            report = await system.check_log(runs=1)
            assert report["done_coverage"] == 1.0
            run = await system.run_of("died")
            assert isinstance(run.events[-1], End)


async def test_a_server_that_is_told_twice_stops_at_once(data_dir: Path) -> None:
    async with demo_site() as demo:
        settings = {**embedded(demo, data_dir), "MIX2API_DRAIN_TIMEOUT_S": "600"}
        async with forked_process("serve", settings) as server:
            client = WireClient(await server.wait_port())
            async with client.asking(_ENDLESS, headers=_ID, stream=True) as asked:
                await asked.head()
                server.signal(signal.SIGINT)
                await server.wait_line("process.draining")
                server.signal(signal.SIGINT)
                assert await server.process.wait() == 130
            assert server.rest == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stopping_server_says_so_and_serves_on_until_load_balancers_have_seen_it(
    number: signal.Signals, data_dir: Path
) -> None:
    async with demo_site() as demo:
        settings = {**embedded(demo, data_dir), "MIX2API_DRAIN_READY_S": "600"}
        async with forked_process("serve", settings) as server:
            client = WireClient(await server.wait_port())
            assert (await client.get("/health/ready")).status == 200
            server.signal(number)
            await server.wait_line("process.not_ready")
            ready = await client.get("/health/ready")
            assert (ready.status, ready.json()["status"]) == (503, "draining")
            assert (await client.get("/health/live")).status == 200
            assert (await client.ask("hello", headers=_ID, stream=True)).finish_reason() == "stop"
            server.signal(number)
            assert await server.process.wait() == 130


async def test_after_that_the_listener_closes_and_the_process_drains(data_dir: Path) -> None:
    async with demo_site() as demo:
        settings = {**embedded(demo, data_dir), "MIX2API_DRAIN_READY_S": "1"}
        async with forked_process("serve", settings) as server:
            port = await server.wait_port()
            server.signal(signal.SIGTERM)
            await server.wait_line("process.draining")
            assert await server.process.wait() == 0
            with pytest.raises(OSError, match="all attempts to connect"):
                await WireClient(port).get("/health/ready")


def relayed(demo: Demo, server: RedisServer) -> dict[str, str]:
    return {**defaults(demo.url, server.url), "MIX2API_CHUNK_WINDOW_MS": "20"}


async def served(system: WholeSystem) -> bool:
    return (await system.client.ask("hello", stream=True)).finish_reason() == "stop"
