"""Finds the turns of conversations that this process has to run, and runs them.

A turn is run by the process that owns its conversation's shard when the turn begins. That process keeps the turn when the
shard moves on. Whoever owns the shard then takes the turn only if that process is gone.
"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Protocol

import trio
from attrs import define, field

from mix2api.conversations.commands import StopTurn
from mix2api.conversations.events import UnreadableConversation
from mix2api.conversations.ids import TurnRef
from mix2api.conversations.states import Reason
from mix2api.errors import StoreUnavailable
from mix2api.execution.parts import ExecutionParts
from mix2api.execution.stalling import StallWatch
from mix2api.execution.turn_runner import TurnRunner
from mix2api.store.conversation_index import ConversationIndex
from mix2api.store.stopping import stop_turn
from mix2api.supervision import OnFault, contained
from mix2api.vocabulary import ProcessId, Shard

IsGone = Callable[[ProcessId], Awaitable[bool]]
"""Whether a process lives no more; raises `StoreUnavailable`."""


class HeldShards(Protocol):
    """The shards of this process."""

    held: frozenset[Shard]


@define(eq=False, kw_only=True)
class Executor:
    """Runs turns.

    Args:
        parts: what runs each of them.
        index: names the open ones.
        leases: say which shards are this process's.
        is_gone: of other processes.
        on_fault: told of faults of ours.
    """

    _parts: ExecutionParts
    _index: ConversationIndex
    _leases: HeldShards
    _is_gone: IsGone
    _on_fault: OnFault
    _running: set[TurnRef] = field(factory=set, init=False)
    _stirred: set[Shard] = field(factory=set, init=False)
    _stir: trio.Event = field(factory=trio.Event, init=False)
    _watch: StallWatch = field(init=False)
    """Of turns that other processes run."""

    @_watch.default
    def _own_watch(self) -> StallWatch:
        return StallWatch(self._parts.options.stall_s)

    def stir(self, shard: Shard) -> None:
        """Something has changed in a shard: looks there at once."""
        self._stirred.add(shard)
        self._stir.set()
        for turn in self._running:
            if self._parts.store.shard(turn.conversation) == shard:
                self._parts.store.ring(turn.conversation)

    async def run(self) -> None:
        """Runs turns until cancelled. Every shard is looked at once in a while, stirred ones at once."""
        async with trio.open_nursery() as nursery:
            sweep_at = trio.current_time()
            while True:
                shards: Iterable[Shard] = self._stirred & self._leases.held
                if trio.current_time() >= sweep_at:
                    shards, sweep_at = self._leases.held, trio.current_time() + self._parts.options.sweep_s
                self._stirred, self._stir = set(), trio.Event()
                try:
                    await self._look(shards, nursery)
                except StoreUnavailable:
                    sweep_at = trio.current_time() + self._parts.options.sweep_s
                with trio.move_on_at(sweep_at):
                    await self._stir.wait()

    async def _look(self, shards: Iterable[Shard], nursery: trio.Nursery) -> None:
        """Begins the turns that are due, and ends those that have stalled."""
        listed = list(shards)
        turns, damaged = await self._index.open_turns(listed) if listed else ([], [])
        for shard in damaged:
            turns += await self._found_again(shard)
        if self._leases.held.issubset(listed):
            self._watch.keep(turns)
        for turn in turns:
            if turn not in self._running:
                await contained("conversation", partial(self._consider, turn, nursery), self._tell_fault)

    async def _found_again(self, shard: Shard) -> list[TurnRef]:
        """The open turns of a shard whose list was lost: read from all of its conversations, and listed again."""
        found: list[TurnRef] = []
        seen = 0
        while page := await self._index.of_shard(shard, seen):
            seen += len(page)
            for conversation in page:
                with suppress(UnreadableConversation):
                    session = (await self._parts.store.look(conversation)).session
                    found += (TurnRef(conversation, number) for number in session.open)
        for turn in found:
            await self._index.note_turn(shard, turn)
        return found

    async def _consider(self, turn: TurnRef, nursery: trio.Nursery) -> None:
        store = self._parts.store
        shard = store.shard(turn.conversation)
        try:
            looked = await store.look(turn.conversation, [turn.number])
        except UnreadableConversation:
            await self._index.forget_turn(shard, turn)
            return
        state = looked.turns.get(turn.number)
        if state is None or state.has_ended:
            await self._index.forget_turn(shard, turn)
        elif looked.session.active != turn.number:
            return
        elif state.owner in {None, self._parts.process} or await self._is_gone(state.owner):
            self._running.add(turn)
            nursery.start_soon(self._run, turn)
        elif self._watch.has_stalled(turn, state.version):
            await self._stop(turn, Reason.STALLED)

    async def _run(self, turn: TurnRef) -> None:
        """Runs one turn to its end. A fault of ours fails the turn, and nothing else."""
        ran_well = False
        try:
            ran_well = await contained("turn", partial(self._run_watched, turn), self._on_fault)
            if not ran_well:
                await contained("turn", partial(self._stop, turn, Reason.ADAPTER_FAULT), self._tell_fault)
        finally:
            self._running.discard(turn)
            self.stir(self._parts.store.shard(turn.conversation))

    async def _run_watched(self, turn: TurnRef) -> None:
        try:
            await TurnRunner(self._parts, turn).run()
        except* StoreUnavailable:
            await trio.sleep(self._parts.options.sweep_s)  # the log says where it goes on

    async def _stop(self, turn: TurnRef, why: Reason) -> None:
        command = StopTurn(at_ms=self._parts.clock.now_ms(), why=why)
        await stop_turn(self._parts.store, turn.conversation, turn.number, command)

    def _tell_fault(self, name: str, fault: BaseException) -> None:
        """Tells of faults that are ours; that the store is away is told elsewhere."""
        if not isinstance(fault, StoreUnavailable):
            self._on_fault(name, fault)
