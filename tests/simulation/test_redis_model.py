"""The Redis model against the real server: the same commands and the store's own scripts, and every reply compared."""

import hashlib
import re
from collections.abc import Callable
from random import Random
from typing import Any, Final

import hiredis
import pytest
from redis_server import RedisServer
from simulation.redis_model import RedisModel
from simulation.redis_replies import Arguments, Refusal, Status

from mix2api.store.account_scripts import CONFIRM, JUDGE
from mix2api.store.choice_script import CHOOSE
from mix2api.store.conversation_scripts import COMMIT, REBUILD
from mix2api.store.lua import Script
from mix2api.store.scripts import ACQUIRE, APPEND, CLEAR, HISTORY, MEND, RELEASE, SEIZE
from mix2api.store.shelf_scripts import FORGET, SHELVE
from mix2api.store.vault_scripts import CLAIM, GIVE_BACK, PUBLISH

_COMMANDS: Final = 600
_LOADED: Final = (
    *(ACQUIRE, APPEND, CLEAR, HISTORY, MEND, RELEASE, SEIZE, CLAIM, GIVE_BACK, PUBLISH),
    *(COMMIT, REBUILD, SHELVE, FORGET),
    *(CHOOSE, CONFIRM, JUDGE),
)
_KEYS: Final = (b"a", b"b", b"c")
_WORDS: Final = (b"x", b"y", b"1", b"-2", b"p_1:n:5", b"7 p_1:n 17 p_2 ses_0 asked", b"9223372036854775807")
_NUMBERS: Final = (b"0", b"1", b"-1", b"2", b"-3", b"7")
_IDS: Final = (
    b"*",
    b"*",
    b"*",
    b"1-1",
    b"5-0",
    b"99999999999999-0",
    b"18446744073709551615-18446744073709551615",
)
_BORDERS: Final = (b"-", b"+", b"1-1", b"(1-1", b"5", b"(5-0", b"99999999999999")
_LIVES: Final = (b"60000", b"90000000", b"-5")
Draw = Callable[[Random], Arguments]


def _one(*choices: bytes) -> Draw:
    return lambda random: [random.choice(choices)]


def _of(*parts: bytes | Draw) -> Draw:
    def draw(random: Random) -> Arguments:
        return [word for part in parts for word in ([part] if isinstance(part, bytes) else part(random))]

    return draw


