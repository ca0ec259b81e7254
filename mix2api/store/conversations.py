"""Conversations in Redis: a log, folded states beside it, and sealed content apart from both. One hash tag each.

The log is the truth. Folded states save reading it: each change writes the events and the states that they make in one
script, which compares versions, so that two processes never change one turn from the same state. Damaged states are made
anew of the log.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from typing import Final
from weakref import WeakValueDictionary

import trio
from attrs import define, field

from mix2api.conversations.decided import Decided
from mix2api.conversations.events import (
    ConversationEvent,
    PlanMade,
    SessionCreated,
    TurnCreated,
    UnreadableConversation,
    decode,
    encode,
)
from mix2api.conversations.evolve import IllegalEvent
from mix2api.conversations.rebuilding import Rebuilt, rebuilt
from mix2api.conversations.snapshots import (
    SESSION_FIELD,
    message_field,
    start_field,
    state_bytes,
    turn_state_field,
)
from mix2api.sealing import Seal, UnsealError
from mix2api.store.conversation_scripts import COMMIT, REBUILD
from mix2api.store.damage import DamageCounter
from mix2api.store.keys import Keys
from mix2api.store.looked_conversation import Looked, Unreadable, Wanted, read_plans, read_states, state_after
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.refusals import is_damage, told
from mix2api.store.scripts import run_scripts
from mix2api.vocabulary import Digest, Shard

_PURPOSE: Final = "conversation"
_TRIES: Final = 64
"""For one change: each failed one means that another change was made meanwhile, and a turn has few writers."""
_TOGETHER: Final = 50
"""Sessions that are read in one round trip: a page's default. With the largest `metaInfo` they are 3 MB."""
_LOG_PAGE: Final = 1000
"""Events that are read in one round trip: some 200 kB."""


