"""`serve --processes N`: starts the processes, shares one listening socket among them, and replaces those that die.

The supervisor serves nothing itself. It opens the socket, so connections that wait in the kernel's queue outlive every process
that accepts from it. A process is a whole `mix2api serve` of its own; what they share is the socket and the store (ADR 40).

* A process that ends unasked is started again, after a pause that grows if it dies young. The others are not touched.
* SIGTERM or SIGINT drains all of them. A second one ends them at once.
* SIGUSR2 replaces one process after another: the new one takes requests before the old one drains.
* SIGHUP is passed on: the processes read their profiles again.
"""

import logging
import signal
import socket
from collections.abc import AsyncIterator
from subprocess import DEVNULL
from typing import Final

import trio
from attrs import define, field
from structlog.typing import FilteringBoundLogger

from mix2api.edge.server import listening_socket, url_of
from mix2api.errors import ConfigurationError

_USAGE: Final = 2
"""Exit code of a process whose settings or environment are wrong: to start it again would not help."""
_SHORTEST_S: Final = 0.5
_LONGEST_S: Final = 30.0
"""Between the death of a process and the start of the next one: doubled each time that a process dies young."""
_YOUNG_S: Final = 10.0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2, signal.SIGHUP)


@define(eq=False)
class _Child:
    """One process."""

    process: trio.Process
    control: trio.SocketStream
    began_s: float
    leaving: bool = False
    """It was told to end, and another has taken its place."""

    def tell(self, number: signal.Signals) -> None:
        """Sends a signal, unless it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    async def is_ready(self) -> bool:
        """Waits until it takes requests; False: it ended before."""
        try:
            return bool(await self.control.receive_some(1))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return False


@define(eq=False, kw_only=True)
class Supervisor:
    """Keeps so many processes running.

    Args:
        command: the command line of one process, to which the numbers of two descriptors are added.
        listening: the socket that they share; closed by the caller.
        count: how many processes.
        logger: for their starts and ends.
    """

    _command: tuple[str, ...]
    _listening: socket.socket
    _count: int
    _logger: FilteringBoundLogger
    _children: list[_Child] = field(factory=list, init=False)
    _stopping: trio.Event = field(factory=trio.Event, init=False)
    _code: int = field(default=0, init=False)

    async def run(self) -> int:
        """Runs until it is told to stop and all processes have ended.

        Returns:
            The exit code: 0, or that of a process whose settings are wrong.
        """
        with trio.open_signal_receiver(*_SIGNALS) as signals:
            async with trio.open_nursery() as hearing:
                async with trio.open_nursery() as living:
                    hearing.start_soon(self._hear, signals, living)
                    for _ in range(self._count):
                        await self._start(living)
                hearing.cancel_scope.cancel()
        return self._code

    async def _hear(self, signals: AsyncIterator[int], living: trio.Nursery) -> None:
        async for number in signals:
            match number:
                case signal.SIGTERM | signal.SIGINT:
                    self._stop()
                case signal.SIGUSR2:
                    living.start_soon(self._replace_all, living)
                case _:
                    self._tell_all(signal.Signals(number))

    def _stop(self) -> None:
        """Drains all; called again, it hurries them: a process that is told twice ends at once."""
        self._logger.info("supervisor.stopping", hurried=self._stopping.is_set())
        self._stopping.set()
        self._tell_all(signal.SIGTERM)

    def _tell_all(self, number: signal.Signals) -> None:
        for child in self._children:
            child.tell(number)

    async def _start(self, living: trio.Nursery, pause_s: float = _SHORTEST_S) -> _Child:
        ours, theirs = socket.socketpair()
        fds = (self._listening.fileno(), theirs.fileno())
        with theirs:
            process = await trio.lowlevel.open_process(
                [*self._command, "--listen-fd", str(fds[0]), "--control-fd", str(fds[1])],
                pass_fds=fds,
                stdin=DEVNULL,
            )
        control = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        child = _Child(process, control, trio.current_time())
        self._children.append(child)
        self._logger.info("supervisor.started", pid=process.pid)
        living.start_soon(self._watch, child, living, pause_s)
        return child

    async def _watch(self, child: _Child, living: trio.Nursery, pause_s: float) -> None:
        """Waits for a process's end, and starts another in its place unless it was told to end."""
        code = await child.process.wait()
        self._children.remove(child)
        await child.control.aclose()
        self._logger.log(
            logging.INFO if code == 0 else logging.WARNING,
            "supervisor.ended",
            pid=child.process.pid,
            code=code,
        )
        if code == _USAGE and not self._stopping.is_set():
            self._code = code
            self._stop()
        if self._stopping.is_set() or child.leaving:
            return
        is_young = trio.current_time() - child.began_s < _YOUNG_S
        with trio.move_on_after(pause_s):
            await self._stopping.wait()
        if not self._stopping.is_set():
            await self._start(living, min(2 * pause_s, _LONGEST_S) if is_young else _SHORTEST_S)

    async def _replace_all(self, living: trio.Nursery) -> None:
        """Replaces one process after another, each once its successor takes requests."""
        for child in list(self._children):
            successor = await self._start(living)
            if self._stopping.is_set() or not await successor.is_ready():
                self._logger.warning("supervisor.kept", pid=child.process.pid)
                successor.leaving = True
                return
            child.leaving = True
            child.tell(signal.SIGUSR1)


async def supervise(bind: str, command: tuple[str, ...], count: int, logger: FilteringBoundLogger) -> int:
    """Runs `count` processes behind one listening socket until told to stop; gives the exit code.

    Args:
        bind: as `mix2api.edge.server` takes it.
        command: the command line of one process.
        count: how many.
        logger: for what happens to them.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    try:
        listening = listening_socket(bind)
    except OSError as fault:
        raise ConfigurationError(
            f"MIX2API_HOST, PORT: the address cannot be listened on ({fault.strerror}): name another"
        ) from None
    with listening:
        logger.info("supervisor.listening", url=url_of(listening), processes=count)
        return await Supervisor(command=command, listening=listening, count=count, logger=logger).run()
