"""The commands of streams, over `RedisModel`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from simulation.redis_replies import Arguments, Blocked, Refused, number_in
from simulation.redis_stream import Stream, read_id, shown

if TYPE_CHECKING:
    from simulation.redis_model import RedisModel


def _xadd(model: "RedisModel", of: Arguments) -> Any:
    key, *rest = of
    longest = None
    if rest[0].upper() in {b"MAXLEN", b"MINID"}:
        if rest[1] == b"~":
            rest = rest[3:]
        elif rest[0].upper() == b"MAXLEN":
            longest, rest = number_in(rest[1]), rest[2:]
        else:
            raise NotImplementedError("exact trimming by id")
    stream = model.get(key, Stream)
    fresh = Stream() if stream is None else stream
    if len(rest) < 3 or len(rest) % 2 == 0:
        raise Refused("ERR wrong number of arguments for 'xadd' command")
    added = fresh.add(rest[0], rest[1:], model.now_ms)
    if longest is not None:
        del fresh.entries[: max(0, len(fresh.entries) - longest)]
    model.keep(key, fresh)
    return added


def _stream_between(model: "RedisModel", key: bytes, *borders: bytes) -> Stream:
    """The server reads the borders before it looks at the key."""
    for border in borders:
        read_id(border.removeprefix(b"("), 0)
    return model.get(key, Stream) or Stream()


def _limit(of: Arguments) -> int | None:
    return number_in(of[1]) if of and of[0].upper() == b"COUNT" else None


def _xrange(model: "RedisModel", of: Arguments) -> Any:
    stream = _stream_between(model, *of[:3])
    return shown(stream.between(of[1], of[2], _limit(of[3:])))


def _xrevrange(model: "RedisModel", of: Arguments) -> Any:
    stream = _stream_between(model, *of[:3])
    return shown(stream.down(of[1], of[2], _limit(of[3:])))


def _xdel(model: "RedisModel", of: Arguments) -> Any:
    stream = model.get(of[0], Stream)
    return 0 if stream is None else stream.remove(of[1:])


def _xlen(model: "RedisModel", of: Arguments) -> Any:
    return len((model.get(of[0], Stream) or Stream()).entries)


def _xtrim(model: "RedisModel", of: Arguments) -> Any:
    if of[2] != b"~":
        raise NotImplementedError("exact trimming")
    model.get(of[0], Stream)
    return 0


def _xread(model: "RedisModel", of: Arguments) -> Any:
    words = [word.upper() for word in of]
    place = words.index(b"STREAMS") + 1
    names = of[place:]
    keys, ids = names[: len(names) // 2], names[len(names) // 2 :]
    limit = number_in(of[words.index(b"COUNT") + 1])
    found = []
    for key, id_ in zip(keys, ids, strict=True):
        stream = model.get(key, Stream) or Stream()
        entries = stream.after(read_id(id_, 0), limit)
        if entries:
            found.append([key, shown(entries)])
    if found:
        return found
    if b"BLOCK" not in words[:place]:
        return None
    return Blocked(tuple(keys), [b"XREAD", *of], number_in(of[words.index(b"BLOCK") + 1]) / 1000)


STREAM_COMMANDS: Final[dict[bytes, Callable[["RedisModel", Arguments], Any]]] = {
    b"XADD": _xadd,
    b"XRANGE": _xrange,
    b"XREVRANGE": _xrevrange,
    b"XDEL": _xdel,
    b"XLEN": _xlen,
    b"XTRIM": _xtrim,
    b"XREAD": _xread,
}
