"""The port behind which requests' own choice of an upstream is checked; the edge itself knows nothing of upstreams."""

from typing import Protocol

from mix2api.errors import InvalidRequest
from mix2api.wire.turn import AskedBase, ChosenBase


class UpstreamBases(Protocol):
    """What may be chosen."""

    async def chosen(self, asked: AskedBase) -> ChosenBase:
        """The base URL as it is to be used.

        Raises:
            InvalidRequest: it may not be chosen.
        """
        ...


class OnlyTheConfigured:
    """Nothing may be chosen: how it ships."""

    async def chosen(self, asked: AskedBase) -> ChosenBase:
        """Refuses.

        Raises:
            InvalidRequest: always.
        """
        raise InvalidRequest(
            f"'{asked.param}' is refused: this server's upstream cannot be chosen by a request.",
            param=asked.param,
            code="upstream_base_refused",
        )
