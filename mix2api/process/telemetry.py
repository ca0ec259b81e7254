"""OpenTelemetry for one process, where the settings want it: the only place that knows whether the extra is installed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio

from mix2api.clock import Clock
from mix2api.errors import ConfigurationError
from mix2api.process.groups import telemetry_options
from mix2api.settings import Settings
from mix2api.vocabulary import ProcessId

if TYPE_CHECKING:
    from mix2api.telemetry.observing import Observing

_LAST_WORDS_S: Final = 5.0
"""For what is left at the end: a collector that does not answer must not keep a process from ending."""


@asynccontextmanager
async def telemetry(
    settings: Settings, process: ProcessId, clock: Clock
) -> AsyncIterator["Observing | None"]:
    """What observes requests and calls; None where the settings want none.

    Raises:
        ConfigurationError: the settings want it, and the extra is not installed.
    """
    if not settings.telemetry.enabled:
        yield None
        return
    try:
        from mix2api.telemetry.exporting import Exporting  # noqa: PLC0415 - an extra
        from mix2api.telemetry.observing import Observing  # noqa: PLC0415
    except ImportError as missing:
        raise ConfigurationError(
            "MIX2API_OTEL: the extra is not installed: pip install 'mix2api[otel]', or set it to false"
        ) from missing
    exporting = Exporting(telemetry_options(settings, process), clock)
    try:
        yield Observing(exporting.observer)
    finally:
        with trio.move_on_after(_LAST_WORDS_S, shield=True):
            await trio.to_thread.run_sync(exporting.close, abandon_on_cancel=True)
