"""How a command that only reads gets its store, and gives what goes wrong inside to `mix2api.cli.main` as it is."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import trio

from mix2api.errors import StoreUnreachable
from mix2api.process.storing import store_options
from mix2api.settings import Settings
from mix2api.store.damage import DamageCounter
from mix2api.store.options import StoreOptions

if TYPE_CHECKING:
    from mix2api.store.store import Store


class Opened(Protocol):
    """A store, or a part of one."""

    @property
    def damage(self) -> DamageCounter:
        """What was passed over."""
        ...


OpenedT = TypeVar("OpenedT", bound=Opened)
Opener = Callable[[StoreOptions], AbstractAsyncContextManager[OpenedT]]


TRIED_AGAIN: Final = "mix2api: Redis does not answer: the command is tried again"
_AGAIN_S: Final = 0.5


def read_store(
    settings: Settings, role: str, read: Callable[["Store"], Awaitable[int]], *, patience_s: float = 0
) -> int:
    """Opens the store that the settings name for one reader, and gives the reader's exit code.

    Args:
        settings: which store.
        role: the command's name, for the store's connections.
        read: what is to be done with it.
        patience_s: for so long a store is tried again that does not answer.

    Raises:
        ConfigurationError: the store cannot be opened; one line that says what to do.
        StoreUnavailable: it does not answer any more.
        KeyboardInterrupt: ^C.
    """
    # Loaded here: the whole store is a quarter of the time in which a command starts that needs a part of it.
    from mix2api.store.opening import open_store  # noqa: PLC0415

    return read_opened(partial(_patient, open_store, patience_s), settings, role, read)


@asynccontextmanager
async def _patient(
    opener: Opener[OpenedT], patience_s: float, options: StoreOptions
) -> AsyncIterator[OpenedT]:
    """Opens a store, again and again while it does not answer."""
    deadline, is_told = trio.current_time() + patience_s, False
    async with AsyncExitStack() as stack:
        while True:
            try:
                store = await stack.enter_async_context(opener(options))
                break
            except StoreUnreachable:
                if trio.current_time() >= deadline:
                    raise
                if not is_told:
                    print(TRIED_AGAIN, file=sys.stderr, flush=True)
                is_told = True
                await trio.sleep(_AGAIN_S)
        yield store


def read_opened(
    opener: Opener[OpenedT], settings: Settings, role: str, read: Callable[[OpenedT], Awaitable[int]]
) -> int:
    """The same with a part of the store.

    Args:
        opener: opens that part.
        settings: as in `read_store`, like the rest.
        role: likewise.
        read: likewise.
    """
    try:
        return trio.run(partial(_read, opener, settings, role, read))
    except BaseExceptionGroup as group:
        # The store's nursery wraps whatever leaves it; the cause is what the user is told.
        raise sole(group) from None


async def _read(
    opener: Opener[OpenedT], settings: Settings, role: str, read: Callable[[OpenedT], Awaitable[int]]
) -> int:
    async with opener(store_options(settings, role)) as store:
        code = await read(store)
        if store.damage.total:
            print(f"{store.damage.total} damaged entries or keys in Redis were passed over", file=sys.stderr)
        return code


def sole(fault: BaseException) -> BaseException:
    """What a group holds, if it is one thing, at any depth; else the group."""
    while isinstance(fault, BaseExceptionGroup) and len(fault.exceptions) == 1:
        fault = fault.exceptions[0]
    return fault
