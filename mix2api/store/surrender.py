"""Gives the leases of a process up from a thread, while its event loop does not turn.

The process's own connections belong to its loop; these are blocking connections that live for one call. The heartbeat stays:
other processes may take the shards, but not the runs of a process that is still there.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from redis.exceptions import RedisError, ResponseError

from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command
from mix2api.store.redis.location import BlockingConnection, RedisLocation, Timeouts
from mix2api.store.redis.routing import SlotTable
from mix2api.store.redis.servers import Servers
from mix2api.store.redis.wire import packed
from mix2api.store.scripts import RELEASE
from mix2api.vocabulary import ProcessId, Shard

_LAST: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[1], 'held', 1)
redis.call('HSET', KEYS[1], 'takes', 0)
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
"""
"""KEYS: a heartbeat. ARGV: ms. The process lives, since its mark changes, and nobody gives it shards (`mix2api.store.peers`)."""


def surrender(
    location: RedisLocation,
    keys: Keys,
    tokens: Mapping[Shard, str],
    process: ProcessId,
    life_ms: int,
    table: SlotTable | None = None,
) -> bool:
    """Deletes leases that still have these tokens, and lets the process's heartbeat last longer. Never raises.

    Args:
        location: of Redis.
        keys: key names.
        tokens: the leases; none if only the heartbeat is to last.
        process: whose heartbeat it is. One that has run out stays away.
        life_ms: how long the heartbeat lasts from now on, milliseconds.
        table: of a cluster.

    Returns:
        Whether every server answered everything.
    """
    # The text, not the digest: a server that has restarted does not know the script.
    commands: list[Command] = [("EVAL", _LAST, 1, keys.process(process), life_ms)]
    commands += [("EVAL", RELEASE.text, 1, keys.lease(shard), token) for shard, token in tokens.items()]
    has_all = True
    with Servers(location, Timeouts(), f"{keys.prefix}-surrender", table) as servers:
        by_server: dict[RedisLocation, list[Command]] = {}
        for command in commands:
            try:
                by_server.setdefault(servers.of(command), []).append(command)
            except RedisError:
                has_all = False
        for server, its in by_server.items():
            has_all &= _is_done(servers, server, its)
    return has_all


def _is_done(servers: Servers, server: RedisLocation, commands: list[Command]) -> bool:
    try:
        connection = servers.connection(server)
        connection.send_packed_command(list(map(packed, commands)))
        for _ in commands:
            _read(connection)
    except (RedisError, OSError):
        return False
    return True


def _read(connection: BlockingConnection) -> None:
    """One reply. A refusal leaves that lease to run out by itself."""
    with suppress(ResponseError):
        connection.read_response()
