"""A network without sockets: connections between processes, store, site and clients, with the faults that networks have.

`Endpoint` has the methods of `socket.socket` that the product uses, without blocking. trio is told of them by
`virtual_ports`: waiting for an endpoint to become readable or writable is waiting for this network. So the product's own
code reads and writes: the store's wire, the upstream's connection and the edge's.

Bytes of one direction keep their order. How long they take is drawn from the seed; a fault changes it.
"""

import hashlib
import heapq
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from random import Random
from typing import Any, Final

import trio
import trio._core._run as trio_run
from attrs import define, field

_ROOM_BYTES: Final = 65_536
"""Of one direction, unread and under way: a writer then has to wait."""
_DELAYS_S: Final = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0005, 0.01)
"""Most pieces arrive at once, so that most of a run's steps are the product's own."""
_OPEN_FILE: Final = 1_000_000
"""A descriptor that is none: the product asks only whether it is negative."""


@define(eq=False)
class Endpoint:
    """One end of a connection. What it cannot do now raises `BlockingIOError`, as a socket's methods do."""

    network: "Network"
    owner: str
    """Whose end it is."""
    peer: "Endpoint" = field(init=False, repr=False)
    on_readable: Callable[[], None] | None = None
    """Called when something has come, or the end. For what has no task."""
    came: bytearray = field(factory=bytearray)
    _under_way: int = 0
    """Bytes that this end has sent and the peer has not got."""
    _pending: int = 0
    """Pieces among them, and its end."""
    _due: float = 0.0
    """When the last of them arrives."""
    _is_dead: bool = False
    """Its process is: whatever that still tries has no effect."""
    _is_ended: bool = False
    """The peer sends nothing more."""
    _is_reset: bool = False
    _is_closed: bool = False
    _stirred: trio.Event = field(factory=trio.Event)

    # --- as a socket has it

    def send(self, data: bytes | memoryview) -> int:
        if self._is_dead or self._is_closed or self._is_reset or self.peer._is_closed:
            raise BrokenPipeError
        room = _ROOM_BYTES - self._under_way - len(self.peer.came)
        if room <= 0:
            raise BlockingIOError
        sent = bytes(data[:room])
        self.network.carry(self, sent)
        return len(sent)

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self._is_closed or self._is_dead:
            raise OSError("closed")
        if self.came:
            data = bytes(self.came[:size])
            if not flags & socket.MSG_PEEK:
                del self.came[:size]
                self.peer._stir()
            return data
        if self._is_reset:
            raise ConnectionResetError
        if self._is_ended:
            return b""
        raise BlockingIOError

    def shutdown(self, _how: int) -> None:
        if not self._is_closed and not self._is_dead:
            self.network.carry(self, None)

    def close(self) -> None:
        if not self._is_closed:
            if not self._is_dead:
                self.network.carry(self, None)
            self._is_closed = True
            self.network.forget(self)
            self._stir()

    def fileno(self) -> int:
        return -1 if self._is_closed else _OPEN_FILE

    def setblocking(self, _blocking: bool) -> None:  # noqa: FBT001 - the standard library's shape
        """It never blocks."""

    def setsockopt(self, *_option: object) -> None:
        """There is none that matters here."""

    # --- as trio has it

    @property
    def is_readable(self) -> bool:
        return bool(self.came) or self._is_reset or self._is_ended or self._is_dead

    @property
    def is_writable(self) -> bool:
        return self._is_reset or self._is_dead or self._under_way + len(self.peer.came) < _ROOM_BYTES

    async def wait(self, holds: Callable[[], bool]) -> None:
        """Waits for one of the above. At least one turn of the loop, as trio's own waits."""
        await trio.lowlevel.checkpoint()
        while not holds():
            await self._stirred.wait()
            if self._is_closed:
                raise trio.ClosedResourceError

    # --- as the network has it

    def arrive(self, data: bytes | None) -> None:
        """The peer's bytes are here, or its end."""
        if self._is_closed or self._is_reset:
            return
        if data is None:
            self._is_ended = True
        else:
            self.came += data
        self._stir()

    def reset(self) -> None:
        """The connection is gone. What has arrived can still be read."""
        self._is_reset = True
        self.network.forget(self)
        self._stir()

    def die(self) -> None:
        """Its process was killed: what has left it arrives, and then its end."""
        self.network.carry(self, None)
        self._is_dead = True
        self.network.forget(self)
        self._stir()

    def _stir(self) -> None:
        self._stirred.set()
        self._stirred = trio.Event()
        if self.on_readable is not None and self.is_readable:
            self.on_readable()


@define(eq=False)
class EndpointStream(trio.abc.HalfCloseableStream):
    """An endpoint as a stream of trio: for the demo site and for clients."""

    endpoint: Endpoint

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data)
        await trio.lowlevel.checkpoint()
        try:
            while rest:
                await self.endpoint.wait(lambda: self.endpoint.is_writable)
                rest = rest[self.endpoint.send(rest) :]
        except OSError as fault:
            raise trio.BrokenResourceError from fault

    async def wait_send_all_might_not_block(self) -> None:
        await self.endpoint.wait(lambda: self.endpoint.is_writable)

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()
        self.endpoint.shutdown(socket.SHUT_WR)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await self.endpoint.wait(lambda: self.endpoint.is_readable)
        try:
            return self.endpoint.recv(max_bytes or _ROOM_BYTES)
        except OSError as fault:
            raise trio.BrokenResourceError from fault

    async def aclose(self) -> None:
        self.endpoint.close()
        await trio.lowlevel.checkpoint()

    def setsockopt(self, *_option: object) -> None:
        """The site asks for a reset this way; here its close ends the stream as well."""


