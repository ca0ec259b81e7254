"""A collector of OpenTelemetry for tests: takes OTLP over HTTP and keeps what it is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h11
import trio
from attrs import define, field
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@define(eq=False)
class Collector:
    """What came."""

    port: int = 0
    bodies: list[tuple[str, bytes]] = field(factory=list)
    """Path and body of each export."""
    headers: list[dict[bytes, bytes]] = field(factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spans(self) -> list[Span]:
        """All spans, in the order in which they came."""
        exports = [
            ExportTraceServiceRequest.FromString(body) for path, body in self.bodies if path == "/v1/traces"
        ]
        return [
            span
            for export in exports
            for resource in export.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def points(self) -> dict[str, list[dict[str, str]]]:
        """Name of each histogram -> the labels of its points."""
        found: dict[str, list[dict[str, str]]] = {}
        for path, body in self.bodies:
            if path != "/v1/metrics":
                continue
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for metric in [metric for scope in resource.scope_metrics for metric in scope.metrics]:
                    points = metric.histogram.data_points
                    found.setdefault(metric.name, []).extend(labels_of(point) for point in points)
        return found

    async def take(self, stream: trio.SocketStream) -> None:
        """Serves one connection."""
        http, body, path = h11.Connection(h11.SERVER), b"", ""
        async with stream:
            while True:
                event = http.next_event()
                match event:
                    case h11.Request():
                        body, path = b"", event.target.decode()
                        self.headers.append(dict(event.headers))
                    case h11.Data():
                        body += bytes(event.data)
                    case h11.EndOfMessage():
                        self.bodies.append((path, body))
                        answer = h11.Response(status_code=200, headers=[("content-length", "0")])
                        await stream.send_all(
                            (http.send(answer) or b"") + (http.send(h11.EndOfMessage()) or b"")
                        )
                        http.start_next_cycle()
                    case h11.NEED_DATA:
                        http.receive_data(await stream.receive_some())
                    case _:
                        return


def labels_of(told: Span) -> dict[str, str]:
    """Attributes of a span or a point, as text."""
    found = {}
    for each in told.attributes:
        value = each.value
        kind = value.WhichOneof("value")
        if kind == "array_value":
            found[each.key] = ",".join(one.string_value for one in value.array_value.values)
        else:
            found[each.key] = str(getattr(value, kind))
    return found


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector on a free port."""
    collector = Collector()
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        collector.port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, collector.take, listeners)
        yield collector
        nursery.cancel_scope.cancel()
