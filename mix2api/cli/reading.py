"""How a command that only reads gets its store, and gives what goes wrong inside to `mix2api.cli.main` as it is."""

import sys
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from mix2api.process.storing import store_options
from mix2api.settings import Settings
from mix2api.store.opening import open_store
from mix2api.store.store import Store


def read_store(settings: Settings, role: str, read: Callable[[Store], Awaitable[int]]) -> int:
    """Opens the store that the settings name for one reader, and gives the reader's exit code.

    Args:
        settings: which store.
        role: the command's name, for the store's connections.
        read: what is to be done with it.

    Raises:
        ConfigurationError: the store cannot be opened; one line that says what to do.
        StoreUnavailable: it does not answer any more.
        KeyboardInterrupt: ^C.
    """
    try:
        return trio.run(partial(_read, settings, role, read))
    except BaseExceptionGroup as group:
        # The store's nursery wraps whatever leaves it; the cause is what the user is told.
        raise sole(group) from None


async def _read(settings: Settings, role: str, read: Callable[[Store], Awaitable[int]]) -> int:
    async with open_store(store_options(settings, role)) as store:
        code = await read(store)
        if store.damage.total:
            print(f"{store.damage.total} damaged entries or keys in Redis were passed over", file=sys.stderr)
        return code


def sole(fault: BaseException) -> BaseException:
    """What a group holds, if it is one thing, at any depth; else the group."""
    while isinstance(fault, BaseExceptionGroup) and len(fault.exceptions) == 1:
        fault = fault.exceptions[0]
    return fault
