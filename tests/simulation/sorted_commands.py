"""The commands of sorted sets, over `RedisModel`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from simulation.redis_replies import Arguments, Refused, number_in

if TYPE_CHECKING:
    from simulation.redis_model import RedisModel


class SortedSet(dict[bytes, float]):
    """Members with their scores."""

    def ranked(self) -> list[bytes]:
        """The lowest score first; equal scores in the order of their members."""
        return sorted(self, key=lambda member: (self[member], member))


def _shown(table: SortedSet, members: list[bytes], *, with_scores: bool) -> list[bytes]:
    if not with_scores:
        return members
    return [word for member in members for word in (member, _score_word(table[member]))]


def _score_word(score: float) -> bytes:
    return b"%d" % score if score.is_integer() else b"%.17g" % score


def _score(word: bytes) -> float:
    try:
        return float(word)
    except ValueError:
        raise Refused("ERR value is not a valid float") from None


def _zadd(model: "RedisModel", of: Arguments) -> Any:
    key, *rest = of
    is_new_only = rest[0].upper() == b"NX"
    pairs = rest[is_new_only:]
    scores = [_score(word) for word in pairs[::2]]
    table = model.make(key, SortedSet)
    added = 0
    for score, member in zip(scores, pairs[1::2], strict=True):
        added += member not in table
        if not is_new_only or member not in table:
            table[member] = score
    return added


def _zrem(model: "RedisModel", of: Arguments) -> Any:
    table = model.get(of[0], SortedSet) or SortedSet()
    gone = sum(table.pop(member, None) is not None for member in of[1:])
    model.drop_empty(of[0])
    return gone


def _zscore(model: "RedisModel", of: Arguments) -> Any:
    table = model.get(of[0], SortedSet) or SortedSet()
    return _score_word(table[of[1]]) if of[1] in table else None


def _by_place(*, is_down: bool) -> "Callable[[RedisModel, Arguments], Any]":
    def run(model: "RedisModel", of: Arguments) -> Any:
        first, last = number_in(of[1]), number_in(of[2])
        table = model.get(of[0], SortedSet) or SortedSet()
        members = table.ranked()[::-1] if is_down else table.ranked()
        first, last = (place if place >= 0 else len(members) + place for place in (first, last))
        return _shown(table, members[max(0, first) : max(0, last + 1)], with_scores=b"WITHSCORES" in of[3:])

    return run


def _by_score(*, is_down: bool) -> "Callable[[RedisModel, Arguments], Any]":
    def run(model: "RedisModel", of: Arguments) -> Any:
        most, least = (_score(word) for word in (of[1:3] if is_down else of[2:0:-1]))
        table = model.get(of[0], SortedSet) or SortedSet()
        members = [member for member in table.ranked() if least <= table[member] <= most]
        if is_down:
            members.reverse()
        if b"LIMIT" in of:
            place = of.index(b"LIMIT")
            start, count = number_in(of[place + 1]), number_in(of[place + 2])
            members = members[start : start + count]
        return _shown(table, members, with_scores=b"WITHSCORES" in of[3:])

    return run


SORTED_COMMANDS: Final[dict[bytes, Callable[["RedisModel", Arguments], Any]]] = {
    b"ZADD": _zadd,
    b"ZREM": _zrem,
    b"ZSCORE": _zscore,
    b"ZRANGE": _by_place(is_down=False),
    b"ZREVRANGE": _by_place(is_down=True),
    b"ZRANGEBYSCORE": _by_score(is_down=False),
    b"ZREVRANGEBYSCORE": _by_score(is_down=True),
}
