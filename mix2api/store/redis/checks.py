"""What must hold before anything is written: a Redis that can keep a log, and a deployment that agrees with itself.

Runs once at start, on connections of its own, in a thread. Each finding is one line that says what to do.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from attrs import frozen
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as NotReached
from redis.exceptions import TimeoutError as TimedOut

from mix2api.errors import ConfigurationError, StoreUnreachable
from mix2api.sealing import Seal
from mix2api.store.keys import Keys
from mix2api.store.redis import cluster_nodes
from mix2api.store.redis.link import Reply
from mix2api.store.redis.location import RedisLocation, Timeouts
from mix2api.store.redis.routing import SlotTable
from mix2api.store.redis.servers import Servers
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


def check_redis(
    location: RedisLocation, timeouts: Timeouts, deployment: Deployment, table: SlotTable | None = None
) -> None:
    """Checks the servers and the deployment; the first process of a deployment writes down what it is.

    Args:
        location: of Redis.
        timeouts: of the check's connections.
        deployment: what this process wants.
        table: of a cluster, whose masters are all asked.

    Raises:
        ConfigurationError: one line that says what to do. `StoreUnreachable` if the server does not answer.
    """
    with Servers(location, timeouts, f"{deployment.keys.prefix}-check", table) as servers:
        locations, answered = servers.locations, 0
        for place, server in enumerate(locations, 1):
            with _told_of(server):
                try:
                    info = servers.reply(("INFO",), server)
                except (NotReached, TimedOut, OSError) as fault:
                    if isinstance(fault, AuthenticationError) or (place == len(locations) and not answered):
                        raise
                    continue  # a master of a cluster: the shards of the others are served
                answered += 1
                _check_server(_info(_text(info)), server, is_cluster=table is not None)
        with _told_of(location):
            _check_deployment(servers, deployment)
            _check_lease(servers, deployment)


@contextmanager
def _told_of(location: RedisLocation) -> Iterator[None]:
    """Makes one line of what a server refuses, or of its absence."""
    try:
        yield
    except (AuthenticationError, NoPermissionError) as refusal:
        raise ConfigurationError(_refused(location, refusal)) from None
    except ResponseError as refusal:
        raise ConfigurationError(
            _refused(location, refusal)
            if "NOAUTH" in str(refusal)
            else f"Redis at {location.redacted()} refuses to work ({_first_line(refusal)}): check its configuration"
        ) from None
    except (RedisError, OSError) as fault:
        raise StoreUnreachable(
            f"Redis at {location.redacted()} cannot be reached ({_first_line(fault)}): "
            "start it, or correct REDIS_URL"
        ) from None


def _ask(servers: Servers, *command: str) -> str:
    return _text(servers.reply(command))


def _text(reply: Reply) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)


def _info(text: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def eviction_policy(info: str) -> str:
    """The `maxmemory-policy` in the reply to `INFO memory`. A server that does not say it evicts nothing."""
    return _info(info).get("maxmemory_policy", KEEPING).strip()


def _check_server(info: dict[str, str], location: RedisLocation, *, is_cluster: bool) -> None:
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
    if info.get("cluster_enabled") == "1" and not is_cluster:
        raise ConfigurationError(
            f"Redis at {location.redacted()} is a node of a Redis Cluster: name it as {cluster_nodes.FORM}"
        )


def _check_deployment(servers: Servers, deployment: Deployment) -> None:
    shards = deployment.shards
    key = deployment.keys.deployment()
    mac = deployment.seal.mac(_MAC_PURPOSE, size=16)
    if _ask(servers, "TYPE", key) not in {"hash", "none"}:
        raise ConfigurationError(_damaged(key))
    for name, value in (("shards", str(shards)), ("secret_mac", mac)):
        _ask(servers, "HSETNX", key, name, value)
    made_with = _ask(servers, "HGET", key, "shards")
    if _SHARDS.fullmatch(made_with) is None:
        raise ConfigurationError(_damaged(key))
    if made_with != str(shards):
        raise ConfigurationError(
            f"MIX2API_SHARDS is {shards}, but this deployment was made with {made_with}: set it to {made_with}"
        )
    if _ask(servers, "HGET", key, "secret_mac") != mac:
        raise ConfigurationError(
            "MIX2API_SECRET is not the one that this deployment was made with: "
            "set the same secret in all its processes"
        )


def _check_lease(servers: Servers, deployment: Deployment) -> None:
    """The lease's length may change, but not while a process lives that counts in the other one."""
    if deployment.lease_ms is None:
        return
    key, ours = deployment.keys.deployment(), str(deployment.lease_ms)
    theirs = _ask(servers, "HGET", key, _LEASE)
    if theirs != ours and _LEASE_MS.fullmatch(theirs) and _somebody_lives(servers, deployment.keys):
        raise ConfigurationError(
            f"MIX2API_LEASE_S is {_seconds(ours)}, but the running processes of this deployment have {_seconds(theirs)}: "
            f"set it to {_seconds(theirs)}, or stop all of them first"
        )
    _ask(servers, "HSET", key, _LEASE, ours)


def _seconds(milliseconds: str) -> str:
    return f"{int(milliseconds) / 1000:g}"


def _somebody_lives(servers: Servers, keys: Keys) -> bool:
    members = servers.reply(("SMEMBERS", keys.processes())) if _is_set(servers, keys.processes()) else ()
    names = (ProcessId(member.decode("utf-8", "replace")) for member in members)
    return any(servers.reply(("EXISTS", keys.process(name))) for name in names)


def _is_set(servers: Servers, key: str) -> bool:
    return _ask(servers, "TYPE", key) == "set"


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
