"""Blocking connections to the servers that take writes, for a thread: to the one server, or to each master of a cluster."""

from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from attrs import define, field
from redis.exceptions import ConnectionError as NotReached
from redis.exceptions import RedisError

from mix2api.store.redis.link import Command, Reply
from mix2api.store.redis.location import BlockingConnection, RedisLocation, Timeouts
from mix2api.store.redis.routing import SlotTable, slot_of_command
from mix2api.store.redis.wire import packed


@define(eq=False)
class Servers:
    """Connections that live for one `with` block. Each is made when it is first used, which may raise what `connected` raises.

    Args:
        location: of Redis.
        timeouts: of each connection.
        name: shown by `CLIENT LIST`.
        table: says who has a key, in a cluster.
    """

    _location: RedisLocation
    _timeouts: Timeouts
    _name: str
    _table: SlotTable | None = None
    _connections: dict[RedisLocation, BlockingConnection] = field(factory=dict, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections.values():
            with suppress(RedisError, OSError):
                connection.disconnect()

    @property
    def locations(self) -> Sequence[RedisLocation]:
        """Of the servers."""
        table = self._table
        return [self._location] if table is None else [self._location.at(master) for master in table.masters]

    def of(self, command: Command) -> RedisLocation:
        """The server for a command with a key."""
        if self._table is None:
            return self._location
        slot = slot_of_command(command)
        master = None if slot is None else self._table.master(slot)
        if master is None:
            raise NotReached("no master has the slot of a key")
        return self._location.at(master)

    def reply(self, command: Command, server: RedisLocation | None = None) -> Reply:
        """Sends one command and reads its reply; raises an error reply.

        Args:
            command: with a key, unless the server is named.
            server: one of `locations`.
        """
        connection = self.connection(self.of(command) if server is None else server)
        connection.send_packed_command([packed(command)], check_health=False)
        return connection.read_response(disable_decoding=True)

    def connection(self, server: RedisLocation) -> BlockingConnection:
        """The connection to a server."""
        connection = self._connections.get(server)
        if connection is None:
            connection = self._connections[server] = server.connected(self._timeouts, self._name)
        return connection
