"""What may stand in a key of ours without any process having written it: the table that the damage tests go through."""

from collections.abc import Iterator

from redis_server import RedisServer

Part = str | bytes | int
Damage = tuple[tuple[Part, ...], ...]
"""Commands; `KEY` in them is the key, which they find as it is."""

LAST_ID = "18446744073709551615-18446744073709551615"
_FAR_AHEAD = "9999999999999-0"
_A_NUMBER_OF_DIGITS = "9" * 5000
"""More than Python converts."""
_BIG = b"\xfe" * 1_000_000
_GONE: tuple[Part, ...] = ("DEL", "KEY")


def _whole(*commands: tuple[Part, ...]) -> Damage:
    return (_GONE, *commands)


WHOLE: dict[str, Damage] = {
    "nothing": _whole(),
    "a word": _whole(("SET", "KEY", "junk")),
    "a word that expires": _whole(("SET", "KEY", "junk", "PX", 60_000)),
    "an empty string": _whole(("SET", "KEY", "")),
    "bytes": _whole(("SET", "KEY", b"\xff\x00\xfe")),
    "a big string": _whole(("SET", "KEY", _BIG)),
    "a number": _whole(("SET", "KEY", "7")),
    "a number below zero": _whole(("SET", "KEY", "-7")),
    "the greatest number": _whole(("SET", "KEY", "9223372036854775807")),
    "a number of 5000 digits": _whole(("SET", "KEY", _A_NUMBER_OF_DIGITS)),
    "JSON": _whole(("SET", "KEY", '{"v":1}')),
    "a list": _whole(("RPUSH", "KEY", "junk", "", b"\xff", _A_NUMBER_OF_DIGITS)),
    "a set": _whole(("SADD", "KEY", "junk", "", b"\xff")),
    "a sorted set": _whole(("ZADD", "KEY", 1, "junk")),
    "a hash": _whole(("HSET", "KEY", "junk", "junk", "", "", b"\xff", b"\xff")),
    "a stream": _whole(("XADD", "KEY", "*", "a", "b")),
    "a stream of many fields": _whole(("XADD", "KEY", "*", *("a", b"\xff") * 600)),
    "a stream at its end": _whole(("XADD", "KEY", LAST_ID, "a", "b")),
    "an emptied stream at its end": _whole(("XADD", "KEY", LAST_ID, "a", "b"), ("XDEL", "KEY", LAST_ID)),
    "a stream far ahead": _whole(("XADD", "KEY", _FAR_AHEAD, "a", "b")),
}
"""In the place of a key."""

ENTRIES: dict[str, Damage] = {
    name: (("XADD", "KEY", *parts),)
    for name, parts in {
        "a foreign field": ("*", "a", "b"),
        "one of our fields": ("*", "k", "run"),
        "our fields, foreign values": ("*", "k", "run", "r", b"\xff", "s", "junk", "a", "[", "e", b"\xff"),
        "a receipt of nothing": ("*", "k", "receipt", "r", "", "s", "", "i", "", "w", b"\xff"),
        "a count of 5000 digits": ("*", "k", "refused", "n", _A_NUMBER_OF_DIGITS),
        "a payload without deadline": ("*", "p", b"\xff\x00"),
        "a payload and no number": ("*", "p", b"\xff" * 64, "t", "never"),
        "a payload and a number below zero": ("*", "t", "-1", "p", b"\xff" * 64),
        "a big payload": ("*", "p", _BIG, "t", "1"),
        "an event of a newer version": ("*", "k", "end", "v", "99", "d", "{}"),
        "an event of 5000 digits": ("*", "k", "end", "v", _A_NUMBER_OF_DIGITS, "d", b"\xff"),
        "empty words": ("*", "", ""),
        "an id far ahead": (_FAR_AHEAD, "a", "b"),
        "the last id": (LAST_ID, "a", "b"),
    }.items()
}
"""Added to a stream of ours. The last of them come last: nothing smaller can be added after them."""

_SESSION = "ses_0000AAAAAAAAAAAAAAAAAAAAAA_0123456789abcdef"
VALUES: dict[str, bytes] = {
    "a word": b"junk",
    "nothing": b"",
    "bytes": b"\xff\x00\xfe",
    "a big value": _BIG,
    "a number": b"1",
    "a holder and no more": b"1 p_1:n",
    "too few parts": b"1 p_1:n 1 p_2",
    "no session": f"1 p_1:n 1 p_2 {_SESSION[:-1]} []".encode(),
    "a session of another shard": f"1 p_1:n 1 p_2 {_SESSION.replace('0000', 'ffff', 1)} []".encode(),
    "a number below zero": f"-1 p_1:n 1 p_2 {_SESSION} []".encode(),
    "a number of 5000 digits": f"{_A_NUMBER_OF_DIGITS} p_1:n 1 p_2 {_SESSION} []".encode(),
    "a time of 5000 digits": f"1 p_1:n {_A_NUMBER_OF_DIGITS} p_2 {_SESSION} []".encode(),
    "a process of bytes": b"1 p_\xff:n 1 p_2 " + _SESSION.encode() + b" []",
}
"""Of a field that names a run."""
FIELDS: dict[str, Damage] = {
    **{f"{name} for a run": (("HSET", "KEY", "run_damaged", value),) for name, value in VALUES.items()},
    "fields of bytes": (("HSET", "KEY", b"\xff", b"\xff", "", "junk"),),
    "thousands of fields": (("HSET", "KEY", *(part for n in range(2500) for part in (f"run_{n}", "junk"))),),
}
"""Added to a hash of ours."""

TOKENS: dict[str, Damage] = {
    name: _whole(("SET", "KEY", *words))
    for name, words in {
        "a lease without expiry": ("p_gone:n:1",),
        "a lease for ages": ("p_gone:n:1", "PX", 99_999_999_999),
        "a lease of 5000 digits": (f"p_gone:n:{_A_NUMBER_OF_DIGITS}", "PX", 60_000),
        "a lease of bytes": (b"p_\xff:\xfe:1", "PX", 60_000),
        "a lease of too many parts": ("p:a:b:1", "PX", 60_000),
    }.items()
}
"""In a lease's place."""


def put(redis: RedisServer, key: str, damage: Damage) -> None:
    """Does the damage, all at once: no process gets in between."""
    commands = [[key if part == "KEY" else part for part in command] for command in damage]
    script = """
    local at = 1
    while at <= #ARGV do
      local words = {}
      for i = 1, tonumber(ARGV[at]) do words[i] = ARGV[at + i] end
      redis.call(unpack(words))
      at = at + #words + 1
    end"""
    arguments = [part for command in commands for part in (len(command), *command)]
    if len(arguments) < _AT_ONCE:
        reply = redis.command("EVAL", script, 0, *arguments)
        assert not isinstance(reply, Exception), reply
        return
    for command in commands:
        reply = redis.command(*command)
        assert not isinstance(reply, Exception), reply


_AT_ONCE = 4000
"""Words that a script's stack has room for."""


def groups(damages: dict[str, Damage], size: int) -> Iterator[dict[str, Damage]]:
    """The table in parts of so many."""
    names = list(damages)
    for first in range(0, len(names), size):
        yield {name: damages[name] for name in names[first : first + size]}
