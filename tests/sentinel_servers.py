"""Real Sentinels and replicated servers on loopback."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

import hiredis
from attrs import define, field, frozen
from redis_server import RedisServer, chosen_binary

SERVICE: Final = "mix2api"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@define(eq=False)
class Sentinel:
    """One Sentinel, without anything to watch until it is told."""

    directory: Path
    arguments: tuple[str, ...] = ()
    port: int = field(factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Starts it, and returns once it takes commands."""
        self.directory.mkdir(parents=True, exist_ok=True)
        configuration = self.directory / "sentinel.conf"
        configuration.write_text("\n".join((f"port {self.port}", "bind 127.0.0.1", *self.arguments, "")))
        command = [str(chosen_binary()), str(configuration), "--sentinel"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.directory
        )
        assert self._process.stdout is not None
        _wait_for_line(self._process.stdout, b"Sentinel ID is")

    def stop(self) -> None:
        """Ends it. Safe to call twice."""
        if self._process is not None and self._process.stdout is not None:
            self._process.terminate()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def command(self, *words: str | int) -> object:
        """Runs one command; error replies come back as exceptions."""
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(hiredis.pack_command(words))
            reader = hiredis.Reader(notEnoughData=Ellipsis)
            while (reply := reader.gets()) is Ellipsis:
                reader.feed(client.recv(1 << 16))
            return reply

    def watch(self, port: int, quorum: int = 2) -> None:
        """From now on it takes the server on that port for the master. Alone it never has the votes for a failover."""
        self.command("SENTINEL", "REMOVE", SERVICE)
        assert self.command("SENTINEL", "MONITOR", SERVICE, "127.0.0.1", port, quorum) == b"OK"


def _wait_for_line(output: IO[bytes], wanted: bytes) -> None:
    for line in output:
        if wanted in line:
            return
    raise RuntimeError("the Sentinel ended before it was ready")


@frozen
class Replicated:
    """A master, its replica and who watches them."""

    master: RedisServer
    master_port: int
    replica: RedisServer
    replica_port: int
    sentinels: list[Sentinel]

    def url(self, before: str = "", after: str = "") -> str:
        """What REDIS_URL would be.

        Args:
            before: `user:password@`.
            after: database and options.
        """
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{before}{hosts}/{SERVICE}{after}"


@contextmanager
def replicated(directory: Path, sentinels: int) -> Iterator[Replicated]:
    """Two servers and so many Sentinels, which do not watch them yet."""
    with ExitStack() as stack:
        servers, ports = [], []
        for name in ("a", "b"):
            port = free_port()
            of = ("--replicaof", "127.0.0.1", str(ports[0])) if ports else ()
            (directory / name).mkdir()
            arguments = ("--port", str(port), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0", *of)
            servers.append(RedisServer(directory / name, arguments=arguments))
            ports.append(port)
            servers[-1].start()
            stack.callback(servers[-1].stop)
        watching = [Sentinel(directory / f"s{number}") for number in range(sentinels)]
        for sentinel in watching:
            sentinel.start()
            stack.callback(sentinel.stop)
        yield Replicated(servers[0], ports[0], servers[1], ports[1], watching)
