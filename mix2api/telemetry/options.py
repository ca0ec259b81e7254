"""What operators set of telemetry. Needs nothing of OpenTelemetry."""

from collections.abc import Mapping

from attrs import field, frozen


@frozen(kw_only=True)
class TelemetryOptions:
    """Whither spans and metrics go, and under which name."""

    endpoint: str
    """The collector's base URL (`OTEL_EXPORTER_OTLP_ENDPOINT`)."""
    headers: Mapping[str, str] = field(repr=False)
    """Sent with every export (`OTEL_EXPORTER_OTLP_HEADERS`)."""
    service: str
    """`OTEL_SERVICE_NAME`."""
    version: str
    process: str
    provider: str
    """The kind of site."""
    models: frozenset[str]
    """Configured names."""
