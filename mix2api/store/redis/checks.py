"""What must hold before anything is written: a Redis that can keep a log, and a deployment that agrees with itself.

Runs once at start, on a connection of its own, in a thread. Each finding is one line that says what to do.
"""

import re
from typing import Final

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from mix2api.errors import ConfigurationError
from mix2api.sealing import Seal
from mix2api.store.keys import Keys
from mix2api.store.redis.location import BlockingConnection, RedisLocation, Timeouts

OLDEST_VERSION: Final = (6, 2)
"""`XADD … MINID` and exclusive ranges."""
_MAC_PURPOSE: Final = b"deployment"
_SHARDS: Final = re.compile(r"[1-9][0-9]{0,4}")


def check_redis(location: RedisLocation, timeouts: Timeouts, keys: Keys, seal: Seal, shards: int) -> None:
    """Checks the server and the deployment; the first process of a deployment writes down what it is.

    Raises:
        ConfigurationError: one line that says what to do.
    """
    connection = location.connection(timeouts, f"{keys.prefix}-check")
    try:
        connection.connect()
        _check_server(_info(_ask(connection, "INFO")), location)
        _check_deployment(connection, keys, seal, shards)
    except (AuthenticationError, NoPermissionError) as refusal:
        raise ConfigurationError(_refused(location, refusal)) from None
    except ResponseError as refusal:
        raise ConfigurationError(
            _refused(location, refusal)
            if "NOAUTH" in str(refusal)
            else f"Redis at {location.redacted()} refuses to work ({_first_line(refusal)}): check its configuration"
        ) from None
    except (RedisError, OSError) as fault:
        raise ConfigurationError(
            f"Redis at {location.redacted()} cannot be reached ({_first_line(fault)}): "
            "start it, or correct REDIS_URL"
        ) from None
    finally:
        connection.disconnect()


def _ask(connection: BlockingConnection, *command: str) -> str:
    connection.send_packed_command([_pack(command)], check_health=False)
    reply = connection.read_response(disable_decoding=True)
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)


def _pack(command: tuple[str, ...]) -> bytes:
    parts = [part.encode() for part in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def _info(text: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _check_server(info: dict[str, str], location: RedisLocation) -> None:
    version = info.get("redis_version", "0.0.0")
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_VERSION:
        raise ConfigurationError(
            f"Redis at {location.redacted()} is version {version}: 6.2 or newer is needed"
        )
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise ConfigurationError(
            f"Redis at {location.redacted()} has maxmemory-policy {policy} and would evict the event log: "
            "set maxmemory-policy noeviction"
        )
    if info.get("cluster_enabled") == "1":
        raise ConfigurationError(
            f"Redis at {location.redacted()} is a cluster, which this version cannot use: "
            "give a single server or its failover address"
        )


def _check_deployment(connection: BlockingConnection, keys: Keys, seal: Seal, shards: int) -> None:
    key = keys.deployment()
    mac = seal.mac(_MAC_PURPOSE, size=16)
    if _ask(connection, "TYPE", key) not in {"hash", "none"}:
        raise ConfigurationError(_damaged(key))
    for name, value in (("shards", str(shards)), ("secret_mac", mac)):
        _ask(connection, "HSETNX", key, name, value)
    made_with = _ask(connection, "HGET", key, "shards")
    if _SHARDS.fullmatch(made_with) is None:
        raise ConfigurationError(_damaged(key))
    if made_with != str(shards):
        raise ConfigurationError(
            f"MIX2API_SHARDS is {shards}, but this deployment was made with {made_with}: set it to {made_with}"
        )
    if _ask(connection, "HGET", key, "secret_mac") != mac:
        raise ConfigurationError(
            "MIX2API_SECRET is not the one that this deployment was made with: "
            "set the same secret in all its processes"
        )


def _damaged(key: str) -> str:
    return (
        f"the Redis key {key}, which says what this deployment was made with, is damaged: stop all processes of the "
        f"deployment and delete the key (redis-cli DEL {key}); the first process to start writes it anew"
    )


def _refused(location: RedisLocation, refusal: Exception) -> str:
    if isinstance(refusal, NoPermissionError):
        return (
            f"Redis at {location.redacted()} does not allow its user what is needed "
            f"({_first_line(refusal)}): grant all commands on the prefix's keys, INFO and SCRIPT"
        )
    return f"Redis at {location.redacted()} refuses the user or password: correct them in REDIS_URL"


def _first_line(fault: Exception) -> str:
    """Of the library's or server's text; neither repeats a password."""
    return str(fault).partition("\n")[0][:200].rstrip(".") or type(fault).__name__
