"""A shelf: an owner's documents of one kind, each with a sealed head, a sealed body and a version. Three keys of one shard.

Heads are listed without their bodies. A change names the version that it was made from, and is refused where another one
stands: so of two people who edit one document, the second is told.
"""

from collections.abc import Callable, Collection
from enum import StrEnum

from attrs import define, field, frozen

from mix2api.sealing import Seal, UnsealError
from mix2api.store.damage import DamageCounter
from mix2api.store.redis.link import RedisLink
from mix2api.store.refusals import is_damage, told
from mix2api.store.scripts import run_scripts
from mix2api.store.shelf_scripts import FORGET, SHELVE


class PutOutcome(StrEnum):
    """What became of a change."""

    DONE = "done"
    CONFLICT = "conflict"
    FULL = "full"


@frozen(kw_only=True)
class ShelfRules:
    """What holds for a kind of documents."""

    kind: str
    most: int
    """Documents of one owner."""
    gives_way: bool
    """Whether a new document takes the place of the oldest one that nobody has changed, where the shelf is full."""
    life_ms: int
    """How long a document rests after its last change; 0: until it is deleted."""


@frozen(kw_only=True)
class Document:
    """A document that is written."""

    id: str
    version: int
    head: bytes = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    """Empty: as it was."""


@define(eq=False, kw_only=True)
class Shelf:
    """The documents of one kind.

    Args:
        link: for short commands.
        seal: seals heads and bodies, each for its place.
        damage: told of what cannot be read.
        rules: of the kind.
        names: gives the names of an owner's three keys: heads, bodies, times.
    """

    _link: RedisLink
    _seal: Seal
    _damage: DamageCounter
    rules: ShelfRules
    _names: Callable[[str], tuple[str, str, str]]

    async def put(self, owner: str, document: Document, replaces: int, now_ms: int) -> PutOutcome:
        """Writes a document.

        Args:
            owner: whose.
            document: its new state.
            replaces: the version that has to stand; 0: none.
            now_ms: the moment of the change.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer; the change may or may not have been made.
        """
        head = b"%d %b" % (document.version, self._sealed(owner, document.id, "head", document.head))
        body = self._sealed(owner, document.id, "body", document.body) if document.body else b""
        rules = self.rules
        call = SHELVE.call(
            list(self._names(owner)),
            [
                document.id,
                replaces or "",
                head,
                body,
                now_ms,
                rules.life_ms,
                rules.most,
                int(rules.gives_way),
            ],
        )
        (reply,) = told(await run_scripts(self._link, [call]))
        for key in reply[1:]:
            self._damage.removed(key.decode())
        return PutOutcome(reply[0].decode())

    async def get(self, owner: str, document_id: str, now_ms: int) -> tuple[bytes, bytes] | None:
        """Head and body of a document; None if there is none, or it cannot be read.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        heads, bodies, times = self._names(owner)
        replies = await self._link.execute(
            ("HGET", heads, document_id), ("HGET", bodies, document_id), ("ZSCORE", times, document_id)
        )
        if any(map(is_damage, replies)):
            self._damage.left(heads)
            return None
        head, body, changed = told(replies)
        if head is None or body is None or self._is_over(changed, now_ms):
            return None
        plain = self._opened(owner, document_id, "head", head), self._opened(owner, document_id, "body", body)
        return None if plain[0] is None or plain[1] is None else (plain[0], plain[1])

    async def heads(self, owner: str, start: int, count: int, now_ms: int) -> list[bytes]:
        """Heads of documents, the last changed first. Those that cannot be read are left out, and counted as damage.

        Args:
            owner: whose.
            start: documents that are passed over.
            count: at most so many.
            now_ms: now.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        name, _, times = self._names(owner)
        (reply,) = await self._link.execute(("ZREVRANGE", times, start, start + count - 1, "WITHSCORES"))
        if is_damage(reply):
            self._damage.left(times)
            return []
        words = told([reply])[0]
        ids = [
            one
            for one, changed in zip(words[::2], words[1::2], strict=True)
            if not self._is_over(changed, now_ms)
        ]
        if not ids:
            return []
        (reply,) = await self._link.execute(("HMGET", name, *ids))
        if is_damage(reply):
            self._damage.left(name)
            return []
        opened = (
            self._opened(owner, one.decode(errors="replace"), "head", head)
            for one, head in zip(ids, told([reply])[0], strict=True)
            if head is not None
        )
        return [head for head in opened if head is not None]

    async def delete(self, owner: str, document_id: str) -> bool:
        """Removes a document for good; gives whether there was one.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        heads, bodies, times = self._names(owner)
        replies = await self._link.execute(
            ("HDEL", heads, document_id), ("HDEL", bodies, document_id), ("ZREM", times, document_id)
        )
        if any(map(is_damage, replies)):
            self._damage.left(heads)
            return False
        return bool(told(replies)[0])

    async def forget(self, owner: str, document_ids: Collection[str], version: int) -> None:
        """Removes those of the documents that stand in this version.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        if document_ids:
            call = FORGET.call(list(self._names(owner)), [version, *document_ids])
            (mended,) = told(await run_scripts(self._link, [call]))
            for key in mended:
                self._damage.removed(key.decode())

    def unreadable(self, owner: str) -> None:
        """Counts a document as damage whose content was sealed by us, and is not of its form."""
        self._damage.left(self._names(owner)[0])

    def _is_over(self, changed: bytes | None, now_ms: int) -> bool:
        """Whether a document's life is over: the script removes it with the next change."""
        life_ms = self.rules.life_ms
        return bool(life_ms) and changed is not None and float(changed) <= now_ms - life_ms

    def _sealed(self, owner: str, document_id: str, part: str, plain: bytes) -> bytes:
        return self._seal.seal_bytes(plain, self._purpose(owner, document_id, part))

    def _opened(self, owner: str, document_id: str, part: str, value: bytes) -> bytes | None:
        sealed = value.partition(b" ")[2] if part == "head" else value
        try:
            return self._seal.unseal_bytes(sealed, self._purpose(owner, document_id, part))
        except UnsealError:
            self._damage.left(self._names(owner)[0 if part == "head" else 1])
            return None

    def _purpose(self, owner: str, document_id: str, part: str) -> bytes:
        """What is moved to another place cannot be unsealed there."""
        return f"{self.rules.kind}:{owner}:{document_id}:{part}".encode()
