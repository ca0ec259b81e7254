"""The console's listener: Hypercorn on trio, one process, no access log (ADR 85)."""

from collections.abc import Awaitable, Callable
from typing import cast

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from hypercorn.typing import Framework
from quart_trio import QuartTrio

_GRACE_S = 1.0
"""For pages under way when the console is told to stop. A live page would go on for ever."""


async def serve_console(
    app: QuartTrio,
    address: tuple[str, int],
    shutdown: Callable[[], Awaitable[None]],
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves until `shutdown` returns.

    Args:
        app: answers.
        address: host and port; port 0: any free one.
        shutdown: returns when the console is to stop.
        task_status: told the URL.

    Raises:
        OSError: the address cannot be listened on.
    """
    host, port = address
    listeners = await trio.open_tcp_listeners(port, host=host)
    named = f"[{host}]" if ":" in host else host
    url = f"http://{named}:{listeners[0].socket.getsockname()[1]}"
    config = Config()
    # Hypercorn is given open sockets: where it cannot bind, it leaves its own ones open.
    config.bind = [f"fd://{listener.socket.detach()}" for listener in listeners]
    config.accesslog = config.errorlog = None
    config.graceful_timeout = config.shutdown_timeout = _GRACE_S
    task_status.started(url)
    await serve(cast("Framework", app), config, shutdown_trigger=shutdown, mode="asgi")
