"""A stream of the Redis model: entries by id, as far as the store's commands ask for them."""

from attrs import define, field

Id = tuple[int, int]
LAST: Id = (2**64 - 1, 2**64 - 1)


class StreamRefusal(Exception):
    """What Redis answers instead; the text is its error reply."""


@define(eq=False)
class Stream:
    """Entries in the order of their ids; each is an id and its fields and values, flat."""

    entries: list[tuple[Id, list[bytes]]] = field(factory=list)
    last: Id = (0, 0)

    def add(self, wanted: bytes, fields: list[bytes], now_ms: int) -> bytes:
        """Adds an entry under an id, or under the next one (`*`). Gives the id."""
        if wanted == b"*":
            if self.last == LAST:
                raise StreamRefusal(
                    "ERR The stream has exhausted the last possible ID, unable to add more items"
                )
            ms, seq = max((now_ms, 0), (self.last[0], self.last[1] + 1))
        else:
            ms, seq = read_id(wanted, 0)
            if (ms, seq) == (0, 0):
                raise StreamRefusal("ERR The ID specified in XADD must be greater than 0-0")
            if (ms, seq) <= self.last:
                raise StreamRefusal(
                    "ERR The ID specified in XADD is equal or smaller than the target stream top item"
                )
        self.last = (ms, seq)
        self.entries.append((self.last, fields))
        return show_id(self.last)

    def remove(self, ids: list[bytes]) -> int:
        gone = {read_id(id_, 0) for id_ in ids}
        before = len(self.entries)
        self.entries = [entry for entry in self.entries if entry[0] not in gone]
        return before - len(self.entries)

    def between(self, first: bytes, last: bytes, limit: int | None) -> list[tuple[Id, list[bytes]]]:
        """Borders are ids, of which the second half may be left out, `-`, `+`, or `(` and an id that is not meant."""
        low, high = _id_at(first, 0), _id_at(last, LAST[1])
        found = [
            entry
            for entry in self.entries
            if low <= entry[0] <= high
            and not (first[:1] == b"(" and entry[0] == low)
            and not (last[:1] == b"(" and entry[0] == high)
        ]
        return found if limit is None else found[:limit]

    def down(self, last: bytes, first: bytes, limit: int | None) -> list[tuple[Id, list[bytes]]]:
        found = self.between(first, last, None)[::-1]
        return found if limit is None else found[:limit]

    def after(self, id_: Id, limit: int) -> list[tuple[Id, list[bytes]]]:
        return [entry for entry in self.entries if entry[0] > id_][:limit]


def _id_at(border: bytes, missing_seq: int) -> Id:
    return read_id(border.removeprefix(b"("), missing_seq)


def read_id(word: bytes, missing_seq: int) -> Id:
    if word == b"-":
        return (0, 0)
    if word == b"+":
        return LAST
    ms, _, seq = word.partition(b"-")
    if not ms.isdigit() or (seq and not seq.isdigit()):
        raise StreamRefusal("ERR Invalid stream ID specified as stream command argument")
    return (int(ms), int(seq) if seq else missing_seq)


def show_id(id_: Id) -> bytes:
    return b"%d-%d" % id_


def shown(entries: list[tuple[Id, list[bytes]]]) -> list[list[object]]:
    """As a reply has them."""
    return [[show_id(id_), list(fields)] for id_, fields in entries]
