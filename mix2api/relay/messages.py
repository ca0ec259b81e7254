"""What processes say to each other through Redis. Content is in here: the post seals every payload.

Mail goes as msgpack, turns as JSON: what a client wrote may hold integers of any size, and msgpack ends at 64 bits.
"""

from typing import Final

import msgspec
from msgspec import Struct

from mix2api.sessions.aborting import AbortAsked, AbortOutcome
from mix2api.sessions.bridged import Bridged
from mix2api.sessions.lineage import Lineage
from mix2api.sessions.worker_port import (
    Ended,
    ReasoningDelta,
    Reply,
    Submission,
    TextDelta,
    ToolCallDelta,
)
from mix2api.vocabulary import Channel, Digest, ProcessId, RequestId, Retirement, RunId, SessionId
from mix2api.wire.passed_on import PassedOn
from mix2api.wire.roomy import json_of, room_for
from mix2api.wire.turn import Turn


class RelayedTurn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An inbox entry: a turn for the owner of its session's shard."""

    run_id: str
    request_id: str
    session_id: str
    fresh: bool
    """Whether the session is to be made; else it is to be continued."""
    turn: Turn
    body_bytes: int
    client: str
    isolation: str
    edge: str
    deadline_ms: int
    """Unix milliseconds: not begun by then, it is not run."""
    authorization: str | None = None
    reason: str = ""
    taken: str | None = None
    bind: str | None = None
    lineage: Lineage | None = None
    caller: str | None = None
    """Digest of the caller's credential; None from an edge that does not send it."""
    window_bytes: int = 0
    """Bytes of replies that may be on their way to the client: more wait until the edge says `Taken`. 0: the edge is of a
    version that does not say it, and nothing waits."""
    attempt: int = 1
    """A version that does not know it runs a second attempt as a first one: only the number in its `request` is wrong then."""
    traceparent: str | None = None
    """As in the submission. A version that does not know it calls the site without one."""
    bridged: Bridged | None = None
    edge_channel: Channel | None = None
    again_of: str | None = None
    """As in the submission. A version that does not know it leaves it out of its `request`, as before."""
    reads_joined: bool = False
    """Whether the edge reads several passed events as one reply (`PassedOn.count`). False from a version that does not say it:
    it is sent each by itself."""

    @classmethod
    def of(
        cls, submission: Submission, session_id: SessionId, deadline_ms: int, window_bytes: int = 0
    ) -> "RelayedTurn":
        """A submission as it travels."""
        return cls(
            run_id=submission.run_id,
            request_id=submission.request_id,
            session_id=session_id,
            fresh=submission.session_id is None or submission.claimed,
            turn=submission.turn,
            body_bytes=submission.body_bytes,
            client=submission.client,
            isolation=submission.isolation,
            edge=submission.edge,
            deadline_ms=deadline_ms,
            authorization=submission.authorization,
            reason=submission.reason,
            taken=submission.taken,
            bind=submission.bind,
            lineage=submission.lineage,
            caller=submission.caller,
            window_bytes=window_bytes,
            attempt=submission.attempt,
            traceparent=submission.traceparent,
            bridged=submission.bridged,
            edge_channel=submission.edge_channel,
            again_of=submission.again_of,
            reads_joined=True,
        )

    def submission(self) -> Submission:
        """The submission again."""
        return Submission(
            run_id=RunId(self.run_id),
            request_id=RequestId(self.request_id),
            turn=self.turn,
            body_bytes=self.body_bytes,
            client=self.client,
            isolation=Digest(self.isolation),
            edge=ProcessId(self.edge),
            session_id=None if self.fresh else SessionId(self.session_id),
            authorization=self.authorization,
            reason=self.reason,
            taken=None if self.taken is None else Digest(self.taken),
            bind=None if self.bind is None else Digest(self.bind),
            lineage=self.lineage,
            caller=None if self.caller is None else Digest(self.caller),
            attempt=self.attempt,
            traceparent=self.traceparent,
            bridged=self.bridged,
            edge_channel=self.edge_channel,
            again_of=None if self.again_of is None else RunId(self.again_of),
        )


