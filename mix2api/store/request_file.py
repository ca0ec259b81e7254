"""All that the store knows of one request id, in three round trips at most.

The first trip looks the id up. The second reads the logs of its latest runs, from their begin on, and the `open` entries. The third
reads the audit streams around the ends, for the receipts, and asks whether the processes of runs without an end are alive.
"""

import re
from typing import Final

from attrs import define, evolve, frozen

from mix2api.events.codec import UnreadableEvent
from mix2api.events.edge_times import read_times
from mix2api.events.kinds import End, Event
from mix2api.events.refusal_entry import RefusalEntry, read_refusal
from mix2api.identity import shard_of
from mix2api.projections.explanation import RunEvidence
from mix2api.sealing import Seal
from mix2api.store.audit_stream import AuditedReceipt, audit_entry
from mix2api.store.keys import Keys
from mix2api.store.log import RedisEventLog, run_of_session
from mix2api.store.redis.link import Command, RedisLink, Reply
from mix2api.store.refusals import is_damage
from mix2api.vocabulary import ProcessId, Receipt, RequestId, RunId, SessionId

_ATTEMPTS: Final = 4
"""Runs that one request may have had: a turn runs twice at most, and the id may have been used before."""
_SLACK_MS: Final = 60_000
"""The clocks of the edge that made a run's id and of the store may differ by so much."""
_EVENTS: Final = 4000
"""Entries that are read of a session's log from a run's begin on: more than a run may have."""
_RECEIPTS: Final = 4000
"""Entries that are searched for a receipt: some minutes of a busy shard."""
_RECEIPTS_BEFORE: Final = 1000
"""Entries before the end that are searched. A receipt may leave first, where a client went away or was told before the end stood."""
_BEGAN: Final = re.compile(r"run_([0-9a-f]{12})")


@frozen(kw_only=True)
class RequestFile:
    """What was found. Nothing at all: the id is not known, or older than the retention."""

    runs: tuple[RunEvidence, ...] = ()
    """Of the latest request with this id, in order. The last one answers."""
    earlier: tuple[RunId, ...] = ()
    """Runs of earlier requests with the same id."""
    refusals: tuple[RefusalEntry, ...] = ()
    """Refused requests with this id, in order."""


@define(eq=False, kw_only=True)
class RequestFiles:
    """Reads them.

    Args:
        link: for reading.
        keys: key names.
        log: decodes events.
        seal: digests request ids.
    """

    _link: RedisLink
    _keys: Keys
    _log: RedisEventLog
    _seal: Seal

    async def read(self, request_id: RequestId) -> RequestFile:
        """What is known of a request id.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        digest = self._seal.digest(request_id, "request_id")
        listed, refused = await self._link.execute(
            ("LRANGE", self._keys.run(digest), 0, -1), ("LRANGE", self._keys.refusal(digest), 0, -1)
        )
        refusals = tuple(entry for data in _values(refused) if (entry := read_refusal(data)) is not None)
        known = [
            run for value in dict.fromkeys(_values(listed)) if (run := run_of_session(value)) is not None
        ]
        if not known:
            return RequestFile(refusals=refusals)
        runs = await self._with_endings(await self._with_events(known[-_ATTEMPTS:]))
        answering = _latest_request(runs)
        earlier = tuple(run_id for run_id, _ in known[: len(known) - len(answering)])
        return RequestFile(runs=tuple(answering), earlier=earlier, refusals=refusals)

    async def read_run(self, run_id: RunId, session_id: SessionId) -> RequestFile:
        """Likewise, of one run whose session is known.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        runs = await self._with_endings(await self._with_events([(run_id, session_id)]))
        return RequestFile(runs=tuple(run for run in runs if run.request is not None))

    async def _with_events(self, known: list[tuple[RunId, SessionId]]) -> list[RunEvidence]:
        commands: list[Command] = [
            ("XRANGE", self._keys.log(shard_of(session), session), _since(run), "+", "COUNT", _EVENTS)
            for run, session in known
        ]
        replies = await self._link.execute(*commands)
        return [
            self._evidence(run, session, reply) for (run, session), reply in zip(known, replies, strict=True)
        ]

    def _evidence(self, run_id: RunId, session_id: SessionId, reply: Reply) -> RunEvidence:
        events: list[Event] = []
        unreadable, ended_at = 0, None
        for entry in _values(reply):
            try:
                recorded = self._log.recorded(entry)
            except UnreadableEvent:
                unreadable += 1
                continue
            if recorded.event.run_id == run_id:
                events.append(recorded.event)
                if isinstance(recorded.event, End):
                    ended_at = recorded.position
        return RunEvidence(
            run_id=run_id,
            session_id=session_id,
            events=tuple(events),
            ended_at=ended_at,
            unreadable=unreadable,
        )

    async def _with_endings(self, runs: list[RunEvidence]) -> list[RunEvidence]:
        if not runs:
            return []
        commands: list[Command] = []
        for run in runs:
            shard = shard_of(run.session_id)
            request = run.request
            worker = ProcessId("") if request is None else request.worker
            commands += (
                # Of a run without an end there is no receipt, and nothing is searched.
                ("XREVRANGE", self._keys.audit(shard), *_before(run), "COUNT", _RECEIPTS_BEFORE),
                ("XRANGE", self._keys.audit(shard), _millisecond(run.ended_at), "+", "COUNT", _RECEIPTS),
                ("EXISTS", self._keys.process(worker)),
            )
        replies = await self._link.execute(*commands)
        return [
            _with_receipt(run, [*reversed(_values(before)), *_values(after)], is_alive=alive == 1)
            for run, before, after, alive in zip(
                runs, replies[::3], replies[1::3], replies[2::3], strict=True
            )
        ]


def _values(reply: Reply) -> list[Reply]:
    """A list's values, or a stream's entries; none of a key that holds something else."""
    return [] if is_damage(reply) or not isinstance(reply, list) else reply


def _since(run_id: RunId) -> str:
    found = _BEGAN.match(run_id)
    return "-" if found is None else str(max(0, int(found[1], 16) - _SLACK_MS))


def _millisecond(position: str | None) -> str:
    return "+" if position is None else position.partition("-")[0]


def _before(run: RunEvidence) -> tuple[str, str]:
    """The bounds of what came between a run's begin and its end, the later one first. Of a run without an end, nothing."""
    return ("-", "-") if run.ended_at is None else (f"({_millisecond(run.ended_at)}-0", _since(run.run_id))


def _with_receipt(run: RunEvidence, entries: list[Reply], *, is_alive: bool) -> RunEvidence:
    """The run with its first receipt. That another run answers is a receipt only where there is no other."""
    found = evolve(run, is_alive=is_alive)
    for raw in entries:
        entry = audit_entry(raw)
        if isinstance(entry, AuditedReceipt) and entry.run_id == run.run_id:
            found = evolve(found, receipt=entry.receipt, told=entry.told, times=read_times(entry.times))
            if entry.receipt != Receipt.RERUN:
                break
    return found


def _latest_request(runs: list[RunEvidence]) -> list[RunEvidence]:
    """The runs of the latest request: back from the last one to its first attempt. Runs without events are left out."""
    latest: list[RunEvidence] = []
    for run in reversed(runs):
        request = run.request
        if request is None:
            continue
        latest.insert(0, run)
        if request.attempt == 1:
            break
    return latest