_KEY, _WORD, _NUMBER = _one(*_KEYS), _one(*_WORDS), _one(*_NUMBERS)
_COUNT: Final = _one(b"1", b"2", b"1000")
_ORDINARY: Final[tuple[Draw, ...]] = (
    _of(b"PING"),
    _of(b"TYPE", _KEY),
    _of(b"DEL", _KEY, _KEY),
    _of(b"EXISTS", _KEY, _KEY),
    _of(b"PEXPIRE", _KEY, _one(*_LIVES)),
    _of(b"PTTL", _KEY),
    _of(b"GET", _KEY),
    _of(b"SET", _KEY, _WORD),
    _of(b"SET", _KEY, _WORD, b"PX", _one(*_LIVES[:2])),
    _of(b"SET", _KEY, _WORD, b"NX", b"PX", _one(*_LIVES[:2])),
    _of(b"STRLEN", _KEY),
    _of(b"INCR", _KEY),
    _of(b"HSET", _KEY, _WORD, _WORD, _WORD, _WORD),
    _of(b"HSETNX", _KEY, _WORD, _WORD),
    _of(b"HGET", _KEY, _WORD),
    _of(b"HEXISTS", _KEY, _WORD),
    _of(b"HMGET", _KEY, _WORD, _WORD),
    _of(b"HGETALL", _KEY),
    _of(b"HDEL", _KEY, _WORD, _WORD),
    _of(b"HKEYS", _KEY),
    _of(b"HLEN", _KEY),
    _of(b"PERSIST", _KEY),
    _of(b"ZADD", _KEY, _NUMBER, _WORD, _NUMBER, _WORD),
    _of(b"ZADD", _KEY, _NUMBER, _WORD),
    _of(b"ZADD", _KEY, b"NX", _NUMBER, _WORD),
    _of(b"ZREM", _KEY, _WORD, _WORD),
    _of(b"ZSCORE", _KEY, _WORD),
    _of(b"ZRANGE", _KEY, _NUMBER, _NUMBER),
    _of(b"ZREVRANGE", _KEY, _NUMBER, _NUMBER, b"WITHSCORES"),
    _of(b"ZRANGEBYSCORE", _KEY, b"-inf", _NUMBER, b"LIMIT", b"0", b"2"),
    _of(b"ZREVRANGEBYSCORE", _KEY, b"+inf", _NUMBER, b"WITHSCORES", b"LIMIT", b"1", b"2"),
    _of(b"SADD", _KEY, _WORD, _WORD),
    _of(b"SREM", _KEY, _WORD),
    _of(b"SMEMBERS", _KEY),
    _of(b"RPUSH", _KEY, _WORD),
    _of(b"RPUSH", _KEY, _WORD),
    _of(b"RPOP", _KEY),
    _of(b"LRANGE", _KEY, _NUMBER, _NUMBER),
    _of(b"LTRIM", _KEY, _NUMBER, _NUMBER),
    _of(b"LREM", _KEY, b"0", _WORD),
    _of(b"XADD", _KEY, _one(*_IDS), _WORD, _WORD),
    _of(b"XADD", _KEY, b"MAXLEN", b"~", b"10000", b"*", _WORD, _WORD),
    _of(b"XADD", _KEY, b"MINID", b"~", b"1", b"*", _WORD, _WORD),
    _of(b"XRANGE", _KEY, _one(*_BORDERS), _one(*_BORDERS)),
    _of(b"XRANGE", _KEY, _one(*_BORDERS), _one(*_BORDERS), b"COUNT", _COUNT),
    _of(b"XREVRANGE", _KEY, _one(*_BORDERS), _one(*_BORDERS), b"COUNT", _COUNT),
    _of(b"XDEL", _KEY, _one(b"1-1", b"5-0", b"9-9")),
    _of(b"XLEN", _KEY),
    _of(b"XTRIM", _KEY, b"MAXLEN", b"~", b"10000"),
    _of(b"XREAD", b"COUNT", _COUNT, b"STREAMS", _KEY, _one(b"0-0", b"1-1", b"5")),
    _of(b"EVAL", b"return {1, 'a', {2.7, false, 'c'}, redis.call('TYPE', KEYS[1]), true}", b"1", _KEY),
    _of(b"EVAL", b"return redis.pcall('GET', KEYS[1])", b"1", _KEY),
    _of(b"EVAL", b"return redis.sha1hex(ARGV[1])", b"1", _KEY, _WORD),
)


def _script(script: Script, keys: int, *arguments: bytes | Draw) -> Draw:
    places = (_KEY,) * keys
    return _of(b"EVALSHA", script.sha.encode(), b"%d" % keys, *places, *arguments)


_TOKEN: Final = _one(b"p_1:n:5", b"p_2:m:6", b"")
_RUN: Final = _one(b"x", b"y")
_SCRIPTS: Final[tuple[Draw, ...]] = (
    _script(ACQUIRE, 2, _one(b"p_1:n", b"p_2:m"), b"60000"),
    _script(RELEASE, 1, _TOKEN),
    _script(HISTORY, 2),
    _script(SEIZE, 2, _TOKEN, _RUN, b"p_1", b"p_2:m"),
    _script(CLEAR, 2, _TOKEN, _RUN, b"0" * 40),
    _script(MEND, 1),
    _script(CLAIM, 6, _one(b"", b"x"), b"p_1", b"n", b"60000"),
    _script(PUBLISH, 6, _one(b"x", b"p_1:n:1", b"p_1:n:2"), b"sealed", b"60000"),
    _script(GIVE_BACK, 6, _one(b"x", b"p_1:n:1", b"p_1:n:2"), b"why", _one(b"0", b"5000")),
)


