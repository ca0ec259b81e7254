"""What Redis refuses, and what a refusal means: the server is away for now, or the key holds something that is not ours."""

from typing import Final

from redis.exceptions import ResponseError

from mix2api.errors import StoreUnavailable
from mix2api.store.redis.link import Reply

OF_THE_STREAM: Final = ("exhausted", "equal or smaller")
"""Words of a refused `XADD`: the stream's last id is the last that there can be (t_stream.c of Redis 6.2 and 7)."""
_OF_THE_KEY: Final = ("WRONGTYPE", "Invalid stream ID", "invalid start ID", *OF_THE_STREAM)


def told(replies: list[Reply]) -> list[Reply]:
    """The replies, none of them an error: a server that refuses to answer is as good as away.

    Only for commands that no content of a key can make fail. What can is asked key by key with `is_damage`.

    Raises:
        StoreUnavailable: one of the commands was refused.
    """
    for reply in replies:
        if isinstance(reply, Exception):
            raise StoreUnavailable from reply
    return replies


def is_damage(reply: Reply) -> bool:
    """Whether a command was refused for what stands in the key, and not for the state that the server is in."""
    return isinstance(reply, ResponseError) and any(word in str(reply) for word in _OF_THE_KEY)
