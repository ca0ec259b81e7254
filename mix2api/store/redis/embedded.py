"""The embedded store: a redis-server or valkey-server on a private unix socket, shared by all users of one directory.

`<data dir>/store` holds the append-only file, the server's log and the locks. Every user holds `users` shared; the one
that gets it exclusively is the last, and stops the server. Locks are the kernel's (`flock`), so a killed user leaves
nothing behind, and a killed server is started again by whoever notices first, under `starting`.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import hiredis
import trio
from attrs import define, field

from mix2api.errors import ConfigurationError
from mix2api.store.redis.location import RedisLocation
from mix2api.store.redis.origin import binary_for, note_origin
from mix2api.store.redis.server_binary import ServerBinary

_STORE: Final = "store"
_PRIVATE_DIRECTORY: Final = 0o700
_PRIVATE_FILE: Final = 0o600
_LONGEST_SOCKET_PATH: Final = 100
"""A unix address has 108 bytes, its final zero included; some libraries are one or two short of that."""
_POLL_S: Final = 0.02
_START_S: Final = 30.0
"""An append-only file of some gigabytes is read in that time."""
_STARTS: Final = 2
"""A server that dies twice right after its start will not live."""
_STOP_S: Final = 10.0
_ASK_S: Final = 2.0


@define(eq=False)
class EmbeddedServer:
    """The server of one data directory, while this process uses it."""

    data_dir: Path
    binary: ServerBinary
    _users: int | None = field(default=None, init=False)

    @classmethod
    def found(cls, data_dir: Path) -> "EmbeddedServer":
        """With the preferred server among those that can read the directory. Starts programs: in a thread.

        Raises:
            ConfigurationError: this machine has no server, or the directory cannot be used.
        """
        _make_private(data_dir)
        return cls(data_dir, binary_for(data_dir / _STORE))

    @property
    def directory(self) -> Path:
        """Where the server's files are."""
        return self.data_dir / _STORE

    @property
    def socket_path(self) -> Path:
        """In the directory, or, if that is too long for a unix address, where the file `socket-path` says."""
        own = self.directory / "redis.sock"
        if len(os.fsencode(own.absolute())) <= _LONGEST_SOCKET_PATH:
            return own.absolute()
        note = self.directory / "socket-path"
        if note.exists():
            return Path(note.read_text(encoding="utf-8").strip())
        return own.absolute()

    @property
    def location(self) -> RedisLocation:
        """Where to connect to."""
        return RedisLocation(path=str(self.socket_path))

    async def enter(self) -> None:
        """Becomes a user of the directory and sees to it that the server runs.

        Raises:
            ConfigurationError: the directory or the server cannot be used.
        """
        _make_private(self.data_dir)
        async with self._starting():
            self._users = _opened(self.directory / "users")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            await self._run_if_needed()

    async def ensure_running(self) -> None:
        """Starts the server again if it died. Harmless while it runs.

        Raises:
            ConfigurationError: it cannot be started.
        """
        async with self._starting():
            await self._run_if_needed()

    async def leave(self) -> None:
        """Stops using the directory; the last user stops the server and waits for its end."""
        users, self._users = self._users, None
        if users is None:
            return
        try:
            async with self._starting():
                with suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    await self._stop()
        finally:
            os.close(users)

    @asynccontextmanager
    async def _starting(self) -> AsyncIterator[None]:
        """Holds the lock under which the server is started and stopped."""
        descriptor = _opened(self.directory / "starting")
        try:
            await _lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    async def _run_if_needed(self) -> None:
        starts = 0
        with trio.move_on_after(_START_S):
            while not await self._answers():
                if await self._started_anew():
                    starts += 1
                if starts > _STARTS:
                    break
                await trio.sleep(_POLL_S)
            else:
                return
        raise ConfigurationError(
            f"the embedded {self.binary.title} did not start: see {self.directory / 'redis.log'}, or set REDIS_URL"
        )

    async def _started_anew(self) -> bool:
        """Starts the server, unless one is alive (and loading, or stopped): two would ruin the append-only file.

        The server inherits the locked file `alive`: the kernel holds the lock until its process is really gone.
        """
        alive = _opened(self.directory / "alive")
        try:
            if not _locked(alive):
                return False
            note_origin(self.directory, self.binary)
            self._choose_socket()
            command = [self.binary.path, *self._arguments(str(self.socket_path))]
            await trio.run_process(
                command, check=False, capture_stdout=True, capture_stderr=True, pass_fds=(alive,)
            )
            return True
        finally:
            os.close(alive)

    def _arguments(self, socket_path: str) -> list[str]:
        """`daemonize`: it is nobody's child, so that whoever started it may leave (or be killed) first."""
        options = {
            "port": "0",
            "unixsocket": socket_path,
            "unixsocketperm": "700",
            "daemonize": "yes",
            "dir": str(self.directory.absolute()),
            "logfile": str(self.directory.absolute() / "redis.log"),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "stream-node-max-bytes": "1024",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    def _choose_socket(self) -> None:
        """If the directory's own path is too long: a private temporary directory, noted down for the others."""
        if len(os.fsencode(self.socket_path)) <= _LONGEST_SOCKET_PATH and self.socket_path.parent.is_dir():
            return
        short = Path(tempfile.mkdtemp(prefix="mix2api-"))
        if len(os.fsencode(short / "redis.sock")) > _LONGEST_SOCKET_PATH:
            short.rmdir()
            short = Path(tempfile.mkdtemp(prefix="mix2api-", dir="/tmp"))
        (self.directory / "socket-path").write_text(f"{short / 'redis.sock'}\n", encoding="utf-8")

    async def _stop(self) -> None:
        """SHUTDOWN, then waits until the process is gone."""
        with trio.move_on_after(_STOP_S):
            await self._ask("SHUTDOWN")
            alive = _opened(self.directory / "alive")
            try:
                await _lock(alive)
            finally:
                os.close(alive)
        note = self.directory / "socket-path"
        if note.exists():
            shutil.rmtree(self.socket_path.parent, ignore_errors=True)
            note.unlink()

    async def _answers(self) -> bool:
        return await self._ask("PING") == b"PONG"

    async def _ask(self, command: str) -> object:
        """The server's reply; None if it gives none."""
        with suppress(OSError, trio.BrokenResourceError), trio.move_on_after(_ASK_S):
            async with await trio.open_unix_socket(self.socket_path) as stream:
                await stream.send_all(hiredis.pack_command((command,)))
                reader = hiredis.Reader(notEnoughData=Ellipsis)
                async for data in stream:
                    reader.feed(bytes(data))
                    reply: object = reader.gets()
                    if reply is not Ellipsis:
                        return reply
        return None


def _make_private(data_dir: Path) -> None:
    """Makes the data directory and the server's in it, for this user only."""
    directory = data_dir / _STORE
    try:
        data_dir.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        directory.mkdir(mode=_PRIVATE_DIRECTORY, exist_ok=True)
        directory.chmod(_PRIVATE_DIRECTORY)
    except OSError as fault:
        raise ConfigurationError(
            f"MIX2API_DATA_DIR {data_dir} cannot be used ({fault.strerror}): name another, or set REDIS_URL"
        ) from None


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE_FILE)


async def _lock(descriptor: int) -> None:
    while not _locked(descriptor):  # noqa: ASYNC110 - the kernel tells nobody when another process lets go
        await trio.sleep(_POLL_S)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
