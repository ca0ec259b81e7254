"""Where Redis is: `REDIS_URL` read once, strictly, and the connections that it stands for. Never shows the password."""

import re
from typing import Any, Final, Protocol, cast
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from attrs import evolve, field, frozen
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as NotReached

from mix2api.errors import ConfigurationError
from mix2api.store.redis import cluster_nodes, sentinel
from mix2api.store.redis.sentinel import Address, Sentinels

_FORMS: Final = (
    "redis://[user:password@]host[:port][/db], rediss://… (TLS), unix://[user:password@]/path[?db=N], "
    f"{sentinel.FORM} or {cluster_nodes.FORM}"
)
_CLUSTER: Final = "+cluster"
_SENTINEL: Final = "+sentinel"
_SEVERAL_HOSTS: Final = (_SENTINEL, _CLUSTER)
_SCHEMES: Final = frozenset(
    {
        *("redis", "rediss", "unix"),
        *(scheme + of for scheme in ("redis", "rediss") for of in _SEVERAL_HOSTS),
    }
)
_CERT_REQS: Final = ("none", "optional", "required")
_TLS_OPTIONS: Final = frozenset(
    {"ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"}
)
_MAX_DATABASE: Final = 1 << 31
_UNIX: Final[Any] = UnixDomainSocketConnection
_TCP: Final[Any] = Connection
_TLS: Final[Any] = SSLConnection
"""`Any`: redis-py's constructors are untyped, and its stubs take the classes for abstract ones."""


class BlockingConnection(Protocol):
    """What we use of a redis-py connection. Every method may block its thread up to the timeouts."""

    def connect(self) -> None:
        """Connects, authenticates, selects the database."""
        ...

    def disconnect(self) -> None:
        """Closes the socket."""
        ...

    def send_command(self, *arguments: str) -> None:
        """Sends one command."""
        ...

    def send_packed_command(self, command: list[bytes], check_health: bool = ...) -> None:  # noqa: FBT001 - its shape
        """Sends bytes that are commands."""
        ...

    def read_response(self, disable_decoding: bool = ...) -> Any:  # noqa: FBT001 - its shape
        """Reads one reply; raises an error reply."""
        ...

    def can_read(self, timeout: float = ...) -> bool:
        """Whether there is something to read; raises if the server has closed the connection."""
        ...


@frozen(kw_only=True)
class Timeouts:
    """How long a connection may keep its thread waiting, in seconds."""

    connect_s: float = 2.0
    """`REDIS_CONNECT_TIMEOUT_MS`."""
    reply_s: float = 2.0
    """For each reply. Over the slowest healthy pause of a Redis that forks or syncs (some 100 ms), under the patience of a
    client; a repeat after it is harmless."""