class WakeUp(Struct, frozen=True, tag="wake"):
    """To an owner: something stands in the inbox of this shard."""

    shard: int


class Handover(Struct, frozen=True, tag="handover"):
    """To a process: these shards are its own from now on. Their leases stand under its name already."""

    shards: list[int]


class ReplyBatch(Struct, frozen=True, tag="replies"):
    """To an edge: replies of a run, numbered from 1 within an attempt so that a lost batch is noticed."""

    run_id: str
    attempt: int
    number: int
    replies: list[Reply]


class TakenOver(Struct, frozen=True, tag="taken_over"):
    """To an edge: the process of this run is lost, and another one has written the run's `end`. No reply comes any more."""

    run_id: str
    """As the log has it."""
    ended: Ended
    """What its client is told, unless the turn runs once more."""


class Hangup(Struct, frozen=True, tag="hangup"):
    """To a worker: the client of this run went away. Positive evidence, from a living edge."""

    run_id: str
    detail: str


class HeadersLeft(Struct, frozen=True, tag="headers"):
    """To a worker: the client of this run has been given status 200."""

    run_id: str


class Taken(Struct, frozen=True, tag="taken"):
    """To a worker: of this run's replies so many bytes have gone to the client, all in all. Said again, it says the same."""

    run_id: str
    total_bytes: int


class Retire(Struct, frozen=True, tag="retire"):
    """To an owner: this session is never to be continued. The answer goes to `asked_by`."""

    session_id: str
    asked_by: str


class Retired(Struct, frozen=True, tag="retired"):
    """To who asked: what became of it."""

    session_id: str
    retirement: Retirement


class Abort(Struct, frozen=True, tag="abort"):
    """To every process: a caller wants the run of a session ended. The answer goes to `asked_by`."""

    number: str
    asked_by: str
    asked: AbortAsked


class Aborted(Struct, frozen=True, tag="aborted"):
    """To who asked: what became of it in that process."""

    number: str
    process: str
    outcome: AbortOutcome


WorkerMail = WakeUp | Handover | Hangup | HeadersLeft | Taken
Mail = WorkerMail | ReplyBatch | TakenOver | Retire | Retired | Abort | Aborted

_ROOM: Final = 512
"""Bytes for names and ids: a reply without a text has half of it."""
_encoder: Final = msgspec.msgpack.Encoder()
_mail: Final[msgspec.msgpack.Decoder[Mail]] = msgspec.msgpack.Decoder(Mail)
_turn: Final = msgspec.json.Decoder(RelayedTurn)


def encode_mail(message: Mail) -> bytes:
    """A message's bytes, to be sealed."""
    if not isinstance(message, ReplyBatch):
        return _encoder.encode(message)
    # Large enough from the start: see `mix2api.wire.roomy`.
    buffer = bytearray(_ROOM + sum(map(_room_of, message.replies)))
    _encoder.encode_into(message, buffer)
    return bytes(buffer)


def _room_of(reply: Reply) -> int:
    match reply:
        case TextDelta() | ReasoningDelta():
            return _ROOM + room_for(reply.text)
        case ToolCallDelta():
            return _ROOM + room_for(reply.arguments)
        case PassedOn():
            return _ROOM + 2 * reply.size
        case _:
            return _ROOM


def encode_turn(turn: RelayedTurn) -> bytes:
    """An inbox entry's bytes, to be sealed."""
    times = 2 if turn.turn.given else 1  # what passes through stands there once more
    return json_of(turn, 4 * _ROOM + times * turn.body_bytes * 5 // 4)


def decode_mail(data: bytes) -> Mail:
    """A message again.

    Raises:
        msgspec.MsgspecError: another version's message, or damage; it is dropped and counted.
    """
    return _mail.decode(data)


def decode_turn(data: bytes) -> RelayedTurn:
    """An inbox entry's turn again.

    Raises:
        msgspec.MsgspecError: as for `decode_mail`.
    """
    return _turn.decode(data)
