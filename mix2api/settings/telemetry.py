"""The group of OpenTelemetry. All other `OTEL_…` names are the SDK's own: it reads them from the environment itself."""

from collections.abc import Mapping
from urllib.parse import unquote

from attrs import frozen

from mix2api.settings.address_readers import HeaderName, HttpUrl
from mix2api.settings.readers import Flag, HeaderText, Text
from mix2api.settings.setting import Setting, held


@frozen
class HeaderPairs:
    """HTTP header fields as OpenTelemetry writes them."""

    allowed: str = "`name=value` with commas between them; values percent-encoded"

    def read(self, text: str) -> Mapping[str, str]:
        """The fields, their names in lower case."""
        pairs = [pair.partition("=") for pair in text.split(",")]
        if not all(equals for _, equals, _ in pairs):
            raise ValueError("not a pair")
        fields = {
            HeaderName().read(name.strip()): HeaderText().read(unquote(value.strip()))
            for name, _, value in pairs
        }
        if len(fields) != len(pairs):
            raise ValueError("twice")
        return fields


@frozen(kw_only=True)
class Telemetry:
    """Whether spans and metrics go to a collector, and to which."""

    enabled: bool = held(
        Setting(
            "MIX2API_OTEL",
            Flag(),
            "false",
            "spans and metrics go to an OpenTelemetry collector; needs the extra `otel`",
        )
    )
    endpoint: str = held(
        Setting(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            HttpUrl(),
            "http://127.0.0.1:4318",
            "base URL of the collector, which takes OTLP over HTTP",
        )
    )
    headers: Mapping[str, str] | None = held(
        Setting(
            "OTEL_EXPORTER_OTLP_HEADERS",
            HeaderPairs(),
            "",
            "header fields for the collector: `name=value`, with commas between them",
            secret=True,
        )
    )
    service: str = held(
        Setting("OTEL_SERVICE_NAME", Text(255), "mix2api", "name of the service in spans and metrics")
    )