@frozen(kw_only=True)
class RedisLocation:
    """A Redis server, as `REDIS_URL` names it."""

    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    """The unix socket; then host and port mean nothing."""
    tls: bool = False
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls_options: tuple[tuple[str, str], ...] = ()
    """redis-py's `ssl_…` options, checked."""
    sentinels: Sentinels | None = None
    """Who knows host and port; what stands there then means nothing."""
    nodes: tuple[Address, ...] = ()
    """Of a Redis Cluster: the nodes that are asked for the others. Host and port then mean nothing."""

    @classmethod
    def parse(cls, url: str) -> "RedisLocation":
        """Reads a URL of one of the five forms.

        Raises:
            ConfigurationError: one line that says what is wrong and never what the password is.
        """
        parts = _split(url)
        if parts.scheme.endswith(_SENTINEL):
            return cls._behind_sentinels(parts)
        if parts.scheme.endswith(_CLUSTER):
            return cls._of_cluster(parts)
        if parts.scheme == "unix" and not parts.path.strip("/"):
            raise ConfigurationError(f"REDIS_URL lacks the socket's path; it must be {_FORMS}")
        options = _options(parts)
        unix = parts.scheme == "unix"
        return cls(
            host=parts.hostname or "localhost",
            port=_port(parts) or 6379,
            path=unquote(parts.path) if unix else None,
            tls=parts.scheme == "rediss",
            database=_database(options.pop("db", "") or ("" if unix else parts.path.strip("/"))),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls_options=tuple(sorted(options.items())),
        )

    @classmethod
    def _behind_sentinels(cls, parts: SplitResult) -> "RedisLocation":
        sentinels, options = Sentinels.of(parts), _options(parts)
        return cls(
            tls=parts.scheme == "rediss+sentinel",
            database=_database(options.pop("db", "") or parts.path.strip("/").partition("/")[2]),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls_options=tuple(sorted(item for item in options.items() if item[0] in _TLS_OPTIONS)),
            sentinels=sentinels,
        )

    @classmethod
    def _of_cluster(cls, parts: SplitResult) -> "RedisLocation":
        nodes, options = cluster_nodes.nodes_of(parts), _options(parts)
        return cls(
            tls=parts.scheme == "rediss" + _CLUSTER,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls_options=tuple(sorted(options.items())),
            nodes=nodes,
        )

    def at(self, address: Address) -> "RedisLocation":
        """One node of the cluster, with the credential and the TLS options of all."""
        host, port = address
        return evolve(self, host=host, port=port, nodes=())

    def redacted(self) -> str:
        """The location as it may stand in logs and error lines: without user and password."""
        if self.path is not None:
            return f"unix://{self.path}?db={self.database}"
        scheme = "rediss" if self.tls else "redis"
        if self.sentinels is not None:
            return f"{scheme}+sentinel://{self.sentinels.redacted()}/{self.database}"
        if self.nodes:
            return f"{scheme}+cluster://" + ",".join(map(sentinel.shown, self.nodes))
        return f"{scheme}://{self.host}:{self.port}/{self.database}"

    def connected(self, timeouts: Timeouts, name: str) -> BlockingConnection:
        """Connects to the server, or to the one that the Sentinels name now. Blocks its thread.

        Args:
            timeouts: for the connection's whole life.
            name: shown by `CLIENT LIST`.

        Raises:
            redis.exceptions.RedisError: the server refused, or is not the master that the Sentinels took it for.
            OSError: it was not reached.
        """
        if self.sentinels is None:
            connection = self.connection(timeouts, name)
            connection.connect()
            return connection
        host, port = self.sentinels.master(_tls_arguments(self.tls_options) if self.tls else None)
        connection = evolve(self, host=host, port=port, sentinels=None).connection(timeouts, name)
        connection.connect()
        is_master = False
        try:
            # A Sentinel that was cut off names the master of before.
            connection.send_command("ROLE")
            is_master = connection.read_response(disable_decoding=True)[0] == b"master"
        finally:
            if not is_master:
                connection.disconnect()
        if not is_master:
            raise NotReached("the Sentinels name a server that is no master")
        return connection

    def connection(self, timeouts: Timeouts, name: str) -> BlockingConnection:
        """A connection that is not yet connected; redis-py's own retries and health checks are off.

        RESP2: every reply that we read has the same shape in both, and it saves the `HELLO` round trip.

        Args:
            timeouts: for the connection's whole life.
            name: shown by `CLIENT LIST`.
        """
        common: dict[str, Any] = {
            "db": self.database,
            "username": self.username,
            "password": self.password,
            "socket_timeout": timeouts.reply_s,
            "socket_connect_timeout": timeouts.connect_s,
            "retry": None,
            "protocol": 2,
            "client_name": name,
            "driver_info": None,
        }
        if self.path is not None:
            return cast("BlockingConnection", _UNIX(path=self.path, **common))
        common |= {"host": self.host, "port": self.port}
        if not self.tls:
            return cast("BlockingConnection", _TCP(**common))
        return cast("BlockingConnection", _TLS(**_tls_arguments(self.tls_options), **common))


_AUTHORITY_END: Final = re.compile(r"[/?#]")


def _split(url: str) -> SplitResult:
    scheme, _, behind = url.partition("://")
    authority = _AUTHORITY_END.split(behind, maxsplit=1)[0]
    try:
        if scheme.lower().endswith(_SEVERAL_HOSTS):
            # Several hosts are none to the standard library, whose later versions refuse what looks like an address.
            parts = urlsplit(f"{scheme}://{behind[len(authority) :]}")._replace(netloc=authority)
        else:
            parts = urlsplit(url)
    except ValueError:
        raise ConfigurationError(f"REDIS_URL is no URL; it must be {_FORMS}") from None
    if parts.scheme not in _SCHEMES:
        raise ConfigurationError(f"REDIS_URL must be {_FORMS}")
    return parts


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise ConfigurationError(f"REDIS_URL is no URL; it must be {_FORMS}") from None


def _options(parts: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    known = set() if parts.scheme.endswith(_CLUSTER) else {"db"}
    known |= _TLS_OPTIONS if parts.scheme.startswith("rediss") else set()
    known |= sentinel.OPTIONS if parts.scheme.endswith(_SENTINEL) else set()
    for name in options:
        if name not in known:
            raise ConfigurationError(
                f"REDIS_URL has an option that is not known here: {name[:40]!r} (known: {', '.join(sorted(known))})"
            )
    if options.get("ssl_cert_reqs", "required") not in _CERT_REQS:
        raise ConfigurationError(f"REDIS_URL: ssl_cert_reqs must be one of {', '.join(_CERT_REQS)}")
    return options


def _database(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and int(text) < _MAX_DATABASE):
        raise ConfigurationError("REDIS_URL: the database must be a number, like redis://localhost:6379/0")
    return int(text)


def _tls_arguments(options: tuple[tuple[str, str], ...]) -> dict[str, object]:
    arguments: dict[str, object] = dict(options)
    if "ssl_check_hostname" in arguments:
        arguments["ssl_check_hostname"] = arguments["ssl_check_hostname"] not in {"0", "false", "no", ""}
    return arguments