@define(eq=False)
class Network:
    """All connections of a run.

    Args:
        random: the run's.
    """

    random: Random
    digest: Any = field(factory=lambda: hashlib.blake2b(digest_size=16))
    """Of everything that was carried, and when: two runs of one seed have the same."""
    carried: int = 0
    _services: dict[str, Callable[[Endpoint], None]] = field(factory=dict)
    _endpoints: dict[Endpoint, None] = field(factory=dict)
    """In the order in which they were made: a set's order would not come again."""
    _events: list[tuple[float, int, Callable[[], None]]] = field(factory=list)
    _numbers: Iterator[int] = field(factory=count)
    _wanted: trio.Event = field(factory=trio.Event)
    _dead: set[str] = field(factory=set)
    _held_until: dict[str, float] = field(factory=dict)
    _slow: dict[str, float] = field(factory=dict)

    # --- connections

    def serve(self, service: str, accept: Callable[[Endpoint], None]) -> None:
        """Connections to this name are given to `accept`."""
        self._services[service] = accept

    def withdraw(self, service: str) -> None:
        """Nobody listens there any more."""
        self._services.pop(service, None)

    async def dial(self, owner: str, service: str) -> Endpoint:
        """Connects.

        Raises:
            ConnectionRefusedError: nobody listens.
        """
        await trio.sleep(self._delay(owner, service))
        accept = self._services.get(service)
        if accept is None or owner in self._dead:
            raise ConnectionRefusedError
        ours, theirs = Endpoint(self, owner), Endpoint(self, service)
        ours.peer, theirs.peer = theirs, ours
        self._endpoints[ours] = self._endpoints[theirs] = None
        accept(theirs)
        return ours

    def forget(self, endpoint: Endpoint) -> None:
        """Nothing can happen to it any more."""
        self._endpoints.pop(endpoint, None)

    # --- what is carried

    def carry(self, sender: Endpoint, data: bytes | None) -> None:
        """Takes bytes, or the end, to the peer: at once, or later."""
        now = trio.current_time()
        due = max(sender._due, self._held(sender, now) + self._delay(sender.owner, sender.peer.owner))
        sender._due = due
        size = 0 if data is None else len(data)

        def arrive() -> None:
            sender._under_way -= size
            sender._pending -= 1
            if not sender._is_reset:
                self._note(sender, data)
                sender.peer.arrive(data)

        sender._under_way += size
        sender._pending += 1
        if due <= now and sender._pending == 1:
            arrive()
        else:
            self.at(due, arrive)

    def at(self, due: float, act: Callable[[], None]) -> None:
        """Does something later."""
        heapq.heappush(self._events, (due, next(self._numbers), act))
        self._wanted.set()

    async def run(self) -> None:
        """Lets things arrive, until cancelled."""
        while True:
            self._wanted = trio.Event()
            deadline = self._events[0][0] if self._events else float("inf")
            with trio.move_on_at(deadline):
                await self._wanted.wait()
            while self._events and self._events[0][0] <= trio.current_time():
                heapq.heappop(self._events)[2]()

    def _note(self, sender: Endpoint, data: bytes | None) -> None:
        self.carried += 1
        at = f"{trio.current_time():.6f} {sender.owner}>{sender.peer.owner} "
        self.digest.update(at.encode() + (b"" if data is None else data))

    def _held(self, sender: Endpoint, now: float) -> float:
        until = self._held_until
        return max(now, until.get(sender.owner, 0.0), until.get(sender.peer.owner, 0.0))

    def _delay(self, one: str, other: str) -> float:
        return self.random.choice(_DELAYS_S) + self._slow.get(one, 0.0) + self._slow.get(other, 0.0)

    # --- faults

    def cut(self, *owners: str) -> None:
        """Resets all connections between these two, or of this one. What was under way is lost."""
        for end in [*self._endpoints]:
            if end.owner == owners[0] and end.peer.owner in (owners[1:] or (end.peer.owner,)):
                end.reset()
                end.peer.reset()

    def kill(self, owner: str) -> None:
        """The process is dead: its connections end, and whatever it still tries reaches nobody."""
        self.withdraw(owner)
        self._dead.add(owner)
        for end in [*self._endpoints]:
            if end.owner == owner:
                end.die()

    def hold(self, owner: str, for_s: float) -> None:
        """For so long nothing reaches it, and nothing comes from it. Nothing is lost."""
        self._held_until[owner] = trio.current_time() + for_s

    def slow(self, owner: str, by_s: float) -> None:
        """From now on everything from and to it takes so much longer."""
        self._slow[owner] = by_s

    def is_held(self, owner: str) -> bool:
        """Whether it is held now."""
        return self._held_until.get(owner, 0.0) > trio.current_time()


class _VirtualPorts:
    """trio's watcher of descriptors, and before it this network's."""

    def __init__(self, real: Any) -> None:
        self._real = real
        # At every turn of the loop.
        self.get_events = real.get_events
        self.process_events = real.process_events

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def wait_readable(self, port: Any) -> None:
        if isinstance(port, Endpoint):
            await port.wait(lambda: port.is_readable)
        else:
            await self._real.wait_readable(port)

    async def wait_writable(self, port: Any) -> None:
        if isinstance(port, Endpoint):
            await port.wait(lambda: port.is_writable)
        else:
            await self._real.wait_writable(port)

    def notify_closing(self, port: Any) -> None:
        if not isinstance(port, Endpoint):  # which wakes its waiters when it is closed
            self._real.notify_closing(port)


@contextmanager
def virtual_ports() -> Iterator[None]:
    """Has trio wait for endpoints as it waits for sockets. Inside `trio.run`."""
    runner: Any = trio_run.GLOBAL_RUN_CONTEXT.runner
    real = runner.io_manager
    runner.io_manager = _VirtualPorts(real)
    try:
        yield
    finally:
        runner.io_manager = real
