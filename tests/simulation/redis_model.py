"""Redis as far as the store uses it: keys, types, expiry and the commands, on a clock that is given.

`test_redis_model.py` runs the same commands and the store's own scripts here and at the real server, and compares every
reply. What the model does not know it refuses, so that nothing is simulated by chance. Approximate trimming (`~`) removes
nothing: the server may keep whole nodes, and the store must not count on either.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final

from attrs import define, field
from simulation.redis_lua import LuaScripts
from simulation.redis_replies import Arguments, Refusal, Refused, Status, number_in
from simulation.redis_stream import Stream, StreamRefusal
from simulation.sorted_commands import SORTED_COMMANDS, SortedSet
from simulation.stream_commands import STREAM_COMMANDS

OK: Final = Status(b"OK")
_WRONG_TYPE: Final = "WRONGTYPE Operation against a key holding the wrong kind of value"
_TYPES: Final = {
    bytes: b"string",
    dict: b"hash",
    list: b"list",
    set: b"set",
    SortedSet: b"zset",
    Stream: b"stream",
}


@define(eq=False)
class RedisModel:
    """The data of one server, and its commands.

    Args:
        now_us: the server's clock, in microseconds since 1970.
        scripts: runs Lua.
    """

    now_us: Callable[[], int]
    scripts: LuaScripts = field(factory=LuaScripts)
    written: Callable[[bytes], None] = lambda _key: None
    """Told of every key to which something was added."""
    _data: dict[bytes, Any] = field(factory=dict)
    _expiry_ms: dict[bytes, int] = field(factory=dict)
    _texts: dict[bytes, bytes] = field(factory=dict)

    def run(self, command: Arguments) -> Any:
        """The reply to a command; never raises for what a client may ask."""
        act = _COMMANDS.get(command[0].upper())
        if act is None:
            raise NotImplementedError(f"the model does not know {command[0]!r}")
        try:
            return act(self, command[1:])
        except (Refused, StreamRefusal) as refused:
            return Refusal(str(refused))

    def empty(self) -> None:
        """Everything is gone, scripts too: a restart without persistence."""
        self._data.clear()
        self._expiry_ms.clear()
        self._texts.clear()

    def names(self) -> list[bytes]:
        """All keys."""
        return list(self._data)

    @property
    def now_ms(self) -> int:
        return self.now_us() // 1000

    def get(self, key: bytes, kind: type) -> Any:
        """The value; None if there is none. Raises `Refused` where it is of another type."""
        due = self._expiry_ms.get(key)
        if due is not None and due <= self.now_ms:
            self.drop(key)
        value = self._data.get(key)
        if value is not None and kind is not object and type(value) is not kind:
            raise Refused(_WRONG_TYPE)
        return value

    def make(self, key: bytes, kind: type) -> Any:
        """The value, an empty one if there was none."""
        value = self.get(key, kind)
        if value is None:
            value = self._data[key] = kind()
        return value

    def put(self, key: bytes, value: Any) -> None:
        """In the place of whatever was there; without expiry."""
        self._data[key] = value
        self._expiry_ms.pop(key, None)

    def keep(self, key: bytes, stream: Stream) -> None:
        """A stream that something was added to; an expiry stays."""
        self._data[key] = stream
        self.written(key)

    def drop(self, key: bytes) -> bool:
        self._expiry_ms.pop(key, None)
        return self._data.pop(key, None) is not None

    def drop_empty(self, key: bytes) -> None:
        if not self._data.get(key):
            self.drop(key)

    def expire(self, key: bytes, in_ms: int) -> None:
        self._expiry_ms[key] = self.now_ms + in_ms
        if in_ms <= 0:
            self.drop(key)

    def persist(self, key: bytes) -> bool:
        """It expires no more; whether it would have."""
        return self.get(key, object) is not None and self._expiry_ms.pop(key, None) is not None

    def left_ms(self, key: bytes) -> int:
        if self.get(key, object) is None:
            return -2
        due = self._expiry_ms.get(key)
        return -1 if due is None else due - self.now_ms

    def load(self, text: bytes) -> bytes:
        sha = hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()
        self._texts[sha] = text
        return sha

    def script(self, sha: bytes, keys_and_arguments: Arguments) -> Any:
        text = self._texts.get(sha)
        if text is None:
            raise Refused("NOSCRIPT No matching script. Please use EVAL.")
        count = number_in(keys_and_arguments[0])
        keys, arguments = keys_and_arguments[1 : 1 + count], keys_and_arguments[1 + count :]
        return self.scripts.run(text, keys, arguments, self.run)


# --- any key, and strings


def _ping(_model: RedisModel, _: Arguments) -> Any:
    return Status(b"PONG")


def _time(model: RedisModel, _: Arguments) -> Any:
    now = model.now_us()
    return [b"%d" % (now // 1_000_000), b"%d" % (now % 1_000_000)]


def _type(model: RedisModel, of: Arguments) -> Any:
    value = model.get(of[0], object)
    return Status(b"none" if value is None else _TYPES[type(value)])


def _del(model: RedisModel, of: Arguments) -> Any:
    return sum(model.get(key, object) is not None and model.drop(key) for key in of)


def _exists(model: RedisModel, of: Arguments) -> Any:
    return sum(model.get(key, object) is not None for key in of)


def _pexpire(model: RedisModel, of: Arguments) -> Any:
    in_ms = number_in(of[1])
    if model.get(of[0], object) is None:
        return 0
    model.expire(of[0], in_ms)
    return 1


def _persist(model: RedisModel, of: Arguments) -> Any:
    return int(model.persist(of[0]))


def _pttl(model: RedisModel, of: Arguments) -> Any:
    return model.left_ms(of[0])


def _get(model: RedisModel, of: Arguments) -> Any:
    return model.get(of[0], bytes)


def _set(model: RedisModel, of: Arguments) -> Any:
    key, value, *options = of
    words = [option.upper() for option in options]
    if b"NX" in words and model.get(key, object) is not None:
        return None
    life = number_in(options[words.index(b"PX") + 1]) if b"PX" in words else None
    model.put(key, value)
    if life is not None:
        model.expire(key, life)
    return OK


def _strlen(model: RedisModel, of: Arguments) -> Any:
    return len(model.get(of[0], bytes) or b"")


def _incr(model: RedisModel, of: Arguments) -> Any:
    before = number_in(model.get(of[0], bytes) or b"0")
    if before == 2**63 - 1:
        raise Refused("ERR increment or decrement would overflow")
    model._data[of[0]] = b"%d" % (before + 1)
    return before + 1


# --- hashes, sets, lists


def _hset(model: RedisModel, of: Arguments) -> Any:
    table = model.make(of[0], dict)
    added = sum(name not in table for name in dict.fromkeys(of[1::2]))
    table.update(zip(of[1::2], of[2::2], strict=True))
    return added


def _hsetnx(model: RedisModel, of: Arguments) -> Any:
    table = model.make(of[0], dict)
    if of[1] in table:
        return 0
    table[of[1]] = of[2]
    return 1


def _hget(model: RedisModel, of: Arguments) -> Any:
    return (model.get(of[0], dict) or {}).get(of[1])


def _hexists(model: RedisModel, of: Arguments) -> Any:
    return int(of[1] in (model.get(of[0], dict) or {}))


def _hmget(model: RedisModel, of: Arguments) -> Any:
    table = model.get(of[0], dict) or {}
    return [table.get(name) for name in of[1:]]


def _hgetall(model: RedisModel, of: Arguments) -> Any:
    return [part for pair in (model.get(of[0], dict) or {}).items() for part in pair]


def _hkeys(model: RedisModel, of: Arguments) -> Any:
    return list(model.get(of[0], dict) or ())


def _hlen(model: RedisModel, of: Arguments) -> Any:
    return len(model.get(of[0], dict) or ())


def _hdel(model: RedisModel, of: Arguments) -> Any:
    table = model.get(of[0], dict) or {}
    gone = sum(table.pop(name, None) is not None for name in of[1:])
    model.drop_empty(of[0])
    return gone


def _sadd(model: RedisModel, of: Arguments) -> Any:
    members = model.make(of[0], set)
    before = len(members)
    members.update(of[1:])
    return len(members) - before


def _srem(model: RedisModel, of: Arguments) -> Any:
    members = model.get(of[0], set) or set()
    before = len(members)
    members.difference_update(of[1:])
    model.drop_empty(of[0])
    return before - len(members)


def _smembers(model: RedisModel, of: Arguments) -> Any:
    return sorted(model.get(of[0], set) or ())


def _rpush(model: RedisModel, of: Arguments) -> Any:
    items = model.make(of[0], list)
    items += of[1:]
    return len(items)


def _rpop(model: RedisModel, of: Arguments) -> Any:
    items = model.get(of[0], list)
    if not items:
        return None
    last = items.pop()
    model.drop_empty(of[0])
    return last


def _places(of: Arguments, length: int) -> slice:
    first, last = (place if place >= 0 else max(0, length + place) for place in map(number_in, of))
    if number_in(of[1]) < -length:
        return slice(0, 0)
    return slice(first, last + 1)


def _lrange(model: RedisModel, of: Arguments) -> Any:
    items = model.get(of[0], list) or []
    return items[_places(of[1:], len(items))]


def _ltrim(model: RedisModel, of: Arguments) -> Any:
    items = model.get(of[0], list)
    if items is not None:
        items[:] = items[_places(of[1:], len(items))]
        model.drop_empty(of[0])
    return OK


def _lrem(model: RedisModel, of: Arguments) -> Any:
    if number_in(of[1]) != 0:
        raise NotImplementedError("LREM with a count")
    items = model.get(of[0], list) or []
    before = len(items)
    items[:] = [item for item in items if item != of[2]]
    model.drop_empty(of[0])
    return before - len(items)


# --- scripts


def _script(model: RedisModel, of: Arguments) -> Any:
    if of[0].upper() != b"LOAD":
        raise NotImplementedError("SCRIPT is known with LOAD only")
    return model.load(of[1])


def _evalsha(model: RedisModel, of: Arguments) -> Any:
    return model.script(of[0], of[1:])


def _eval(model: RedisModel, of: Arguments) -> Any:
    return model.script(model.load(of[0]), of[1:])


def _flushall(model: RedisModel, _: Arguments) -> Any:
    model._data.clear()
    model._expiry_ms.clear()
    return OK


_COMMANDS: Final[dict[bytes, Callable[[RedisModel, Arguments], Any]]] = {
    b"PING": _ping,
    b"TIME": _time,
    b"TYPE": _type,
    b"DEL": _del,
    b"EXISTS": _exists,
    b"PEXPIRE": _pexpire,
    b"PERSIST": _persist,
    b"PTTL": _pttl,
    b"GET": _get,
    b"SET": _set,
    b"STRLEN": _strlen,
    b"INCR": _incr,
    b"HSET": _hset,
    b"HSETNX": _hsetnx,
    b"HGET": _hget,
    b"HEXISTS": _hexists,
    b"HMGET": _hmget,
    b"HGETALL": _hgetall,
    b"HKEYS": _hkeys,
    b"HLEN": _hlen,
    b"HDEL": _hdel,
    b"SADD": _sadd,
    b"SREM": _srem,
    b"SMEMBERS": _smembers,
    b"RPUSH": _rpush,
    b"RPOP": _rpop,
    b"LRANGE": _lrange,
    b"LTRIM": _ltrim,
    b"LREM": _lrem,
    **SORTED_COMMANDS,
    **STREAM_COMMANDS,
    b"SCRIPT": _script,
    b"EVALSHA": _evalsha,
    b"EVAL": _eval,
    b"FLUSHALL": _flushall,
}
