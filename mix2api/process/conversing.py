"""Conversations in one process: what reads and changes them, and, where the process has a worker, what runs their turns."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio
from attrs import define

from mix2api.actors.worker import MemoryDispatch
from mix2api.conversations.agents import Agent, agents_by_key, read_agents
from mix2api.edge.conversations.parts import ConversationParts
from mix2api.errors import StoreUnavailable
from mix2api.execution.drafting import Planning
from mix2api.execution.executor import Executor
from mix2api.execution.model_calls import ModelCalls
from mix2api.execution.options import ExecutionOptions
from mix2api.execution.parts import ExecutionParts
from mix2api.process.text_file import text_of
from mix2api.relay.messages import WakeUp
from mix2api.sessions.worker_port import Dispatch
from mix2api.settings import Settings
from mix2api.settings.bounds import DAY_MS
from mix2api.store.conversation_index import ConversationIndex
from mix2api.store.conversations import Conversations
from mix2api.store.workflows import Workflows
from mix2api.vocabulary import Digest, Shard

if TYPE_CHECKING:
    from mix2api.process.parts import Parts

_SWEEPS_PER_LEASE: Final = 3
"""As for lost runs: a turn of a lost process goes on at most a third of a lease after the loss is certain."""


def execution_options(settings: Settings) -> ExecutionOptions:
    """The limits of execution."""
    conversing = settings.conversing
    return ExecutionOptions(
        model=conversing.model or settings.listening.models[0],
        parallel=conversing.parallel,
        calls=conversing.calls,
        call_timeout_s=conversing.call_timeout_ms / 1000,
        stall_s=float(conversing.stall_s),
        sweep_s=settings.storing.lease_s / _SWEEPS_PER_LEASE,
    )


@define(eq=False)
class ConversingHalf:
    """Conversations in one process."""

    _parts: "Parts"
    store: Conversations
    index: ConversationIndex
    workflows: Workflows
    agents: Mapping[str, Agent]
    executor: Executor | None = None

    @classmethod
    def of(cls, parts: "Parts") -> "ConversingHalf | None":
        """What the settings ask for; None where there are no conversations."""
        conversing = parts.settings.conversing
        if not conversing.enabled:
            return None
        life_ms = conversing.retention_days * DAY_MS
        shards = parts.settings.storing.shards
        half = cls(
            parts,
            parts.store.conversations(shards, life_ms),
            parts.store.conversation_index(life_ms),
            parts.store.workflows(shards, life_ms),
            agents_by_key(listed_agents(parts.settings)),
        )
        if parts.half is not None:
            half.executor = _executor(parts, half)
        return half

    def edge_parts(self) -> ConversationParts:
        """What an edge needs."""
        return ConversationParts(
            store=self.store,
            index=self.index,
            workflows=self.workflows,
            agents=self.agents.keys(),
            busy=self._parts.settings.conversing.busy,
            stir=self.stir,
        )

    async def stir(self, conversation: Digest) -> None:
        """Tells whoever owns the conversation's shard that something has changed. Who is not reached looks by himself."""
        shard = self.store.shard(conversation)
        if self.executor is not None and self._parts.store.leases.token(shard) is not None:
            self.executor.stir(shard)
            return
        with suppress(StoreUnavailable):
            owner = await self._parts.store.post.lease_owner(shard)
            if owner is not None:
                self._parts.outbox.put(owner, WakeUp(shard))

    def woken(self, shard: Shard) -> None:
        """Another process has changed something in a shard."""
        if self.executor is not None:
            self.executor.stir(shard)


def _executor(parts: "Parts", half: ConversingHalf) -> Executor:
    options = execution_options(parts.settings)
    calls = ModelCalls(
        dispatch=_dispatch(parts),
        process=parts.store.process,
        mint=parts.mint,
        seal=parts.store.seal,
        sites=parts.sites(),
        slots=trio.CapacityLimiter(options.calls),
    )
    return Executor(
        parts=ExecutionParts(
            store=half.store,
            calls=calls,
            options=options,
            planner=Planning(
                workflows=half.workflows,
                agents=half.agents,
                clock=parts.clock,
                drafts=parts.settings.conversing.drafts,
            ),
            agents=half.agents,
            process=parts.store.process,
            clock=parts.clock,
        ),
        index=half.index,
        leases=parts.store.leases,
        is_gone=parts.store.heartbeat.is_gone,
        on_fault=parts.reporter.on_task_fault,
    )


def listed_agents(settings: Settings) -> tuple[Agent, ...]:
    """The agents of the file; none where no file is named.

    Raises:
        ConfigurationError: the file cannot be read, or is wrong.
    """
    path = settings.conversing.agents_file
    if path is None:
        return ()
    return read_agents(text_of(path, "MIX2API_CONVERSATIONS_AGENTS_FILE"), str(path))


def _dispatch(parts: "Parts") -> Dispatch:
    """Where model calls go: as an edge's requests do. A worker without an edge runs its own calls itself."""
    if parts.role.has_edge or parts.half is None:
        return parts.dispatch()
    return MemoryDispatch(parts.half.worker, parts.half.environment)
