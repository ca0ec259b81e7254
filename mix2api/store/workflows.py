"""Drafts and definitions of workflows in Redis, sealed, each within its owner's keys."""

from collections.abc import Callable, Collection, Iterable
from typing import Final, TypeVar

import msgspec
from attrs import define, field
from msgspec import Struct

from mix2api.conversations.graph import Graph
from mix2api.conversations.graph_reading import read_graph
from mix2api.conversations.planner import SourceType
from mix2api.conversations.workflows import Definition, Draft, new_drafts
from mix2api.sealing import Seal
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.redis.link import RedisLink
from mix2api.store.shelf import Document, PutOutcome, Shelf, ShelfRules
from mix2api.vocabulary import Digest, Shard

DRAFTS_MAX: Final = 1000
"""Drafts of one owner. The oldest one that nobody has edited or published gives way to a new one."""
DEFINITIONS_MAX: Final = 200
"""Definitions of one owner: all of them are read for each turn, some 100 kB."""
_Head = TypeVar("_Head", bound=Struct)


@define(eq=False, kw_only=True)
class Workflows:
    """The workflows of a deployment. An owner is the fingerprint of a credential.

    Args:
        link: for short commands.
        keys: key names.
        seal: seals everything.
        damage: told of what cannot be read.
        shards: of the deployment.
        life_ms: how long a draft rests after its last change; 0: until it is deleted. Definitions rest until they are deleted.
    """

    _link: RedisLink
    _keys: Keys
    _seal: Seal
    _damage: DamageCounter
    _shards: int
    _life_ms: int
    _drafts: Shelf = field(init=False)
    _definitions: Shelf = field(init=False)

    @_drafts.default
    def _own_drafts(self) -> Shelf:
        return self._shelf(ShelfRules(kind="draft", most=DRAFTS_MAX, gives_way=True, life_ms=self._life_ms))

    @_definitions.default
    def _own_definitions(self) -> Shelf:
        return self._shelf(ShelfRules(kind="definition", most=DEFINITIONS_MAX, gives_way=False, life_ms=0))

    def digester(self, owner: Digest) -> Callable[[bytes], Digest]:
        """A keyed digest for ids: no owner can tell that another one has the same graph."""
        return lambda data: self._seal.digest(owner.encode() + data, "workflow")

    # --- drafts

    async def keep_draft(self, owner: Digest, graph: Graph, source: SourceType, now_ms: int) -> Draft | None:
        """The draft of a graph, which is written unless it stands.

        Returns:
            None if no more drafts are taken: `DRAFTS_MAX` of them have been edited, or too many began as this graph.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        digester = self.digester(owner)
        for draft in new_drafts(graph, source, now_ms, digester):
            outcome = await self._put_draft(owner, draft, 0, graph, now_ms)
            if outcome is PutOutcome.DONE:
                return draft
            if outcome is PutOutcome.FULL:
                return None
            found = await self.draft(owner, draft.draft_id, now_ms)
            if found is not None and found[1].digest(digester) == graph.digest(digester):
                return found[0]
        return None

    async def drafts(self, owner: Digest, start: int, count: int, now_ms: int) -> list[Draft]:
        """So many drafts from that place on, the last changed first.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        heads = await self._drafts.heads(owner, start, count, now_ms)
        return self._decoded(self._drafts, owner, heads, Draft)

    async def draft(self, owner: Digest, draft_id: str, now_ms: int) -> tuple[Draft, Graph] | None:
        """A draft with its graph; None if the owner has none of that id.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        return self._read(self._drafts, owner, await self._drafts.get(owner, draft_id, now_ms), Draft)

    async def change_draft(self, owner: Digest, draft: Draft, graph: Graph | None, now_ms: int) -> bool:
        """Writes the next version of a draft; gives whether the version before it stood.

        Args:
            owner: whose.
            draft: its new version.
            graph: None where it has not changed.
            now_ms: the moment of the change.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer; the change may or may not have been made.
        """
        outcome = await self._put_draft(owner, draft, draft.version - 1, graph, now_ms)
        return outcome is PutOutcome.DONE

    async def delete_draft(self, owner: Digest, draft_id: str) -> bool:
        """Removes a draft for good; gives whether there was one.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        return await self._drafts.delete(owner, draft_id)

    async def forget_untouched(self, owner: Digest, draft_ids: Collection[str]) -> None:
        """Removes those of the drafts that nobody has edited or published.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        await self._drafts.forget(owner, draft_ids, version=1)

    # --- definitions

    async def definitions(self, owner: Digest, now_ms: int) -> list[Definition]:
        """All definitions, the last changed first.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        heads = await self._definitions.heads(owner, 0, DEFINITIONS_MAX, now_ms)
        return self._decoded(self._definitions, owner, heads, Definition)

    async def definition(
        self, owner: Digest, definition_id: str, now_ms: int
    ) -> tuple[Definition, Graph] | None:
        """A definition with its graph; None if the owner has none of that id.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        found = await self._definitions.get(owner, definition_id, now_ms)
        return self._read(self._definitions, owner, found, Definition)

    async def add_definition(
        self, owner: Digest, definition: Definition, graph: Graph, now_ms: int
    ) -> PutOutcome:
        """Writes a new definition. `CONFLICT`: another one has just got its version.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer; the change may or may not have been made.
        """
        document = Document(
            id=definition.definition_id,
            version=definition.version,
            head=msgspec.json.encode(definition),
            body=msgspec.json.encode(graph.as_json()),
        )
        return await self._definitions.put(owner, document, 0, now_ms)

    async def change_definition(self, owner: Digest, definition: Definition, now_ms: int) -> bool:
        """Writes a definition whose status has changed; gives whether it still stood.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer; the change may or may not have been made.
        """
        document = Document(
            id=definition.definition_id, version=definition.version, head=msgspec.json.encode(definition)
        )
        outcome = await self._definitions.put(owner, document, definition.version, now_ms)
        return outcome is PutOutcome.DONE

    async def delete_definition(self, owner: Digest, definition_id: str) -> bool:
        """Removes a definition for good; gives whether there was one.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        return await self._definitions.delete(owner, definition_id)

    async def _put_draft(
        self, owner: Digest, draft: Draft, replaces: int, graph: Graph | None, now_ms: int
    ) -> PutOutcome:
        body = b"" if graph is None else msgspec.json.encode(graph.as_json())
        document = Document(
            id=draft.draft_id, version=draft.version, head=msgspec.json.encode(draft), body=body
        )
        return await self._drafts.put(owner, document, replaces, now_ms)

    def _shelf(self, rules: ShelfRules) -> Shelf:
        def names(owner: str) -> tuple[str, str, str]:
            shard = Shard(int(owner[:8], 16) % self._shards)
            return self._keys.workflows(shard, Digest(owner), rules.kind)

        return Shelf(link=self._link, seal=self._seal, damage=self._damage, rules=rules, names=names)

    @staticmethod
    def _decoded(shelf: Shelf, owner: Digest, heads: Iterable[bytes], kind: type[_Head]) -> list[_Head]:
        """The structs of heads. Those that are not of their form are left out, and counted as damage."""
        found: list[_Head] = []
        for head in heads:
            try:
                found.append(msgspec.json.decode(head, type=kind))
            except msgspec.MsgspecError:
                shelf.unreadable(owner)
        return found

    def _read(
        self, shelf: Shelf, owner: Digest, found: tuple[bytes, bytes] | None, kind: type[_Head]
    ) -> tuple[_Head, Graph] | None:
        if found is None:
            return None
        heads = self._decoded(shelf, owner, found[:1], kind)
        graph = read_graph(msgspec.json.decode(found[1]), None)
        if not isinstance(graph, Graph):
            shelf.unreadable(owner)
            return None
        return (heads[0], graph) if heads else None
