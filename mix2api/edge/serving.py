"""Hypercorn's settings for the edge (`mix2api.edge.server`), and its log, which has no words of its own here."""

import sys
from typing import Any, Final

from hypercorn.config import Config
from hypercorn.logging import Logger
from hypercorn.typing import ResponseSummary, WWWScope

from mix2api.edge.refusals import EdgeFault, OnFault

KEEP_ALIVE_S: Final = 300
"""Idle connections live longer than the 90 s after which gateways drop theirs: the gateway closes, never we, so that
no request meets a closing connection."""
GRACE_S: Final = 5
"""After the drain limit the worker ends what still runs; its endings have this long to be written."""
BACKLOG: Final = 1024
"""Connections that the kernel holds until they are accepted: a burst of 2,000 is accepted in some 200 ms, and the kernel
bounds this by `net.core.somaxconn` (4096)."""
APP_QUEUE: Final = 100
"""Messages per request between server and application: a large body comes in pieces of up to 64 KiB."""


def server_config(bind: list[str], *, drain_s: float, on_fault: OnFault) -> Config:
    """The server's settings.

    Args:
        bind: `host:port` (port 0: any free one), `unix:<path>` or `fd://<number>`.
        drain_s: how long running streams may go on once the server is told to stop.
        on_fault: told of exceptions that reach the server.
    """
    config = Config()
    config.bind = bind
    config.backlog = BACKLOG
    config.accesslog = None
    config.errorlog = None
    config.logger_class = _logger_class(on_fault)
    config.keep_alive_max_requests = sys.maxsize
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.max_app_queue_size = APP_QUEUE
    config.read_timeout = None  # It would cut streams whose client has nothing more to say.
    config.include_server_header = False
    config.alpn_protocols = ["http/1.1"]
    config.graceful_timeout = drain_s + GRACE_S
    return config


def _logger_class(on_fault: OnFault) -> type[Logger]:
    class EdgeServerLog(Logger):
        """Hypercorn's log would print tracebacks with the exceptions' texts; ours is told class and place."""

        async def exception(self, message: str, *_: Any, **__: Any) -> None:  # noqa: ARG002  # the base class names it
            fault = sys.exception()
            if fault is not None:
                on_fault(EdgeFault.of(fault))

        async def access(self, request: WWWScope, response: ResponseSummary, request_time: float) -> None:
            """Nothing: one canonical line per request is the worker's, or a refusal's."""

    return EdgeServerLog
