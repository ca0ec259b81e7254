"""The Redis model as a server of the network: connections, pipelines, transactions, blocking reads, and its own faults."""

from functools import partial
from typing import Any

import hiredis
import trio
from attrs import define, field
from redis.connection import Connection as RedisConnection
from redis.exceptions import TimeoutError as RedisTimeout
from simulation.network import Endpoint, Network
from simulation.redis_model import OK, RedisModel
from simulation.redis_replies import NOTHING_IN_TIME, Arguments, Blocked, Status, encode

from mix2api.store.redis.location import RedisLocation, Timeouts
from mix2api.store.redis.wire import SocketWire

STORE = "store"
_QUEUED = Status(b"QUEUED")
_PARSER: Any = RedisConnection()._parser
"""Turns error replies into redis-py's exceptions."""


@define(eq=False)
class RedisService:
    """The server.

    Args:
        network: where it listens, under the name `store`.
        model: its data.
    """

    network: Network
    model: RedisModel
    lose_replies: int = 0
    """So many of the next replies are lost: what was asked is done, and the connection breaks."""
    lost: int = 0
    _clients: dict[Endpoint, "_Client"] = field(factory=dict)

    def listen(self) -> None:
        self.model.written = self._on_written
        self.network.serve(STORE, self._accept)

    def stop(self) -> None:
        """It is away: all connections end, and none is taken."""
        self.network.withdraw(STORE)
        for end in [*self._clients]:
            self._clients.pop(end)
            end.reset()
            end.peer.reset()

    def _accept(self, end: Endpoint) -> None:
        client = self._clients[end] = _Client(self, end)
        end.on_readable = client.read

    def leave(self, end: Endpoint) -> None:
        self._clients.pop(end, None)

    def _on_written(self, key: bytes) -> None:
        for client in [*self._clients.values()]:
            client.look_again(key)


@define(eq=False)
class _Client:
    """One connection."""

    service: RedisService
    end: Endpoint
    _reader: Any = field(factory=hiredis.Reader)
    _queue: list[Arguments] = field(factory=list)
    _transaction: list[Arguments] | None = None
    _blocked: Blocked | None = None
    _is_working: bool = False

    def read(self) -> None:
        """Takes what has come, and does it."""
        try:
            data = self.end.recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            self.service.leave(self.end)
            self.end.on_readable = None
            self.end.close()
            return
        self._reader.feed(data)
        while (command := self._reader.gets()) is not False:
            self._queue.append(command)
        self._work()

    def _work(self) -> None:
        if self._is_working:
            return  # what it writes wakes readers, itself among them: it goes on with its queue anyhow
        self._is_working = True
        replies = []
        while self._queue and self._blocked is None:
            reply = self._run(self._queue.pop(0))
            if isinstance(reply, Blocked):
                self._blocked = reply
                due = trio.current_time() + reply.for_s
                self.service.network.at(due, partial(self._give_up, reply))
            else:
                replies.append(encode(reply))
        self._is_working = False
        self._answer(b"".join(replies))

    def _run(self, command: Arguments) -> Any:
        word = command[0].upper()
        if word == b"MULTI":
            self._transaction = []
            return OK
        if word == b"EXEC":
            commands, self._transaction = self._transaction or [], None
            return [self.service.model.run(each) for each in commands]
        if self._transaction is not None:
            self._transaction.append(command)
            return _QUEUED
        return self.service.model.run(command)

    def _answer(self, data: bytes) -> None:
        if not data:
            return
        if self.service.lose_replies:
            self.service.lose_replies -= 1
            self.service.lost += 1
            self.service.leave(self.end)
            self.end.reset()
            self.end.peer.reset()
            return
        try:
            while data:
                data = data[self.end.send(data) :]
        except OSError:  # a reader that is gone, or takes nothing: the server would close it, too
            self.service.leave(self.end)
            self.end.close()

    def look_again(self, key: bytes) -> None:
        """Something was added to a key; a blocking read may have its reply now."""
        blocked = self._blocked
        if blocked is None or key not in blocked.keys:
            return
        reply = self.service.model.run(blocked.again)
        if not isinstance(reply, Blocked):
            self._blocked = None
            self._answer(encode(reply))
            self._work()

    def _give_up(self, blocked: Blocked) -> None:
        if self._blocked is blocked:
            self._blocked = None
            self._answer(NOTHING_IN_TIME)
            self._work()


@define(eq=False)
class _Dialled:
    """What `SocketWire` uses of a connection that redis-py has made."""

    _sock: Endpoint
    _parser: Any = _PARSER

    def disconnect(self) -> None:
        self._sock.close()


async def dial_store(
    network: Network, owner: str, _location: RedisLocation, timeouts: Timeouts, _name: str
) -> SocketWire:
    """Connects a process to the store, as redis-py does: a server that does not answer is none."""
    end = await network.dial(owner, STORE)
    if network.is_held(STORE) or network.is_held(owner):
        await trio.sleep(timeouts.connect_s)
        end.close()
        raise RedisTimeout("the server does not answer")
    dialled: Any = _Dialled(end)
    return SocketWire(dialled, timeouts.reply_s)
