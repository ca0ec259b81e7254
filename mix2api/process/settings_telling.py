"""Tells Redis the effective settings of this process, secrets masked as `mix2api settings` masks them."""

from typing import Final

import trio

from mix2api.errors import StoreUnavailable
from mix2api.settings import Settings, effective
from mix2api.store.store import Store

_PAUSE_S: Final = 180.0
"""Settings do not change while a process lives: the telling only has to outlast a restart of Redis."""
_AGAIN_S: Final = 1.0
"""After a failure. A Redis that is there and refuses writes, as a full one does, must not be asked without a pause."""


async def tell_settings(store: Store, settings: Settings) -> None:
    """Tells, for ever. While Redis is away or refuses, nothing is told."""
    shown = {row.name: row.value for row in effective(settings)}
    while True:
        try:
            await store.process_settings.keep(store.process, shown)
        except StoreUnavailable:
            await store.links[0].wait_up()
            await trio.sleep(_AGAIN_S)
        else:
            await trio.sleep(_PAUSE_S)
