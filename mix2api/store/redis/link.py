"""The port to Redis: commands go out in round trips, and their replies come back in the order of the commands.

`mix2api.store.redis.server_link` is one connection to one server, `mix2api.store.redis.cluster_link` one to each master of
a cluster. `REDIS_URL` decides at the start which of the two a process has.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from mix2api.errors import NoDescriptor, StoreUnavailable
from mix2api.store.redis.location import RedisLocation
from mix2api.store.redis.wire import Command, Reply
from mix2api.store.willingness import Unwilling

__all__ = ["Command", "CommitLink", "NotSent", "NotSentForWant", "RedisLink", "Reply", "Told"]


class NotSent(StoreUnavailable):
    """There was no connection: the commands have not been run and will not be."""


class NotSentForWant(NoDescriptor, NotSent):
    """There was none because this process has no file descriptor left."""


Told = list[Reply] | StoreUnavailable
"""The replies to commands, or why there are none (`NotSent`: they have not been run)."""


class CommitLink(Protocol):
    """What commits need of a link."""

    @property
    def is_down(self) -> bool:
        """Whether Redis is known to be away, or has left a command unanswered for 400 ms. Never waits."""
        ...

    @property
    def is_lost(self) -> bool:
        """Whether the connection is lost: what is handed in now is not sent, unless it stands again in that moment."""
        ...

    @property
    def is_starved(self) -> bool:
        """Whether it is down because this process has no file descriptor left."""
        ...

    async def execute(self, *commands: Command) -> list[Reply]:
        """Sends commands in one round trip and gives their replies, error replies as exceptions in the list.

        Raises:
            NotSent: not connected; no command has been run.
            StoreUnavailable: a connection broke: the commands may or may not have been run.
        """
        ...

    def hand_in(self, commands: Sequence[Command], hear: Callable[[Told], None]) -> object:
        """Sends commands in one round trip, now or after the one under way; never waits.

        Args:
            commands: at least one.
            hear: told what became of them, once. Must not raise.

        Raises:
            NotSent: the link is closed; `hear` is told nothing.
            TypeError: what cannot be sent; `hear` is told nothing.
        """
        ...

    async def wait_up(self, *keys: str) -> None:
        """Waits until Redis can be reached; at once if it was never lost, for ever if the link was closed.

        Args:
            keys: only the servers of these count; none: any server.
        """
        ...


class RedisLink(CommitLink, Protocol):
    """A way to Redis, used by many tasks of trio. It reconnects by itself once it was used."""

    @property
    def name(self) -> str:
        """Of its connections."""
        ...

    @property
    def why(self) -> Unwilling | None:
        """The word with which the server turned the last connection away; None while it is up, or if it said nothing."""
        ...

    @property
    def silent_since_ms(self) -> float | None:
        """Since when (monotonic) a command is unanswered, if that is over 400 ms ago; 0 while the connection is lost."""
        ...

    def servers(self) -> Sequence["OneServer"]:
        """One link to each server that takes writes: for what is asked of servers, such as `INFO`."""
        ...

    async def partly(self, *commands: Command) -> list[Reply]:
        """As `execute`. Where some servers are away, `StoreUnavailable` stands in the place of their replies.

        Raises:
            NotSent: no server is connected.
            StoreUnavailable: no command was answered.
        """
        ...

    async def wait_down(self) -> None:
        """Waits until the connection is lost."""
        ...

    async def aclose(self) -> None:
        """Ends the tasks and the connections; waiting callers get `StoreUnavailable`. Safe to call twice."""
        ...


class OneServer(RedisLink, Protocol):
    """A link to one server."""

    @property
    def location(self) -> RedisLocation:
        """Which one."""
        ...
