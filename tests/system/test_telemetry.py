"""OpenTelemetry of whole systems: what a collector is told of requests, over two processes, and what the site is sent."""

import pytest
from collector import Collector, collecting, labels_of
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from redis_server import RedisServer
from whole_system import Shape, whole_system

from mix2api.demo import DemoKind, DemoOptions
from mix2api.telemetry import names

_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_CALLER = "00f067aa0ba902b7"
_TRACEPARENT = f"00-{_TRACE}-{_CALLER}-01"
_PLANTED = "planted-in-the-prompt"
_OPENAI = DemoOptions(kind=DemoKind.OPENAI)


def settings_for(collector: Collector) -> dict[str, str]:
    return {
        "MIX2API_OTEL": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20key",
    }


def of_kind(spans: list[Span], kind: "Span.SpanKind.ValueType") -> list[Span]:
    return [span for span in spans if span.kind == kind]


@pytest.mark.parametrize("shape", Shape)
async def test_a_request_and_its_call_are_spans_of_the_callers_trace(
    shape: Shape, redis_server: RedisServer
) -> None:
    async with collecting() as collector:
        async with whole_system(shape, redis_server.url, **settings_for(collector)) as system:
            answer = await system.client.ask(
                f"{_PLANTED} [[chunks:3]]", stream=True, headers={"traceparent": _TRACEPARENT}
            )
            sent = system.demo.received[-1].headers
        (server,) = of_kind(collector.spans(), Span.SPAN_KIND_SERVER)
        (client,) = of_kind(collector.spans(), Span.SPAN_KIND_CLIENT)
        points = collector.points()
    assert {server.trace_id.hex(), client.trace_id.hex()} == {_TRACE}
    assert server.parent_span_id.hex() == _CALLER
    assert client.parent_span_id == server.span_id
    assert sent["traceparent"] == f"00-{_TRACE}-{client.span_id.hex()}-01"
    told = labels_of(server)
    assert told[names.CONVERSATION] == answer.headers["x-session-id"]
    assert told[names.RUN_ID] == answer.headers["x-mix2api-run-id"]
    assert (told[names.STATUS], told[names.FINISH_REASONS]) == ("200", "stop")
    assert server.start_time_unix_nano <= client.start_time_unix_nano
    assert client.end_time_unix_nano <= server.end_time_unix_nano
    assert points.keys() >= {
        "gen_ai.server.request.duration",
        "gen_ai.server.time_to_first_token",
        "gen_ai.server.time_per_output_token",
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
    }
    assert {header[b"api-key"] for header in collector.headers} == {b"a key"}
    assert not [body for _, body in collector.bodies if _PLANTED.encode() in body]


async def test_endings_of_all_kinds_are_told_apart(redis_server: RedisServer) -> None:
    async with collecting() as collector:
        async with whole_system(Shape.SERVE, redis_server.url, **settings_for(collector)) as system:
            await system.client.ask("[[cut]]", stream=True)
            await system.client.ask("[[status:429]]")
            await system.client.ask("x", max_tokens=-1)
            async with system.client.asking("[[chunks:50]] [[pace:50]]", stream=True) as leaving:
                await leaving.head()
            await system.check_log(runs=3)
        servers = [labels_of(span) for span in of_kind(collector.spans(), Span.SPAN_KIND_SERVER)]
        clients = [labels_of(span) for span in of_kind(collector.spans(), Span.SPAN_KIND_CLIENT)]
    fields = (names.STATUS, names.ERROR_TYPE, names.FINISH_REASONS)
    assert [tuple(told.get(field) for field in fields) for told in servers] == [
        ("200", "upstream_error", "error"),
        ("429", "upstream_error", None),
        ("400", "invalid_request", None),
        ("200", "client_abort", None),
    ]
    assert [tuple(told.get(field) for field in fields) for told in clients] == [
        ("200", "truncated", "error"),
        ("429", "status", None),
        ("200", "cancelled", None),
    ]
    assert names.CONVERSATION not in servers[2]


async def test_an_upstream_without_sessions_names_no_conversation(redis_server: RedisServer) -> None:
    async with collecting() as collector:
        settings = {**settings_for(collector), "MIX2API_UPSTREAM": "openai"}
        async with whole_system(Shape.SERVE, redis_server.url, demo=_OPENAI, **settings) as system:
            await system.client.ask("hello", model="a model that nobody configured")
        (server,) = of_kind(collector.spans(), Span.SPAN_KIND_SERVER)
        (client,) = of_kind(collector.spans(), Span.SPAN_KIND_CLIENT)
    assert names.CONVERSATION not in labels_of(server)
    assert {labels_of(span)[names.REQUEST_MODEL] for span in (server, client)} == {"other"}
    assert labels_of(client)[names.INPUT_TOKENS].isdecimal()


async def test_nothing_is_sent_unless_the_setting_is_there(redis_server: RedisServer) -> None:
    async with collecting() as collector:
        settings = {**settings_for(collector), "MIX2API_OTEL": "false"}
        async with whole_system(Shape.SERVE, redis_server.url, **settings) as system:
            await system.client.ask("hello", headers={"traceparent": _TRACEPARENT})
            assert "traceparent" not in system.demo.received[-1].headers
        assert collector.bodies == []
