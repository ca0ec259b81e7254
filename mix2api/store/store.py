"""The open store: its parts, as the composition root hands them down."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from mix2api.clock import Clock
from mix2api.errors import StoreUnavailable
from mix2api.sealing import Seal
from mix2api.store.accounts import RedisAccounts
from mix2api.store.audit_stream import AuditStream
from mix2api.store.census import Census
from mix2api.store.conversation_index import ConversationIndex
from mix2api.store.conversations import Conversations
from mix2api.store.damage import DamageCounter
from mix2api.store.gateway_log import GatewayLog
from mix2api.store.guard_seat import GuardSeat
from mix2api.store.heartbeat import Heartbeat
from mix2api.store.kept_slo import KeptSlo
from mix2api.store.keys import Keys
from mix2api.store.leases import Leases
from mix2api.store.log import OpenEntry, RedisEventLog
from mix2api.store.owners import RedisOwners
from mix2api.store.post import MailReader, Post
from mix2api.store.process_settings import ProcessSettings
from mix2api.store.recorded_sessions import RecordedSessions
from mix2api.store.redis.cluster import Cluster
from mix2api.store.redis.link import RedisLink
from mix2api.store.redis.location import RedisLocation
from mix2api.store.refused_requests import RefusedRequests
from mix2api.store.release_evidence import KeptEvidence
from mix2api.store.release_log import ReleaseLog
from mix2api.store.request_file import RequestFiles
from mix2api.store.runtime_sessions import RedisRuntimeSessions
from mix2api.store.session_index import RedisSessionIndex
from mix2api.store.spread import Spread
from mix2api.store.traces import Traces
from mix2api.store.transcripts import RedisTranscripts
from mix2api.store.vault import RedisVault
from mix2api.store.willingness import Unwilling, Willingness
from mix2api.store_watch import Silence
from mix2api.supervision import OnFault
from mix2api.vocabulary import ProcessId, Shard

if TYPE_CHECKING:
    from mix2api.store.workflows import Workflows


@define(eq=False)
class TaskFaults:
    """Faults of the store's own tasks, for whoever writes the log; commands have none."""

    on_fault: OnFault = field(default=lambda _name, _fault: None)
    """Set by the composition root."""

    def __call__(self, name: str, fault: BaseException) -> None:
        """A task failed, and begins again."""
        self.on_fault(name, fault)


@frozen(kw_only=True)
class Store:
    """The open store. A connection is made when it is first used; a task of its own reads its replies."""

    process: ProcessId
    seal: Seal
    keys: Keys
    location: RedisLocation
    log: RedisEventLog
    refused: RefusedRequests
    files: RequestFiles
    slo: KeptSlo
    traces: Traces
    runtime: RedisRuntimeSessions
    transcripts: RedisTranscripts
    leases: Leases
    heartbeat: Heartbeat
    spread: Spread
    census: Census
    post: Post
    mail: MailReader
    audit: AuditStream
    sessions: RedisSessionIndex
    vault: RedisVault
    recorded: RecordedSessions
    release: ReleaseLog
    guard: GuardSeat
    evidence: KeptEvidence
    gateway: GatewayLog
    process_settings: ProcessSettings
    willingness: Willingness
    damage: DamageCounter
    faults: TaskFaults
    links: tuple[RedisLink, ...]
    cluster: Cluster | None = None
    """None: there is one server."""

    async def open_entries(self) -> list[OpenEntry]:
        """The accepted runs without an end, of all shards.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        return await self.log.open_entries([Shard(number) for number in range(self.audit.shards)])

    @property
    def beating(self) -> RedisLink:
        """The connection of leases and heartbeats: the one that is used all the time."""
        return self.links[2]

    def accounts(self, pool: str, ttl_s: int, clock: Clock, scope: str = "apikey") -> RedisAccounts:
        """The accounts of one kind of upstream.

        Args:
            pool: the kind.
            ttl_s: seconds that a binding lives after its last use.
            clock: for the times of states.
            scope: of its bindings.
        """
        return RedisAccounts(
            link=self.links[0],
            keys=self.keys,
            clock=clock,
            damage=self.damage,
            pool=pool,
            ttl_s=ttl_s,
            scope=scope,
        )

    def conversations(self, shards: int, life_ms: int) -> Conversations:
        """Conversations.

        Args:
            shards: of the deployment.
            life_ms: how long each rests after its last change; 0: until it is deleted.
        """
        return Conversations(
            link=self.links[0],
            keys=self.keys,
            seal=self.seal,
            damage=self.damage,
            shards=shards,
            life_ms=life_ms,
        )

    def conversation_index(self, life_ms: int) -> ConversationIndex:
        """Which conversations there are."""
        return ConversationIndex(link=self.links[0], keys=self.keys, damage=self.damage, life_ms=life_ms)

    def workflows(self, shards: int, life_ms: int) -> "Workflows":
        """Drafts and definitions of workflows.

        Args:
            shards: of the deployment.
            life_ms: how long a draft rests after its last change; 0: until it is deleted.
        """
        # Loaded here: templates need jinja2, which a tenth of a command's start would go to.
        from mix2api.store.workflows import Workflows  # noqa: PLC0415

        return Workflows(
            link=self.links[0],
            keys=self.keys,
            seal=self.seal,
            damage=self.damage,
            shards=shards,
            life_ms=life_ms,
        )

    def owners(self, ttl_s: int) -> RedisOwners:
        """Who made which response.

        Args:
            ttl_s: seconds for which that is kept.
        """
        return RedisOwners(
            link=self.links[0], keys=self.keys, seal=self.seal, damage=self.damage, ttl_s=ttl_s
        )

    @property
    def is_down(self) -> bool:
        """Whether appends would have to wait for Redis to come back, as far as anything has shown. Never waits."""
        return self.log.is_down or self.beating.is_down

    def reachable(self, shards: Iterable[Shard]) -> list[Shard]:
        """Those of the shards whose server answers: all of them, unless some masters of a cluster are away. Never waits."""
        return [shard for shard in shards if not self.is_away(shard)]

    def is_away(self, shard: Shard) -> bool:
        """Whether the master of a shard is known to be away, in a Redis Cluster. Never waits."""
        return self.cluster is not None and self.cluster.is_away(self.keys.lease(shard))

    def mail_silence(self) -> Silence:
        """As `silence`, for what waits for mail to this process. Never waits."""
        if self.cluster is not None:
            return self.cluster.silence_at(self.keys.mail(self.process))
        return self.silence()

    async def connect(self) -> None:
        """Connects what requests wait for: in a burst at the start, a connection takes longer than the burst's first may wait.

        A store that does not answer is no fault here: who uses it hears of that.
        """
        for link in self.links[:2]:
            for server in link.servers():
                with suppress(StoreUnavailable):
                    await server.execute(("PING",))

    @property
    def unwilling(self) -> Unwilling | None:
        """The word with which Redis refuses to work, as far as anything has shown; None if it works, or says nothing."""
        word = self.willingness.word or self.beating.why
        return (
            word if self.cluster is None or self.is_down else None
        )  # one master's refusal stops its own shards

    def silence(self) -> Silence:
        """The connections for short commands that do not answer now, and since when; empty if all do. Never waits.

        In a cluster it is empty as long as any master answers: those who wait for another one are told by its own watch.
        """
        if self.cluster is not None:
            return self.cluster.silence()
        found = ((link.name, link.silent_since_ms) for link in self.links[:3])
        return frozenset((name, since_ms) for name, since_ms in found if since_ms is not None)