def _append(random: Random) -> Arguments:
    """One commit of one entry, or of two, on keys of their own or on those of everybody."""
    names = [b"lease", b"open", b"audit", b"inbox", b"ledger"]
    if random.random() < 0.3:
        names[random.randrange(5)] = random.choice(_KEYS)
    keys, arguments = names, [random.choice((b"p_1:n:5", b"", b"p_1:n:6")), b"p_1:n", b"90000000"]
    arguments += [random.choice((b"", b"1", b"2")), random.choice((b"0", b"1"))]
    for _ in range(random.choice((1, 1, 2))):
        kind = random.choice((1, 0, 2, 3, 6, 8, 16))
        if kind == 8:
            entry = [b"k", b"receipt", b"r", random.choice(_WORDS)]
        else:
            keys.append(random.choice((b"log:1", b"log:2", b"a")))
            if kind & 4:
                keys.append(b"snapshot:1")
            due = random.choice((1, 2, 3))
            entry = [random.choice((b"x", b"y")), b"%d" % due, b"%d" % (due + 1), b"17 p_2 ses_0 asked"]
            if kind & 2:
                entry += [b"ended", b"", b"folded"]
            if kind & 1:
                entry.append(random.choice((b"", b"1-1", b"5-0")))
            entry += [random.choice((b"request", b"end", b"session")), b"1", random.choice(_WORDS)]
        arguments += [b"%d" % (len(entry) + 2), b"%d" % kind, *entry]
    return [b"EVALSHA", APPEND.sha.encode(), b"%d" % len(keys), *keys, *arguments]


def _commit(random: Random) -> Arguments:
    """A change of a conversation, on keys of its own or on those of everybody."""
    keys = [b"c-log", b"c-states", b"c-content", b"c-plans", b"c-open", b"c-all"]
    if random.random() < 0.4:
        keys[random.randrange(6)] = random.choice(_KEYS)
    number = random.choice((b"1", b"2"))
    lists = (
        [[b"turn:1", random.choice((b"", b"1", b"2")), random.choice((b"1 x", b"2 x"))]],
        [[b"turn", b"1", random.choice(_WORDS)]] * random.choice((0, 1, 2)),
        [[b"answer:1", random.choice(_WORDS)]] * random.choice((0, 1)),
        [
            [what, b"c:%b" % number, number]
            for what in random.sample((b"plan", b"open", b"again", b"close", b"known", b"message"), 2)
        ],
    )
    words = [word for rows in lists for word in (b"%d" % len(rows), *(word for row in rows for word in row))]
    life = random.choice((b"0", b"60000"))
    return [b"EVALSHA", COMMIT.sha.encode(), b"6", *keys, life, *words]


_CONVERSING: Final[tuple[Draw, ...]] = (
    *(_commit,) * 3,
    _of(
        *(b"EVALSHA", REBUILD.sha.encode(), b"3", _one(b"c-log", b"a"), b"c-states", b"c-plans"),
        *(b"", b"1", b"turn:1", b"1 x", b"1", b"2"),
    ),
    _of(b"HGETALL", _one(b"c-states", b"c-content", b"c-open")),
    _of(b"ZRANGE", b"c-all", b"0", b"-1"),
    _of(b"LRANGE", b"c-plans", b"0", b"-1"),
    _of(b"XRANGE", b"c-log", b"-", b"+"),
    _script(
        *(SHELVE, 3, _one(b"x", b"y", b"z"), _one(b"", b"1", b"2"), _one(b"1 h", b"2 h"), _one(b"", b"body")),
        *(_one(b"1", b"7", b"100000"), _one(b"0", b"60000"), b"2", _one(b"0", b"1")),
    ),
    _script(FORGET, 3, b"1", b"x", b"y"),
)
"""What conversations and their workflows ask."""


