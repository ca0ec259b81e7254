"""The nodes of a Redis Cluster as `REDIS_URL` names them. The first that answers tells of all others."""

from typing import Final
from urllib.parse import SplitResult

from mix2api.errors import ConfigurationError
from mix2api.store.redis.sentinel import Address, address_of

FORM: Final = "redis+cluster://[user:password@]host[:port][,host[:port]…] (rediss+cluster://… for TLS)"
_PORT: Final = 6379


def nodes_of(parts: SplitResult) -> tuple[Address, ...]:
    """Reads the nodes.

    Raises:
        ConfigurationError: one line that says what is wrong and never what the password is.
    """
    hosts = parts.netloc.rpartition("@")[2]
    try:
        nodes = tuple(address_of(host, _PORT) for host in hosts.split(","))
    except ValueError:
        raise ConfigurationError(f"REDIS_URL names no node, or a wrong port; it must be {FORM}") from None
    if parts.path.strip("/"):
        raise ConfigurationError(
            f"REDIS_URL names a database, but a Redis Cluster has only one; it must be {FORM}"
        )
    return nodes
