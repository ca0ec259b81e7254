"""What must hold before anything is written: a Redis that can keep a log, and a deployment that agrees with itself.

Runs once at start, on a connection of its own, in a thread. Each finding is one line that says what to do.
"""

import re
from typing import Final

from attrs import frozen
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from mix2api.errors import ConfigurationError
from mix2api.sealing import Seal
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Reply
from mix2api.store.redis.location import BlockingConnection, RedisLocation, Timeouts
from mix2api.vocabulary import ProcessId

OLDEST_VERSION: Final = (6, 2)
"""`XADD … MINID` and exclusive ranges."""
KEEPING: Final = "noeviction"
"""The one `maxmemory-policy` under which Redis keeps the event log."""
_MAC_PURPOSE: Final = b"deployment"
_SHARDS: Final = re.compile(r"[1-9][0-9]{0,4}")
_LEASE: Final = "lease_ms"
_LEASE_MS: Final = re.compile(r"[1-9][0-9]{0,9}")


@frozen(kw_only=True)
class Deployment:
    """What the processes of a deployment must agree on."""

    keys: Keys
    seal: Seal
    shards: int
    lease_ms: int | None
    """None: a command, which takes no lease and agrees to any."""


def check_redis(location: RedisLocation, timeouts: Timeouts, deployment: Deployment) -> None:
    """Checks the server and the deployment; the first process of a deployment writes down what it is.

    Raises:
        ConfigurationError: one line that says what to do.
    """
    connection = None
    try:
        connection = location.connected(timeouts, f"{deployment.keys.prefix}-check")
        _check_server(_info(_ask(connection, "INFO")), location)
        _check_deployment(connection, deployment)
        _check_lease(connection, deployment)
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
        if connection is not None:
            connection.disconnect()


def _reply(connection: BlockingConnection, *command: str) -> Reply:
    connection.send_packed_command([_pack(command)], check_health=False)
    return connection.read_response(disable_decoding=True)


def _ask(connection: BlockingConnection, *command: str) -> str:
    reply = _reply(connection, *command)
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)


def _pack(command: tuple[str, ...]) -> bytes:
    parts = [part.encode() for part in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def _info(text: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def eviction_policy(info: str) -> str:
    """The `maxmemory-policy` in the reply to `INFO memory`. A server that does not say it evicts nothing."""
    return _info(info).get("maxmemory_policy", KEEPING).strip()


def _check_server(info: dict[str, str], location: RedisLocation) -> None:
    version = info.get("redis_version", "0.0.0")
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_VERSION:
        raise ConfigurationError(
            f"Redis at {location.redacted()} is version {version}: 6.2 or newer is needed"
        )
    policy = info.get("maxmemory_policy", KEEPING)
    if policy != KEEPING:
        raise ConfigurationError(
            f"Redis at {location.redacted()} has maxmemory-policy {policy} and would evict the event log: "
            "set maxmemory-policy noeviction"
        )
    if info.get("cluster_enabled") == "1":
        raise ConfigurationError(
            f"Redis at {location.redacted()} is a cluster, which this version cannot use: "
            "give a single server, or one behind Sentinels"
        )


def _check_deployment(connection: BlockingConnection, deployment: Deployment) -> None:
    shards = deployment.shards
    key = deployment.keys.deployment()
    mac = deployment.seal.mac(_MAC_PURPOSE, size=16)
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


def _check_lease(connection: BlockingConnection, deployment: Deployment) -> None:
    """The lease's length may change, but not while a process lives that counts in the other one."""
    if deployment.lease_ms is None:
        return
    key, ours = deployment.keys.deployment(), str(deployment.lease_ms)
    theirs = _ask(connection, "HGET", key, _LEASE)
    if theirs != ours and _LEASE_MS.fullmatch(theirs) and _somebody_lives(connection, deployment.keys):
        raise ConfigurationError(
            f"MIX2API_LEASE_S is {_seconds(ours)}, but the running processes of this deployment have {_seconds(theirs)}: "
            f"set it to {_seconds(theirs)}, or stop all of them first"
        )
    _ask(connection, "HSET", key, _LEASE, ours)


def _seconds(milliseconds: str) -> str:
    return f"{int(milliseconds) / 1000:g}"


def _somebody_lives(connection: BlockingConnection, keys: Keys) -> bool:
    members = (
        _reply(connection, "SMEMBERS", keys.processes()) if _is_set(connection, keys.processes()) else ()
    )
    names = (ProcessId(member.decode("utf-8", "replace")) for member in members)
    return any(_reply(connection, "EXISTS", keys.process(name)) for name in names)


def _is_set(connection: BlockingConnection, key: str) -> bool:
    return _ask(connection, "TYPE", key) == "set"


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
