"""Sentinels: processes that know which server of a replicated Redis is the master now (redis.io, "Sentinel client spec").

Every new connection asks them, so that a process finds the master after a failover as it finds a server that has restarted.
"""

from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from attrs import field, frozen
from redis.connection import Connection, SSLConnection
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as NotReached

from mix2api.errors import ConfigurationError

FORM: Final = (
    "redis+sentinel://[user:password@]host[:port][,host[:port]…]/service[/db] (rediss+sentinel://… for TLS)"
)
_PORT: Final = 26_379
"""Of a Sentinel, where none is named."""
_ASK_S: Final = 0.5
"""For one Sentinel. One that answers needs milliseconds; one that hangs must not hold the others' answer up for long."""
_USER: Final = "sentinel_user"
_PASSWORD: Final = "sentinel_password"  # noqa: S105 - an option's name
OPTIONS: Final = frozenset({_USER, _PASSWORD})
_TLS: Final[Any] = SSLConnection
_TCP: Final[Any] = Connection
"""`Any`: as in `mix2api.store.redis.location`."""

Address = tuple[str, int]


@frozen(kw_only=True)
class Sentinels:
    """The Sentinels of one service."""

    addresses: tuple[Address, ...]
    """Asked in this order; the first that knows the service decides."""
    service: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    """The Sentinels' own credential, which is not the server's."""

    @classmethod
    def of(cls, parts: SplitResult) -> "Sentinels":
        """Reads the hosts, the service and the Sentinels' credential of a URL.

        Raises:
            ConfigurationError: one line that says what is wrong and never what the passwords are.
        """
        hosts = parts.netloc.rpartition("@")[2]
        try:
            addresses = tuple(address_of(host, _PORT) for host in hosts.split(","))
        except ValueError:
            raise ConfigurationError(
                f"REDIS_URL names no Sentinel, or a wrong port; it must be {FORM}"
            ) from None
        service = unquote(parts.path.strip("/").partition("/")[0])
        if not service:
            raise ConfigurationError(f"REDIS_URL lacks the name of the Sentinels' service; it must be {FORM}")
        options = dict(parse_qsl(parts.query))
        return cls(
            addresses=addresses,
            service=service,
            username=options.get(_USER),
            password=options.get(_PASSWORD),
        )

    def redacted(self) -> str:
        """Hosts and service, as they may stand in logs."""
        return ",".join(shown(address) for address in self.addresses) + f"/{self.service}"

    def master(self, tls: dict[str, object] | None) -> Address:
        """Asks for the master's address. Blocks its thread for half a second for each Sentinel at most.

        Args:
            tls: redis-py's arguments for TLS; None: without TLS.

        Raises:
            redis.exceptions.ConnectionError: no Sentinel answers, or none knows the service.
        """
        why = "no Sentinel answers"
        for host, port in self.addresses:
            try:
                reply = self._ask(host, port, tls)
            except AuthenticationError:
                why = f"the Sentinels refuse {_USER} or {_PASSWORD}"
                continue
            except (RedisError, OSError):
                continue
            if reply is not None:
                return reply[0].decode(), int(reply[1])
            why = f"the Sentinels do not know the service {self.service!r}"
        raise NotReached(why)

    def _ask(self, host: str, port: int, tls: dict[str, object] | None) -> list[bytes] | None:
        common: dict[str, Any] = {
            "host": host,
            "port": port,
            "username": self.username,
            "password": self.password,
            "socket_timeout": _ASK_S,
            "socket_connect_timeout": _ASK_S,
            "retry": None,
            "protocol": 2,
            "driver_info": None,
        }
        connection = _TCP(**common) if tls is None else _TLS(**tls, **common)
        try:
            connection.connect()
            connection.send_command("SENTINEL", "get-master-addr-by-name", self.service)
            reply: list[bytes] | None = connection.read_response(disable_decoding=True)
            return reply
        finally:
            connection.disconnect()


def address_of(text: str, port: int) -> Address:
    """Reads `host` or `host:port`.

    Args:
        text: of a URL.
        port: where none is named.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("no host")
    return parts.hostname, parts.port or port


def shown(address: Address) -> str:
    """`host:port`."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
