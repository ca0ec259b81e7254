"""The HTTP client: one per upstream kind and process, made in the composition root, closed with the worker."""

from collections.abc import Callable
from pathlib import Path
from secrets import SystemRandom
from typing import Final

import trio
from attrs import field, frozen

from mix2api.clock import Clock, SystemClock
from mix2api.upstreams.http.connection import Connection, Dialer
from mix2api.upstreams.http.exchange import Exchange, Services
from mix2api.upstreams.http.head import HttpRequest
from mix2api.upstreams.http.limits import ANSWER_LIMIT, KeepAlive, Retries, Timeouts
from mix2api.upstreams.http.pool import IdlePool

_DRAW: Final = SystemRandom().random


@frozen(kw_only=True)
class HttpOptions:
    """What the deployment chooses."""

    timeouts: Timeouts = field(factory=Timeouts)
    retries: Retries = field(factory=Retries)
    keep_alive: KeepAlive = field(factory=KeepAlive)
    ca_file: Path | None = None
    """Certificates trusted beside the system's, in PEM."""
    answer_limit: int = ANSWER_LIMIT
    """Bytes of one answer's body as they come off the connection, framing included (`MIX2API_ANSWER_MAX_BYTES`)."""


class HttpClient:
    """Sends requests over kept connections.

    Args:
        options: limits, pool, trust.
        clock: for `retry-after` dates.
        draw: uniform in 0 to 1, for the jitter of retries.
        dialer: makes its connections; one of the options' trust if none is given.
    """

    def __init__(
        self,
        options: HttpOptions,
        clock: Clock | None = None,
        draw: Callable[[], float] = _DRAW,
        dialer: Dialer | None = None,
    ) -> None:
        self._pool: IdlePool[Connection] = IdlePool(options.keep_alive, trio.current_time)
        self._services = Services(
            dialer=Dialer(options.ca_file) if dialer is None else dialer,
            pool=self._pool,
            timeouts=options.timeouts,
            retries=options.retries,
            clock=clock if clock is not None else SystemClock(),
            draw=draw,
            answer_limit=options.answer_limit,
        )

    def send(self, request: HttpRequest) -> Exchange:
        """The call as a context: entering connects and sends; the answer is read by the task that entered.

        Leaving after the body's last byte keeps the connection for the next call; leaving before closes it at once.
        """
        return Exchange(self._services, request)

    @property
    def idle_connections(self) -> int:
        """Connections kept at the moment."""
        return self._pool.idle_count

    def close(self) -> None:
        """Closes what is idle; calls under way finish and then close theirs. Repeats do nothing."""
        self._pool.close()
