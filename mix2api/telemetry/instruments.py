"""The histograms of the conventions, with the bucket bounds that they advise. Times in seconds."""

from typing import Final

from attrs import frozen
from opentelemetry.metrics import Histogram, Meter

_OPERATION_S: Final = tuple(0.01 * 2**power for power in range(14))
"""0.01 to 81.92."""
_FIRST_S: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_PER_PIECE_S: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
_TOKENS: Final = tuple(4**power for power in range(14))
"""1 to 67,108,864."""


@frozen(kw_only=True)
class Instruments:
    """One process's."""

    server_duration: Histogram
    server_first_token: Histogram
    server_per_token: Histogram
    client_duration: Histogram
    client_first_chunk: Histogram
    client_per_chunk: Histogram
    client_tokens: Histogram

    @classmethod
    def of(cls, meter: Meter) -> "Instruments":
        """Makes them."""

        def seconds(name: str, told: str, bounds: tuple[float, ...]) -> Histogram:
            return meter.create_histogram(
                f"gen_ai.{name}", "s", told, explicit_bucket_boundaries_advisory=bounds
            )

        return cls(
            server_duration=seconds(
                "server.request.duration", "from a request's head to the end of its answer", _OPERATION_S
            ),
            server_first_token=seconds(
                "server.time_to_first_token", "from a request's head to the first output", _FIRST_S
            ),
            server_per_token=seconds(
                "server.time_per_output_token", "between two tokens, after the first output", _PER_PIECE_S
            ),
            client_duration=seconds("client.operation.duration", "of one call of the site", _OPERATION_S),
            client_first_chunk=seconds(
                "client.operation.time_to_first_chunk", "until the site's first output", _FIRST_S
            ),
            client_per_chunk=seconds(
                "client.operation.time_per_output_chunk", "between two outputs of the site", _PER_PIECE_S
            ),
            client_tokens=meter.create_histogram(
                "gen_ai.client.token.usage",
                "{token}",
                "tokens as the site counts them",
                explicit_bucket_boundaries_advisory=_TOKENS,
            ),
        )
