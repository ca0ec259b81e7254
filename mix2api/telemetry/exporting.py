"""Sends spans and metrics to a collector, by OTLP over HTTP. The SDK's own threads do that: no request waits for them."""

from typing import Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from mix2api.clock import Clock
from mix2api.telemetry.instruments import Instruments
from mix2api.telemetry.observation import Observer
from mix2api.telemetry.options import TelemetryOptions

_SCOPE: Final = "mix2api"


class Exporting:
    """One process's way to the collector.

    Args:
        options: whither, and under which name.
        clock: times spans and metrics.
    """

    def __init__(self, options: TelemetryOptions, clock: Clock) -> None:
        resource = Resource.create(
            {
                "service.name": options.service,
                "service.version": options.version,
                "service.instance.id": options.process,
            }
        )
        headers = dict(options.headers)
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        spans = OTLPSpanExporter(f"{options.endpoint}/v1/traces", headers=headers)
        self._tracers.add_span_processor(BatchSpanProcessor(spans))
        metrics = OTLPMetricExporter(f"{options.endpoint}/v1/metrics", headers=headers)
        self._meters = MeterProvider(
            [PeriodicExportingMetricReader(metrics)], resource, shutdown_on_exit=False
        )
        self.observer = Observer(
            tracer=self._tracers.get_tracer(_SCOPE, options.version),
            instruments=Instruments.of(self._meters.get_meter(_SCOPE, options.version)),
            clock=clock,
            provider=options.provider,
            models=options.models,
        )

    def close(self) -> None:
        """Sends what is left and ends the threads. Blocks, for some seconds where the collector does not answer."""
        self._tracers.shutdown()
        self._meters.shutdown()
