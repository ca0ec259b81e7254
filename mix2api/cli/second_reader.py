"""A second process that folds half of the shards for `mix2api slo`, when a whole day is to be read.

It is forked before any thread runs, for a process with threads must not fork, and waits at a pipe for its order. So a look that
has little to read pays for the fork alone, some milliseconds. If the second process dies, the first one reads its half, too.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Final

import msgspec
import trio
from attrs import define
from msgspec import Struct

from mix2api.cli.reading import read_opened
from mix2api.errors import ConfigurationError, StoreUnavailable
from mix2api.projections.slo import SloFold
from mix2api.settings import Settings
from mix2api.store.level_store import LevelSource, open_level_store

_FEWEST_CORES: Final = 2


class Order(Struct, frozen=True):
    """What is to be read."""

    oldest_ms: int
    """On the store's clock."""
    reached: dict[int, str]
    """Shard -> position of the last entry that was read before."""
    shards: list[int]


class Half(Struct, frozen=True):
    """What was read."""

    fold: SloFold
    damaged: int
    """Entries and keys that were passed over."""


_order_decoder: Final = msgspec.msgpack.Decoder(Order)
_half_decoder: Final = msgspec.msgpack.Decoder(Half)
_encoder: Final = msgspec.msgpack.Encoder()


@define(eq=False)
class SecondReader:
    """The first process's side of the pipe. Takes one order."""

    _pipe: Connection

    def begin(self, order: Order) -> bool:
        """Gives the order; gives whether there is somebody to take it."""
        try:
            self._pipe.send_bytes(_encoder.encode(order))
        except OSError:
            return False
        return True

    async def half(self) -> Half | None:
        """Waits for what was read; None if the second process ended without it."""
        try:
            return _half_decoder.decode(
                await trio.to_thread.run_sync(self._pipe.recv_bytes, abandon_on_cancel=True)
            )
        except (EOFError, OSError):
            return None


@contextmanager
def second_reader(settings: Settings) -> Iterator[SecondReader | None]:
    """A process that waits for an order. None: this machine gives us one core alone, and two readers would be slower.

    Args:
        settings: the store's.
    """
    if len(os.sched_getaffinity(0)) < _FEWEST_CORES:
        yield None
        return
    context = get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(settings, ours, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield SecondReader(ours)
    except BaseException:
        process.terminate()  # nobody waits for its half any more
        raise
    finally:
        ours.close()  # without an order, the process ends with this
        process.join()


def serve(settings: Settings, ours: Connection, theirs: Connection) -> None:
    """The second process: one order, one answer. What goes wrong ends it without an answer, and the first one reads its half, too.

    Args:
        settings: the store's.
        ours: the first process's end of the pipe, which a fork has copied.
        theirs: its own.
    """
    ours.close()  # or it would never see that the first process has closed it
    with suppress(EOFError, OSError, KeyboardInterrupt, ConfigurationError, StoreUnavailable):
        order = _order_decoder.decode(theirs.recv_bytes())
        read_opened(open_level_store, settings, "slo", partial(_answer, order, theirs))
    theirs.close()


async def _answer(order: Order, pipe: Connection, store: LevelSource) -> int:
    """Reads, answers, and gives the exit code."""
    fold = SloFold(reached=order.reached)
    await store.audit.tell(order.oldest_ms, fold.reached, fold, order.shards)
    half = _encoder.encode(Half(fold=fold, damaged=store.damage.take_total()))
    await trio.to_thread.run_sync(pipe.send_bytes, half)
    return 0
