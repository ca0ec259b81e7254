"""The names of all keys in Redis. Every key of a shard carries its hash tag, so that a cluster keeps them in one slot."""

import re
from typing import Final

from attrs import field, frozen

from mix2api.vocabulary import Digest, ProcessId, RunId, SessionId, Shard

_NAME: Final = re.compile(r"[^:]*:(?:\{(s[0-9a-f]+)\}:|\{processes\}:)?\{?([a-z]+)")


def kind_of(key: str) -> tuple[str, str | None]:
    """What a key of ours is (`open`, `log`, `process`, `credential` ...), and its shard as it stands there (`s0f`).

    Neither tells of whom the key is.
    """
    found = _NAME.match(key)
    return ("unknown", None) if found is None else (found[2], found[1])


@frozen
class Keys:
    """Key names under one prefix."""

    prefix: str = "mix2api"
    is_clustered: bool = False
    """In a Redis Cluster the heartbeats share a hash tag with the set of processes: one transaction writes both."""
    _tags: dict[Shard, str] = field(factory=dict, init=False, repr=False, eq=False)
    _commits: dict[tuple[Shard, str], tuple[str, ...]] = field(factory=dict, init=False, repr=False, eq=False)

    def _shard(self, shard: Shard) -> str:
        tag = self._tags.get(shard)
        if tag is None:
            tag = self._tags[shard] = f"{self.prefix}:{{s{shard:02x}}}:"
        return tag

    def log(self, shard: Shard, session_id: SessionId) -> str:
        """Stream: the session's events."""
        return f"{self._tags.get(shard) or self._shard(shard)}log:{session_id}"

    def snapshot(self, shard: Shard, session_id: SessionId) -> str:
        """String: `<last event id> <folded state>`."""
        return f"{self._shard(shard)}snapshot:{session_id}"

    def open(self, shard: Shard) -> str:
        """Hash: run id -> what is known of an accepted run without an end."""
        return self._shard(shard) + "open"

    def inbox(self, shard: Shard) -> str:
        """Stream: sealed commands from other processes."""
        return self._shard(shard) + "inbox"

    def audit(self, shard: Shard) -> str:
        """Stream: one merged entry per ended run, receipts, and refused requests."""
        return self._shard(shard) + "audit"

    def lease(self, shard: Shard) -> str:
        """String with expiry: the owner's token."""
        return self._shard(shard) + "lease"

    def epoch(self, shard: Shard) -> str:
        """Counter without expiry: how often the lease was taken."""
        return self._shard(shard) + "epoch"

    def ledger(self, shard: Shard, process: ProcessId) -> str:
        """String with expiry: the number and verdicts of that process's last commit that cannot be judged by `seq`."""
        return f"{self._shard(shard)}ledger:{process}"

    def of_commit(self, shard: Shard, holder: str) -> tuple[str, ...]:
        """What every commit of a shard needs, in the append script's order. Kept: made thousands of times a second.

        Args:
            shard: of the commit.
            holder: who writes, `<process>:<nonce>`.
        """
        names = self._commits.get((shard, holder))
        if names is None:
            ledger = self.ledger(shard, ProcessId(holder.partition(":")[0]))
            names = (self.lease(shard), self.open(shard), self.audit(shard), self.inbox(shard), ledger)
            self._commits[shard, holder] = names
        return names

    @property
    def _fleet(self) -> str:
        return f"{self.prefix}:{{processes}}:" if self.is_clustered else f"{self.prefix}:"

    def process(self, process: ProcessId) -> str:
        """Hash with expiry: the heartbeat."""
        return f"{self._fleet}process:{process}"

    def processes(self) -> str:
        """Set: the processes that have shown a heartbeat; of those that are gone, some may still stand there."""
        return f"{self._fleet}processes"

    def mail(self, process: ProcessId) -> str:
        """Stream: what other processes have for this one, sealed."""
        return f"{self.prefix}:mail:{process}"

    def run(self, request_digest: Digest) -> str:
        """List with expiry: `<run id>@<session id>` of every run with that request id."""
        return f"{self.prefix}:run:{request_digest}"

    def refusal(self, request_digest: Digest) -> str:
        """List with expiry: the refused requests with that request id (`mix2api.events.refusal_entry`)."""
        return f"{self.prefix}:refusal:{request_digest}"

    def lineage(self, at: Digest) -> str:
        """List of the sessions that wait at that history."""
        return f"{self.prefix}:lineage:{at}"

    def name(self, name: Digest) -> str:
        """The session that a caller's name leads to."""
        return f"{self.prefix}:name:{name}"

    def owner(self, thing: Digest) -> str:
        """String with expiry: who made a response, or something in one; sealed."""
        return f"{self.prefix}:owner:{thing}"

    def vault(self, name: Digest) -> tuple[str, ...]:
        """A credential's keys, of one hash tag: value, lock, fence, pause, failures, news (a stream)."""
        stem = f"{self.prefix}:{{credential:{name}}}:"
        return tuple(stem + part for part in ("value", "lock", "fence", "pause", "failures", "news"))

    def account_states(self, pool: str) -> str:
        """Hash: account id -> what is known of it (`mix2api.accounts.state`).

        A pool's keys share one hash tag, so that one script reads a binding and all states (ADR 51).
        """
        return f"{self._pool(pool)}states"

    def account_limits(self, pool: str) -> str:
        """Hash with expiry: account id -> its models that are limited (`mix2api.accounts.model_limits`)."""
        return f"{self._pool(pool)}limits"

    def account_turns(self, pool: str) -> str:
        """Hash with expiry: account id -> its current weight in the smooth weighted choice."""
        return f"{self._pool(pool)}turns"

    def account_changes(self, pool: str) -> str:
        """Stream with expiry: each change of an account, with its state before and after."""
        return f"{self._pool(pool)}changes"

    def account_plan(self, pool: str) -> str:
        """Hash with expiry: for which choices the order counts (`mix2api.store.choice_script`)."""
        return f"{self._pool(pool)}plan"

    def account_order(self, pool: str) -> str:
        """List with expiry: the accounts that the next keys without a binding get."""
        return f"{self._pool(pool)}order"

    def account_roster(self, pool: str, digest: str) -> str:
        """Hash with expiry: the accounts that the file allows for some models, under the SHA-1 of their text.

        `|` -> the text (`mix2api.accounts.port.Roster.packed`), and each id -> nothing.
        """
        return f"{self._pool(pool)}roster:{digest}"

    def binding(self, pool: str, key: Digest, scope: str = "apikey") -> str:
        """Hash with expiry: the account to which an API key is bound, or what else the scope says."""
        return f"{self._pool(pool)}session:binding:{scope}:{key}"

    def _pool(self, pool: str) -> str:
        return f"{self.prefix}:{{accounts:{pool}}}:"

    def slo(self) -> str:
        """String with expiry: the kept fold of the service levels (`mix2api.projections.slo`)."""
        return f"{self.prefix}:slo"

    def trace(self, run_id: RunId) -> str:
        """String with expiry: one run's sealed trace (`mix2api.projections.traces`)."""
        return f"{self.prefix}:trace:{run_id}"

    def traces(self) -> str:
        """Sorted set with expiry: run ids by the moment at which they began, of the traces that rest."""
        return f"{self.prefix}:traces"

    def runtime_open(self) -> str:
        """Hash with expiry: run id -> its session in a runtime, sealed (`mix2api.sessions.runtime_sessions`)."""
        return f"{self.prefix}:{{runtime}}:open"

    def runtime_context(self, session: Digest) -> str:
        """String with expiry: the context of the tools inside a runtime session, sealed."""
        return f"{self.prefix}:{{runtime}}:context:{session}"

    def runtime_scope(self, scope_key: Digest) -> str:
        """Empty string with expiry: a client session of that scope has had a run."""
        return f"{self.prefix}:{{runtime}}:scope:{scope_key}"

    def transcript(self, line: Digest) -> str:
        """String with expiry: the words of a client session in a runtime, sealed (`mix2api.sessions.transcripts`)."""
        return f"{self.prefix}:transcript:{line}"

    def conversation(self, shard: Shard, conversation: Digest) -> tuple[str, ...]:
        """A conversation's keys, without an expiry or with that of conversations (`mix2api.store.conversations`).

        A stream of its events, a hash of folded states, a hash of sealed content, and a list of the turns with a plan.
        """
        stem = f"{self._shard(shard)}conversation:{conversation}:"
        return tuple(stem + part for part in ("log", "states", "content", "plans"))

    def conversing(self, shard: Shard) -> str:
        """Hash: `<conversation>:<turn>` of every turn without an end."""
        return self._shard(shard) + "conversing"

    def conversations(self, shard: Shard) -> str:
        """Sorted set: the shard's conversations by the moment at which they began."""
        return self._shard(shard) + "conversations"

    def user_conversations(self, user: Digest) -> str:
        """Sorted set, with the expiry of conversations: those of one user of one credential by the same moment."""
        return f"{self.prefix}:conversations:{user}"

    def process_settings(self, process: ProcessId) -> str:
        """String with expiry: the effective settings of one process, secrets masked, as JSON."""
        return f"{self.prefix}:settings:{process}"

    def release_state(self) -> str:
        """String: the release that stands (`mix2api.release.release.ReleaseState`). Without expiry: what it says holds.

        The keys of releases share one hash tag, so that one script writes the state and the history.
        """
        return f"{self.prefix}:{{release}}:state"

    def release_history(self) -> str:
        """Stream with expiry: the events of all releases."""
        return f"{self.prefix}:{{release}}:history"

    def release_gateway(self) -> str:
        """Stream with expiry: what became of telling the gateway its weights (`mix2api.release.gateway`)."""
        return f"{self.prefix}:{{release}}:gateway"

    def release_guard(self) -> str:
        """String with expiry: the last heartbeat of the release's guard."""
        return f"{self.prefix}:{{release}}:guard"

    def workflows(self, shard: Shard, owner: Digest, kind: str) -> tuple[str, str, str]:
        """An owner's documents of one kind, with the expiry of that kind (`mix2api.store.workflows`).

        A hash of sealed heads behind their versions, a hash of sealed graphs, and a sorted set of ids by their last change.
        """
        stem = f"{self._shard(shard)}{kind}:{owner}:"
        return stem + "heads", stem + "graphs", stem + "times"

    def release_evidence(self, name: str) -> str:
        """String with expiry: what a guard knew when it rolled a release back (`mix2api.release.evidence`)."""
        return f"{self.prefix}:{{release}}:evidence:{name}"

    def deployment(self) -> str:
        """Hash: what all processes of a deployment must agree on."""
        return f"{self.prefix}:deployment"
