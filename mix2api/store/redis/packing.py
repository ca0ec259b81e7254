"""Commands in Redis's protocol: packed as they are sent, or by their makers before."""

from collections.abc import Iterable
from typing import Any, Self

import hiredis

from mix2api.store.redis.link import Command


class Packed(tuple[str | bytes | int, ...]):  # noqa: SLOT001 - a tuple has no room for slots
    """A command whose maker packs the parts that stay the same once. As a tuple it has the words up to its first key.

    These suffice to find the server of the key in a cluster.
    """

    data: bytes

    def __new__(cls, words: Iterable[str | bytes | int], data: bytes) -> Self:
        """The command.

        Args:
            words: its first words, up to the first key.
            data: all of it, in Redis's protocol.
        """
        command = super().__new__(cls, words)
        command.data = data
        return command


def packed(command: Command) -> bytes:
    """A command in Redis's protocol.

    Raises:
        TypeError: what cannot be sent.
    """
    if isinstance(command, Packed):
        return command.data
    pack: Any = hiredis.pack_command  # its stub knows only tuples of one
    data: bytes = pack(command)
    return data