_ROSTER: Final = (
    b"|" + b"|".join(b"a%d %d %d" % (number, 1 + number % 3, number // 7) for number in range(9)) + b"|"
)
_ROSTER_DIGEST: Final = hashlib.sha1(_ROSTER, usedforsecurity=False).hexdigest().encode()
_POOL: Final = (b"states", b"turns", b"limits", b"changes", b"plan", b"order", b"roster")


def _choose(random: Random) -> Arguments:
    """A choice, on keys of its own or on one of those of everybody. Nothing is half-open: its times would be the server's."""
    keys = [b"binding:%d" % random.randrange(40), *_POOL]
    if random.random() < 0.1:
        keys[random.randrange(8)] = random.choice(_KEYS)
    is_kept = random.random() < 0.9
    roster = random.choice((b"", _ROSTER)) if is_kept else b"|a3 1 0|"
    return [
        *(b"EVALSHA", CHOOSE.sha.encode(), b"8", *keys),
        *(random.choice((b"1", b"1", b"1", b"0", b"2")), random.choice((b"", b"", b"", b"|a1 t|"))),
        *(b"300000", b"3600000", b"30000", b"openai", b"m", roster, b"m", _ROSTER_DIGEST if is_kept else b""),
    ]


def _judge(random: Random) -> Arguments:
    text = random.choice((b"", b"disabled 0 0 - 0 0 1 x", b"valid 0 0 3 0 0 1 x", b"valid 0 1 - 0 0 1 x"))
    account, before = b"a%d" % random.randrange(9), random.choice((b"", b"disabled 0 0 - 0 0 1 x"))
    told = random.choice(([], [b"", before or b"-", text or b"-"]))
    return [
        b"EVALSHA",
        JUDGE.sha.encode(),
        b"3",
        b"states",
        b"changes",
        b"plan",
        account,
        before,
        text,
        b"0",
        *told,
    ]


_CHOOSING: Final[tuple[Draw, ...]] = (
    *(_choose,) * 12,
    _judge,
    _of(
        *(b"EVALSHA", CONFIRM.sha.encode(), b"1", _one(b"binding:1", b"binding:2", b"a")),
        *(b"3600000", _one(b"a1", b"a2"), b"openai", b"m"),
    ),
    _of(b"HMGET", b"plan", b"stamp", b"until", b"limited", b"fit", b"last"),
    _of(b"LRANGE", b"order", b"0", b"-1"),
    _of(b"HMGET", b"turns", *(b"a%d" % number for number in range(9))),
    _of(b"HMGET", _one(b"binding:1", b"binding:2"), b"account", b"confirmed", b"platform", b"model"),
)
"""What pools of accounts ask."""


_LEASE: Final[tuple[Draw, ...]] = (
    _of(b"SET", b"lease", _one(b"p_1:n:5", b"p_2:m:6"), b"PX", b"60000"),
    _of(b"HGETALL", b"open"),
    _of(b"XRANGE", b"audit", b"-", b"+"),
    _of(b"XRANGE", _one(b"log:1", b"log:2"), b"-", b"+"),
    _of(b"GET", _one(b"ledger", b"snapshot:1")),
)


_OF_NOW: Final = re.compile(rb"1[0-9]{15}|1[0-9]{9}000000|1[0-9]{12}(-[0-9]+)?")
"""Ids, epochs, fences and moments that come from a server's clock: both have one there, and they are not the same."""


def _plain(reply: Any) -> Any:
    """A reply as both servers can give it."""
    if isinstance(reply, list):
        return [_plain(each) for each in reply]
    if isinstance(reply, bytes):
        return _OF_NOW.sub(b"<now>", reply)
    if isinstance(reply, hiredis.ReplyError):
        return _word(str(reply))
    if isinstance(reply, Refusal):
        return _word(reply.text)
    if isinstance(reply, Status):
        return reply.text
    if isinstance(reply, int) and reply > 10**15:
        return b"<now>"
    # What is left of a life depends on when it is asked.
    return round(reply, -4) if isinstance(reply, int) and reply > 10_000 else reply


def _word(refusal: str) -> str:
    """Of a refusal, what the store looks at: that it is one, and whether it is damage."""
    known = re.search("WRONGTYPE|NOSCRIPT|last possible|smaller than|integer|overflow", refusal)
    return f"refused: {known[0] if known else 'otherwise'}"


def _ask(server: RedisServer, command: Arguments) -> Any:
    reply = server.command(*command)
    # The order of members is no promise.
    return sorted(reply) if command[0] == b"SMEMBERS" and isinstance(reply, list) else reply


@pytest.mark.parametrize("seed", range(8))
def test_the_model_answers_as_the_server_does(redis_server: RedisServer, seed: int) -> None:
    random = Random(seed)
    now_us = [1_700_000_000_000_000]

    def clock() -> int:
        now_us[0] += 1000
        return now_us[0]

    model = RedisModel(clock)
    for script in _LOADED:
        load = [b"SCRIPT", b"LOAD", script.text.encode()]
        assert _ask(redis_server, load) == model.run(load)
    told: list[Arguments] = []
    for _ in range(_COMMANDS):
        draws = (*_ORDINARY, *_SCRIPTS * 2, *(_append,) * 30, *_LEASE * 2, *_CONVERSING * 3, *_CHOOSING * 2)
        command = random.choice(draws)(random)
        told.append(command)
        there, here = _ask(redis_server, command), model.run(command)
        assert _plain(here) == _plain(there), f"{command} after {told[-6:-1]}: {here} instead of {there}"
