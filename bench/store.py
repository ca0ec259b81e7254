"""A look into the product's embedded store from outside: its socket, its memory, its keys by kind."""

import re
from collections import Counter
from pathlib import Path

import redis
from measure import users_of

_SOCKET = re.compile(rb"unixsocket:([^\0 ]+)")
_BATCH = 500
# `mix2api:{s1f}:log:<session>` -> log; `mix2api:process:<id>` -> process.
_KIND = re.compile(rb"^[^:]+:(?:\{[^}]*\}:)?([^:]+)")


class NoStore(Exception):
    """The product's redis-server was not found."""


def connect(data: Path) -> redis.Redis:
    """A client of the redis-server that works in this data directory; it names its socket in its title."""
    for pid in users_of(data):
        found = _SOCKET.search(Path(f"/proc/{pid}/cmdline").read_bytes())
        if found:
            return redis.Redis(unix_socket_path=found[1].decode(), socket_timeout=60)
    raise NoStore(f"no redis-server works in {data}")


def used_memory(client: redis.Redis) -> int:
    """Bytes in use, as the server counts them."""
    return int(client.info("memory")["used_memory"])


def version(client: redis.Redis) -> str:
    """The server's own version; Valkey tells of Redis 7.2.4 beside it."""
    told = client.info("server")
    return str(told.get("valkey_version") or told["redis_version"])


def disk_bytes(data: Path) -> int:
    """Bytes of all files in the data directory."""
    return sum(path.stat().st_size for path in data.rglob("*") if path.is_file())


def memory_by_kind(client: redis.Redis) -> Counter[str]:
    """`MEMORY USAGE` of every key, without sampling, summed by kind."""
    total: Counter[str] = Counter()
    keys = list(client.scan_iter(count=_BATCH))
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        pipeline = client.pipeline(transaction=False)
        for key in batch:
            pipeline.memory_usage(key, samples=0)
        for key, used in zip(batch, pipeline.execute(), strict=True):
            kind = _KIND.match(key)
            total[kind[1].decode() if kind else "other"] += used or 0
    return total
