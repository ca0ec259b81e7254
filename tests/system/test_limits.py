"""Limits, and sites that cannot be reached: each with the settings that make it come soon."""

import pytest
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, whole_system

from mix2api.vocabulary import Detail, EndReason, Receipt

pytestmark = pytest.mark.parametrize("shape", Shape)
_ID = {"x-request-id": "limited"}
_CHATTER = "[[chunks:10000]] [[pace:10]]"


async def check_end(
    system: WholeSystem, end_reason: EndReason, detail: Detail | None, status: int, *, runs: int = 1
) -> None:
    run = await system.ended_run_of("limited")
    assert (run.end.end_reason, run.end.detail, run.end.http_status) == (end_reason, detail, status)
    await system.check_log(runs=runs)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_site_that_refuses_connections_is_an_upstream_error(
    *, shape: Shape, stream: bool, redis_server: RedisServer, closed_port: int
) -> None:
    site = f"http://127.0.0.1:{closed_port}"
    async with whole_system(shape, redis_server.url, UPSTREAM_API_BASE=site) as system:
        answer = await system.client.ask("hello", headers=_ID, stream=stream)
        assert (answer.status, answer.error()["code"]) == (502, "upstream_error")
        assert str(closed_port) not in answer.body.decode()
        await check_end(system, EndReason.UPSTREAM_ERROR, Detail.CONNECT_FAILED, 502)


async def test_a_site_that_accepts_nobody_times_out(
    shape: Shape, redis_server: RedisServer, full_port: int
) -> None:
    site = f"http://127.0.0.1:{full_port}"
    limits = {"UPSTREAM_API_BASE": site, "MIX2API_UPSTREAM_CONNECT_TIMEOUT_MS": "300"}
    async with whole_system(shape, redis_server.url, **limits) as system:
        answer = await system.client.ask("hello", headers=_ID, stream=True)
        assert (answer.status, answer.error()["code"]) == (504, "upstream_timeout")
        await check_end(system, EndReason.TIMEOUT, Detail.CONNECT, 504)


async def test_an_answer_without_end_meets_the_total_limit(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url, MIX2API_UPSTREAM_TOTAL_TIMEOUT_MS="500") as system:
        answer = await system.client.ask(_CHATTER, headers=_ID, stream=True)
        assert (answer.status, answer.finish_reason()) == (200, "error")
        assert answer.payloads()[-1] == "[DONE]"
        await check_end(system, EndReason.TIMEOUT, Detail.TOTAL, 200)
        await system.demo.stats.wait_until(lambda stats: stats.open_streams == 0)


async def test_after_early_headers_a_failure_ends_in_the_stream(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(
        shape, redis_server.url, MIX2API_EARLY_HEADERS_MS="50", UPSTREAM_TIMEOUT_MS="1000"
    ) as system:
        answer = await system.client.ask("[[hang]]", headers=_ID, stream=True)
        assert answer.body.startswith(b": keep-alive\n")
        error, terminal = answer.chunks()
        assert (error["error"]["end_reason"], terminal["choices"][0]["finish_reason"]) == ("timeout", "error")
        assert answer.payloads()[-1] == "[DONE]"
        await check_end(system, EndReason.TIMEOUT, Detail.FIRST_BYTE, 200)


async def test_more_requests_than_the_process_takes_are_told_to_come_back(
    shape: Shape, redis_server: RedisServer
) -> None:
    limits = {"MIX2API_MAX_CONCURRENCY": "1", "MIX2API_QUEUE_MAX": "0"}
    async with whole_system(shape, redis_server.url, **limits) as system:
        async with system.client.asking("[[hang]]", stream=True):
            await system.demo.stats.wait_until(lambda stats: stats.open_streams == 1)
            for stream in (True, False):
                answer = await system.client.ask("hello", headers=_ID, stream=stream)
                assert (answer.status, answer.error()["code"]) == (429, "overloaded")
                assert int(answer.headers["retry-after"]) >= 1
        refusals = [line for line in system.log_lines() if line["request_id"] == "limited"]
        assert [(line["end_reason"], line["detail"]) for line in refusals] == [("overloaded", "queue")] * 2
        report = await system.check_log(runs=1)  # what was refused was never accepted
        assert report["by_end_reason"] == {"client_abort": 1}


async def test_a_request_that_gets_no_slot_in_time_is_told_to_come_back_with_its_own_status(
    shape: Shape, redis_server: RedisServer
) -> None:
    limits = {
        "MIX2API_MAX_CONCURRENCY": "1",
        "MIX2API_QUEUE_TIMEOUT_MS": "500",
        "MIX2API_EARLY_HEADERS_MS": "0",
    }
    async with whole_system(shape, redis_server.url, **limits) as system:
        async with system.client.asking("[[hang]]", stream=True):
            await system.demo.stats.wait_until(lambda stats: stats.open_streams == 1)
            answer = await system.client.ask("hello", headers=_ID, stream=True)
            assert (answer.status, answer.error()["code"]) == (429, "overloaded")
            assert int(answer.headers["retry-after"]) >= 1
        (refusal,) = [line for line in system.log_lines() if line["request_id"] == "limited"]
        assert (refusal["end_reason"], refusal["detail"]) == ("overloaded", "deadline")
        await system.check_log(runs=1)


async def test_a_worker_that_is_told_to_stop_ends_its_streams(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with whole_system(shape, redis_server.url) as system:
        async with system.client.asking(_CHATTER, headers=_ID, stream=True) as asked:
            head = await asked.head()
            await asked.read_until(lambda body: b"-00003" in body)
            system.worker.stop.set()
            answer = await asked.rest(head)
        error, terminal = answer.chunks()[-2:]
        assert error["error"]["end_reason"] == "overloaded"
        assert terminal["choices"][0]["finish_reason"] == "error"
        assert answer.payloads()[-1] == "[DONE]"
        await check_end(system, EndReason.OVERLOADED, Detail.DRAIN, 200)
        assert Receipt.ERROR_WRITTEN in (await system.wait_receipts(1)).values()


async def test_a_stopping_system_lets_its_streams_finish(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url, MIX2API_DRAIN_TIMEOUT_S="20") as system:
        async with system.client.asking("[[chunks:50]] [[pace:10]]", headers=_ID, stream=True) as asked:
            head = await asked.head()
            await asked.read_until(lambda body: b"-00003" in body)
            for process in system.processes:
                process.stop.set()
            answer = await asked.rest(head)
        assert answer.finish_reason() == "stop"
        await check_end(system, EndReason.STOP, None, 200)
        for process in system.processes:
            await process.ended.wait()
