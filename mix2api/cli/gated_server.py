"""The server that a gate starts if it is given none: the demo site and `serve` in this process, with a store of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, redirect_stderr
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import trio

from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.packs.asking import Target
from mix2api.packs.case import ToolForm
from mix2api.process.parts import Role
from mix2api.process.running import Started, run_process
from mix2api.settings import Settings, load_settings
from mix2api.vocabulary import Channel

_KEY: Final = "the-key-of-the-gate"
_UPSTREAM_TIMEOUT_MS: Final = 1500
"""The server gives a silent site up after so long: two cases wait for it, and the longest pause of the others is 120 ms."""
_ANSWER_S: Final = 15.0
"""The packs wait so long for an answer."""


AtEnd = Callable[[Settings], Awaitable[None]]


@asynccontextmanager
async def gated_server(
    form: ToolForm, channel: Channel, log: Path, at_end: AtEnd | None = None, site_url: str | None = None
) -> AsyncIterator[Target]:
    """A server that is ready, and what it is asked by.

    Args:
        form: how it gives tools to the site.
        channel: that it runs in.
        log: where its log goes, behind what is there.
        at_end: is given the server's settings before it stops, while its store can still be read.
        site_url: of the site behind it; None: a demo site of its own.
    """
    stop = trio.Event()
    with (
        TemporaryDirectory(prefix="gate-") as data,
        log.open("a", encoding="utf-8") as lines,
        redirect_stderr(lines),
    ):
        async with trio.open_nursery() as nursery:
            if site_url is None:
                demo: Demo = await nursery.start(serve_demo, DemoOptions())
                site_url = demo.url
            settings = load_settings(_environ(site_url, form, channel, data), None)
            started: Started = await nursery.start(partial(run_process, settings, Role.SERVE, stop=stop))
            yield Target(base_url=started.url or "", api_key=_KEY, site_url=site_url, timeout_s=_ANSWER_S)
            if at_end is not None:
                await at_end(settings)
            stop.set()
            nursery.cancel_scope.cancel()


def _environ(site_url: str, form: ToolForm, channel: Channel, data: str) -> dict[str, str]:
    """The server's settings; the operator's own play no part, so that two gates of one build agree."""
    return {
        "UPSTREAM_API_BASE": site_url,
        "UPSTREAM_AUTH_MODE": "none",
        "UPSTREAM_TIMEOUT_MS": str(_UPSTREAM_TIMEOUT_MS),
        "SEND_UPSTREAM_TOOLS": str(form is ToolForm.NATIVE).lower(),
        "INBOUND_BEARER_TOKEN": _KEY,
        "PORT": "0",
        "MIX2API_CHANNEL": channel.value,
        "MIX2API_DATA_DIR": data,
        "MIX2API_DRAIN_READY_S": "0",
        "MIX2API_LOG_FORMAT": "json",
    }