@define(eq=False, kw_only=True)
class Conversations:
    """The conversations of a deployment.

    Args:
        link: for short commands.
        keys: key names.
        seal: seals content.
        damage: told of what cannot be read.
        shards: of the deployment.
        life_ms: how long a conversation rests after its last change; 0: until it is deleted.
    """

    _link: RedisLink
    _keys: Keys
    _seal: Seal
    _damage: DamageCounter
    _shards: int
    life_ms: int = 0
    _bells: WeakValueDictionary[Digest, trio.Event] = field(factory=WeakValueDictionary, init=False)
    """Of conversations that somebody of this process waits for."""

    def shard(self, conversation: Digest) -> Shard:
        """The shard of a conversation: who holds its lease runs the conversation's turns."""
        return Shard(int(conversation[:8], 16) % self._shards)

    # --- reading

    async def look(
        self,
        conversation: Digest,
        turns: Iterable[int] = (),
        fields: Iterable[str] = (),
        plans: tuple[int, int] | None = None,
    ) -> Looked:
        """Reads a conversation's state in one round trip. Damaged states cost some more, once.

        Args:
            conversation: which one.
            turns: the turns whose states are wanted.
            fields: of the content.
            plans: first and last position in the list of plans, as `LRANGE` takes them.

        Raises:
            UnreadableConversation: neither states nor log can be read.
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        wanted = Wanted(tuple(turns), tuple(fields), plans)
        try:
            return await self._look(conversation, wanted)
        except UnreadableConversation:
            await self._mend(conversation)
            return await self._look(conversation, wanted)

    async def look_at_each(
        self, conversations: Sequence[Digest], fields: Iterable[str]
    ) -> list[Looked | Unreadable]:
        """Reads the sessions of several conversations: one round trip for each 50 of them. One that is damaged spoils no other.

        Args:
            conversations: which ones.
            fields: of each content.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        wanted = Wanted((), tuple(fields), None)
        found: list[Looked | Unreadable] = []
        for start in range(0, len(conversations), _TOGETHER):
            together = conversations[start : start + _TOGETHER]
            asked = [self._commands(conversation, wanted) for conversation in together]
            replies = iter(await self._link.execute(*chain.from_iterable(asked)))
            for conversation, commands in zip(together, asked, strict=True):
                own = list(islice(replies, len(commands)))
                try:
                    found.append(self._read(conversation, wanted, own))
                except UnreadableConversation:
                    found.append(await self._mended_or_not(conversation, wanted))
        return found

    async def _mended_or_not(self, conversation: Digest, wanted: Wanted) -> Looked | Unreadable:
        try:
            await self._mend(conversation)
            return await self._look(conversation, wanted)
        except UnreadableConversation:
            replies = await self._link.execute(*self._commands(conversation, wanted))
            return Unreadable(content=self._opened(conversation, wanted.fields, replies[2]))

    async def _look(self, conversation: Digest, wanted: Wanted) -> Looked:
        replies = await self._link.execute(*self._commands(conversation, wanted))
        return self._read(conversation, wanted, replies)

    def _commands(self, conversation: Digest, wanted: Wanted) -> list[Command]:
        log, states, content, plan_list = self._names(conversation)
        fields = (SESSION_FIELD, *(turn_state_field(turn) for turn in wanted.turns))
        commands: list[Command] = [("EXISTS", log), ("HMGET", states, *fields)]
        if wanted.fields:
            commands.append(("HMGET", content, *wanted.fields))
        if wanted.plans is not None:
            commands.append(("LRANGE", plan_list, *wanted.plans))
        return commands

    def _read(self, conversation: Digest, wanted: Wanted, replies: list[Reply]) -> Looked:
        session, turns = read_states(replies[1], wanted.turns, has_log=bool(told(replies[:1])[0]))
        return Looked(
            session=session,
            turns=turns,
            content=self._opened(conversation, wanted.fields, replies[2]) if wanted.fields else {},
            plans=() if wanted.plans is None else read_plans(replies[-1], session, wanted.plans),
        )

    async def turn_of_message(self, conversation: Digest, message: Digest) -> int | None:
        """The turn that a caller's message id belongs to."""
        _, states, *_ = self._names(conversation)
        (reply,) = await self._link.execute(("HGET", states, message_field(message)))
        if is_damage(reply):
            return None
        (number,) = told([reply])
        return int(number) if number is not None and number.isdigit() else None

    async def turn_start(self, conversation: Digest, turn: int) -> str | None:
        """The id in the log behind which a turn's events begin; None if there is no such turn.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        _, states, *_ = self._names(conversation)
        (reply,) = await self._link.execute(("HGET", states, start_field(turn)))
        if is_damage(reply):
            return None
        (position,) = told([reply])
        return None if position is None else str(position.decode("ascii", "replace"))

    async def events(
        self, conversation: Digest, after: str = "-", count: int = _LOG_PAGE
    ) -> list[tuple[str, ConversationEvent]]:
        """Events of the log in their order, with their ids.

        Args:
            conversation: whose.
            after: the id behind which they begin; `-`: the first one.
            count: at most so many.

        Raises:
            UnreadableConversation: an entry cannot be read.
        """
        log, *_ = self._names(conversation)
        start = after if after == "-" else f"({after}"
        (reply,) = await self._link.execute(("XRANGE", log, start, "+", "COUNT", count))
        if is_damage(reply):
            raise UnreadableConversation("damaged")
        return [(entry.decode(), _event(fields)) for entry, fields in told([reply])[0]]

    async def all_events(self, conversation: Digest, after: str = "-") -> list[tuple[str, ConversationEvent]]:
        """The events of `events`, to the end of the log: one round trip for each page.

        Raises:
            UnreadableConversation: an entry cannot be read.
        """
        found: list[tuple[str, ConversationEvent]] = []
        while page := await self.events(conversation, found[-1][0] if found else after):
            found += page
        return found

    # --- changing

    async def change(
        self,
        conversation: Digest,
        turn: int,
        decide: Callable[[Looked], Decided],
        fields: Iterable[str] = (),
    ) -> Looked:
        """Looks, decides, and commits what was decided; once more where something else was committed meanwhile.

        Args:
            conversation: which one.
            turn: the turn that the decision is about; 0: none that exists.
            decide: pure; may be called several times. What it raises ends the change.
            fields: of the content that the decision needs.

        Returns:
            The state after the change.

        Raises:
            UnreadableConversation: neither states nor log can be read.
            mix2api.errors.StoreUnavailable: the store does not answer; the change may or may not have been made.
        """
        wanted = list(fields)
        numbers = [turn] if turn else []
        for _ in range(_TRIES):
            looked = await self.look(conversation, numbers, wanted)
            decided = decide(looked)
            if not decided.events:
                return looked
            after = state_after(looked, decided.events)
            if await self._commit(conversation, looked, after, decided):
                return after
        raise AssertionError("a conversation is changed by nobody but its few writers")

    async def _commit(self, conversation: Digest, before: Looked, after: Looked, decided: Decided) -> bool:
        """Writes a change; gives whether it was made. It is not if something else was changed meanwhile."""
        changed: list[str | bytes | int] = []
        if after.session.version != before.session.version:
            expected = before.session.version or ""
            changed += (SESSION_FIELD, expected, state_bytes(after.session))
        for number, state in after.turns.items():
            stood = before.turns.get(number)
            if stood is not state:
                changed += (
                    turn_state_field(number),
                    "" if stood is None else stood.version,
                    state_bytes(state),
                )
        events = [word for event in decided.events for word in encode(event)]
        content = [
            word
            for name, data in decided.content.items()
            for word in (name, self._seal.seal_bytes(data, self._purpose(conversation, name)))
        ]
        look_ups = list(_look_ups(conversation, before, after, decided.events))
        shard = self.shard(conversation)
        keys = [*self._names(conversation), self._keys.conversing(shard), self._keys.conversations(shard)]
        lists = (changed, events, content, look_ups)
        counted = [word for words in lists for word in (len(words) // (2 if words is content else 3), *words)]
        (reply,) = told(await run_scripts(self._link, [COMMIT.call(keys, [self.life_ms, *counted])]))
        if reply == b"damaged":
            await self._mend(conversation)
        if reply == b"done":
            self.ring(conversation)
        return bool(reply == b"done")

    async def delete(self, conversation: Digest) -> bool:
        """Removes a conversation for good; gives whether there was one. Its turns have to be stopped before."""
        shard = self.shard(conversation)
        names = self._names(conversation)
        replies = await self._link.execute(
            ("DEL", *names),
            ("ZREM", self._keys.conversations(shard), conversation),
        )
        self.ring(conversation)
        return bool(told(replies[:1])[0])

    # --- waiting

    def bell(self, conversation: Digest) -> trio.Event:
        """Is set by the next change that this process makes or hears of. To be taken before a look, or the change may be missed.

        Other processes' changes are not heard of always: who waits looks again once in a while.
        """
        bell = self._bells.get(conversation)
        if bell is None:
            bell = self._bells[conversation] = trio.Event()
        return bell

    def ring(self, conversation: Digest) -> None:
        """Has everybody look who waits for a change of a conversation."""
        bell = self._bells.pop(conversation, None)
        if bell is not None:
            bell.set()

    # --- states

    def _names(self, conversation: Digest) -> tuple[str, ...]:
        return self._keys.conversation(self.shard(conversation), conversation)

    async def _mend(self, conversation: Digest) -> None:
        """Makes the states anew of the log; once more where an event was added to the log meanwhile.

        Raises:
            UnreadableConversation: the log cannot be read either. It stays where it is, to be looked into or deleted.
        """
        log, states, _content, plans = self._names(conversation)
        for _ in range(_TRIES):
            last, made = await self._rebuilt(conversation)
            fields = [word for pair in made.fields.items() for word in pair] if last else []
            call = REBUILD.call([log, states, plans], [last, len(fields) // 2, *fields, *made.plans])
            (reply,) = told(await run_scripts(self._link, [call]))
            if reply == b"done":
                self._damage.removed(states)
                return
        raise AssertionError("a conversation is changed by nobody but its few writers")

    async def _rebuilt(self, conversation: Digest) -> tuple[str, Rebuilt]:
        """What the log says, with the id of its last entry; an empty id if there is no log."""
        try:
            entries = await self.all_events(conversation)
            return (entries[-1][0] if entries else ""), rebuilt(entries)
        except (UnreadableConversation, IllegalEvent):
            self._damage.left(self._names(conversation)[0])
            raise UnreadableConversation("damaged") from None

    def _opened(self, conversation: Digest, names: Sequence[str], reply: Reply) -> dict[str, bytes]:
        _, _, content, _ = self._names(conversation)
        if is_damage(reply):
            self._damage.left(content)
            return {}
        found: dict[str, bytes] = {}
        for name, sealed in zip(names, told([reply])[0], strict=True):
            if sealed is None:
                continue
            try:
                found[name] = self._seal.unseal_bytes(sealed, self._purpose(conversation, name))
            except UnsealError:
                self._damage.left(content)
        return found

    @staticmethod
    def _purpose(conversation: Digest, name: str) -> bytes:
        """Content that is moved to another place cannot be unsealed there."""
        return f"{_PURPOSE}:{conversation}:{name}".encode()


def _look_ups(
    conversation: Digest, before: Looked, after: Looked, events: Iterable[ConversationEvent]
) -> Iterable[str | int]:
    """What, name and value of each look-up that changes."""
    for event in events:
        if isinstance(event, SessionCreated):
            yield from ("known", conversation, event.at_ms)
        elif isinstance(event, TurnCreated):
            yield from ("open", f"{conversation}:{event.turn}", event.turn)
            if event.client_message is not None:
                yield from ("message", message_field(event.client_message), event.turn)
        elif isinstance(event, PlanMade):
            yield from ("plan", event.turn, "")
    for number in before.session.open:
        # Should the entry of a turn have been lost, the next change of its session brings it back.
        word = "again" if number in after.session.open else "close"
        yield from (word, f"{conversation}:{number}", "")


def _event(fields: Sequence[bytes]) -> ConversationEvent:
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    try:
        return decode(named[b"k"], named[b"v"], named[b"d"])
    except KeyError:
        raise UnreadableConversation("damaged") from None
