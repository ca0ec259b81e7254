"""The port through which the event log is written and read: what the store promises, nothing of how.

Promises: an `Append` is written whole or not at all, at most once, in `seq` order per run, and only by the process
that holds the run (`Outcome`). A `Ticket` tells when it is durable. Nobody blocks in `submit`.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol

from attrs import field, frozen

from mix2api.events.edge_times import EdgeTimes
from mix2api.events.kinds import Event, SessionNote
from mix2api.vocabulary import Digest, EndReason, ProcessId, Receipt, RequestId, RunId, SessionId


class Outcome(StrEnum):
    """What became of an append."""

    APPENDED = "appended"
    ALREADY = "already"
    """It stood there: a repeat after a lost reply. As good as `APPENDED`."""
    FENCED = "fenced"
    """Another process holds the run or the shard; nothing was written and nothing will be."""
    DROPPED = "dropped"
    """It never reached the store (withdrawn, or chunk events over the spool's limit); nothing was written."""


DURABLE: Final = frozenset({Outcome.APPENDED, Outcome.ALREADY})
"""It stands in the log."""


@frozen(kw_only=True)
class Opening:
    """What a run's first append adds beside its events: the `open` entry and the look-up by request id."""

    edge: ProcessId
    request_digest: Digest
    summary: bytes
    """The `request` half of the audit entry (`mix2api.events.audit_entry`), kept in `open` until the end."""
    bind: Digest | None = None
    """A caller's name that leads to this session from now on."""
    inbox_entry: str | None = None
    """Where the turn came from. Is it gone from there, another process has seen to the turn: `FENCED`."""


@frozen(kw_only=True)
class Closing:
    """What a run's last append adds: the `end` half of the audit entry, a snapshot if one is due, the inbox entry."""

    summary: bytes
    snapshot: bytes | None = None
    inbox_entry: str | None = None
    waits_at: tuple[Digest, ...] = ()
    """Where the lineage index shows the session from now on."""


@frozen(kw_only=True)
class Append:
    """Events of one run of one session, in order, with consecutive `seq` from `first_seq`."""

    session_id: SessionId
    run_id: RunId
    first_seq: int
    events: tuple[Event, ...]
    """`SessionNote`s may stand among them; they take no `seq`."""
    opening: Opening | None = None
    closing: Closing | None = None
    droppable: bool = False
    """Chunk events: the first to go when the spool is full."""
    remark: bool = False
    """Notes between two runs: the shard's holder may write them. `run_id` and `first_seq` say nothing then."""


def remark(session_id: SessionId, notes: tuple[SessionNote, ...]) -> Append:
    """An append of notes that belong to no run."""
    return Append(session_id=session_id, run_id=_NO_RUN, first_seq=0, events=notes, remark=True)


_NO_RUN: Final = RunId("")


class Ticket(Protocol):
    """An append under way."""

    @property
    def outcome(self) -> Outcome | None:
        """None while it is under way."""
        ...

    @property
    def is_down(self) -> bool:
        """Whether the part of the store that it needs does not answer. Never waits."""
        ...

    async def wait(self) -> Outcome:
        """Waits until the store has said what became of it. Has no deadline: the caller has."""
        ...

    def on_durable(self, told: Callable[[], None]) -> None:
        """Has somebody told, once, in the moment in which it becomes durable: before any task that waits runs.

        Args:
            told: must not raise, and has little to do: other tickets wait for it.
        """
        ...

    def withdraw(self) -> None:
        """Asks that it not be written, if it has not been sent yet; `wait` then gives `DROPPED`."""
        ...


@frozen(kw_only=True)
class Recorded:
    """An event with its place in the log."""

    position: str
    """The stream id `<ms>-<n>`, the store's clock."""
    event: Event


@frozen(kw_only=True)
class History:
    """All that the log has of one session."""

    snapshot: bytes | None
    """Folded state, as `mix2api.sessions.snapshot` wrote it."""
    recorded: tuple[Recorded, ...] = field(factory=tuple)
    """The events after the snapshot, or all of them if there is none, in order."""


@frozen(kw_only=True)
class OpenRun:
    """An accepted run without an end."""

    run_id: RunId
    session_id: SessionId
    process: ProcessId
    edge: ProcessId
    next_seq: int
    started_ms: int


@frozen
class GivenEnding:
    """A receipt: what the edge knows of the ending that it gave a client."""

    session_id: SessionId
    run_id: RunId
    request_id: RequestId
    """Of the client's request."""
    receipt: Receipt
    """What became of the ending."""
    told: EndReason | None = None
    """The reason under which the client was given it; None where it was given none."""
    times: EdgeTimes | None = None
    """What the edge measured; None where it did not."""


class EventLog(Protocol):
    """The append-only log of all sessions."""

    @property
    def is_down(self) -> bool:
        """Whether an append handed in now would have to wait for the store to come back. Never waits."""
        ...

    @property
    def is_starved(self) -> bool:
        """Whether it is down because this process has no file descriptor left to reach it."""
        ...

    def submit(self, append: Append) -> Ticket:
        """Hands an append over; appends of one run are written in the order of their submission."""
        ...

    async def history(self, session_id: SessionId) -> History:
        """The session's snapshot and what follows it.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
            mix2api.events.codec.UnreadableEvent: an entry is newer or damaged: treat the session as a miss.
        """
        ...

    async def runs_of_request(self, request_digest: Digest) -> list[tuple[RunId, SessionId]]:
        """The runs that had this request id, oldest first, each with its session.

        Raises:
            mix2api.errors.StoreUnavailable: the store does not answer.
        """
        ...

    def receipt(self, given: GivenEnding) -> None:
        """Records what the edge knows of an ending; never waits, never fails."""
        ...

    def refused(self, count: int) -> None:
        """Notes requests that were refused because the store was away; one gap marker with their number follows."""
        ...
