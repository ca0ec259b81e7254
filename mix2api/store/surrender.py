"""Gives the leases of a process up from a thread, while its event loop does not turn.

The process's own connections belong to its loop; this is a blocking connection that lives for one call. The heartbeat stays:
other processes may take the shards, but not the runs of a process that is still there.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import hiredis
from redis.exceptions import RedisError, ResponseError

from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command
from mix2api.store.redis.location import BlockingConnection, RedisLocation, Timeouts
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
    location: RedisLocation, keys: Keys, tokens: Mapping[Shard, str], process: ProcessId, life_ms: int
) -> bool:
    """Deletes leases that still have these tokens, and lets the process's heartbeat last longer. Never raises.

    Args:
        location: the server.
        keys: key names.
        tokens: the leases; none if only the heartbeat is to last.
        process: whose heartbeat it is. One that has run out stays away.
        life_ms: how long the heartbeat lasts from now on, milliseconds.

    Returns:
        Whether the server answered everything.
    """
    # The text, not the digest: a server that has restarted does not know the script.
    commands: list[Command] = [("EVAL", _LAST, 1, keys.process(process), life_ms)]
    commands += [("EVAL", RELEASE.text, 1, keys.lease(shard), token) for shard, token in tokens.items()]
    pack: Callable[[Any], bytes] = hiredis.pack_command  # its stub knows only tuples of one
    connection = None
    try:
        connection = location.connected(Timeouts(), f"{keys.prefix}-surrender")
        connection.send_packed_command(list(map(pack, commands)))
        for _ in commands:
            _read(connection)
    except (RedisError, OSError):
        return False
    finally:
        if connection is not None:
            with suppress(RedisError, OSError):
                connection.disconnect()
    return True


def _read(connection: BlockingConnection) -> None:
    """One reply. A refusal leaves that lease to run out by itself."""
    with suppress(ResponseError):
        connection.read_response()
