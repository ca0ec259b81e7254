"""`/metrics` of running processes, and the same figures from the event log."""

import msgspec
import pytest
import trio
from metrics.test_exposition import samples
from redis_server import RedisServer
from whole_system import Shape, WholeSystem, until, whole_system
from wire_client import ASK

from mix2api.cli.metrics import counted
from mix2api.metrics.exposition import exposition

TOKEN = "the metrics' own bearer"
_DAY_MS = 86_400_000
_STANDINGS = ("counted", "trimmed", "rolled_over", "refused")
_WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


async def scraped_text(port: int) -> bytes:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        answer = b"".join([data async for data in stream])
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == b"200"
    return body


async def scraped(port: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return samples(await scraped_text(port))


_PROFILE = {"context_window": 700, "max_input_tokens": 700, "max_new_tokens": 100}
_SMALL_WINDOW = {"MODEL_PROFILE_JSON": msgspec.json.encode({ASK["model"]: _PROFILE}).decode()}


async def some_budgets(system: WholeSystem) -> None:
    """A conversation that fills its session, one that is trimmed, a turn that does not fit, and a model without a profile."""
    history = [{"role": "user", "content": "first " * 100}]
    for _ in range(5):
        answer = await system.client.ask("", messages=history)
        history += [{"role": "assistant", "content": answer.text()}]
        history += [{"role": "user", "content": "and more " * 60}]
    old = [{"role": "user", "content": "old " * 500}, {"role": "assistant", "content": "answer " * 500}]
    await system.client.ask("", messages=[*old, {"role": "user", "content": "[[usage:none]]"}])
    await system.client.ask("too much " * 700)
    await system.client.ask("hello", model="mix/another")


async def some_traffic(system: WholeSystem) -> None:
    """Good and bad endings, streamed and whole, and refused requests."""
    for stream in (True, False):
        for prompt in ("hello", "[[status:500]]", "[[cut]]", "[[chunks:4]][[pace:50]]"):
            await system.client.ask(prompt, stream=stream)
        await system.client.ask("[[tools:weather]]", stream=stream, tools=[_WEATHER])
        await system.client.ask("x", stream=stream, max_tokens=-1)
    await system.client.get("/nowhere")


@pytest.mark.parametrize("shape", Shape)
async def test_all_processes_together_show_what_the_log_has(shape: Shape, redis_server: RedisServer) -> None:
    async with whole_system(shape, redis_server.url, MIX2API_ADMIN_PORT="0", **_SMALL_WINDOW) as system:
        ports = [line["port"] for line in system.log_lines("admin.listening")]
        await some_traffic(system)
        await some_budgets(system)
        await system.check_log(runs=18)

        async def equal() -> bool:
            shown: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
            for port in ports:
                for key, value in (await scraped(port)).items():
                    shown[key] = shown.get(key, 0) + value
            log = samples(exposition(await counted(system.store, _DAY_MS)))
            requests = [value for (name, _), value in log.items() if name == "mix2api_requests_total"]
            return sum(requests) == 21 and {key: shown.get(key) for key in log} == log

        await until(equal)
        log = samples(exposition(await counted(system.store, _DAY_MS)))
        shown = await scraped(ports[-1])
    budgets = {name: log[f"mix2api_budget_{name}_total", (("client", "other"),)] for name in _STANDINGS}
    assert budgets["counted"] == 18
    assert 0 not in budgets.values()
    sources = {dict(labels)["source"] for name, labels in log if name == "mix2api_tokens_total"}
    assert sources == {"site", "counted"}
    assert ("mix2api_streams_open", ()) in shown
    assert ("mix2api_shards_without_owner", ()) in shown
    if shape is Shape.SERVE:
        assert shown["mix2api_sessions_total", (("reason", "no_history"), ("resolution", "fresh"))] == 13
        assert shown["mix2api_model_fallbacks_total", ()] == 1


async def test_the_edge_shows_them_to_its_own_bearer_alone(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url, MIX2API_METRICS_TOKEN=TOKEN) as system:
        for _ in range(2):
            await system.client.ask("of a model without a profile")
        refused = await system.client.get("/metrics")
        system.client.token = TOKEN
        shown = await system.client.get("/metrics")
    assert refused.status == 401
    assert shown.status == 200
    assert ("mix2api_streams_open", ()) in samples(shown.body)
    assert samples(shown.body)["mix2api_model_fallbacks_total", ()] == 1


async def test_without_a_token_the_edge_has_no_such_route(redis_server: RedisServer) -> None:
    async with whole_system(Shape.SERVE, redis_server.url) as system:
        assert (await system.client.get("/metrics")).status == 404
