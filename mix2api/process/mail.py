"""What other processes have for this one: each message to the half that it concerns."""

from functools import partial

import msgspec

from mix2api.actors.inbox import Inbox
from mix2api.process.parts import Parts
from mix2api.relay.messages import (
    Abort,
    Aborted,
    Handover,
    Hangup,
    HeadersLeft,
    Mail,
    ReplyBatch,
    Retire,
    Retired,
    Taken,
    TakenOver,
    WakeUp,
    WorkerMail,
    decode_mail,
)
from mix2api.supervision import contained
from mix2api.vocabulary import ProcessId, Retirement, RunId, SessionId, Shard


async def read_mail(parts: Parts) -> None:
    """Reads for ever."""
    while True:
        await _deliver(parts, await parts.store.mail.take())


async def _deliver(parts: Parts, payloads: list[bytes]) -> None:
    """A function of its own: a loop variable of the reader would refer to the last replies until the next mail."""
    for payload in payloads:
        try:
            message = decode_mail(payload)
        except msgspec.MsgspecError:
            parts.logger.warning("mail.unreadable", size_bytes=len(payload))
            continue
        # One message's fault must not cost those that came with it.
        await contained("mail", partial(_hand_over, parts, message), parts.reporter.on_task_fault)


async def _hand_over(parts: Parts, message: Mail) -> None:
    """Gives mail to whom it concerns; what concerns a half that this process has not is passed over."""
    match message:
        case ReplyBatch():
            parts.relay.deliver(message)
        case TakenOver():
            parts.relay.taken_over(message)
        case Retire(session_id, asked_by):
            _retire(parts, SessionId(session_id), ProcessId(asked_by))
        case Abort():
            parts.aborts.take(message)
        case Aborted():
            parts.aborts.hear(message)
        case Retired():
            pass  # for the command that asked
        case _ if parts.half is not None:
            await _to_worker(parts, parts.half.inbox, message)


async def _to_worker(parts: Parts, inbox: Inbox, message: WorkerMail) -> None:
    match message:
        case Handover(shards):
            await parts.take_over([Shard(shard) for shard in shards])
        case WakeUp(shard):
            await parts.wake(inbox, Shard(shard))
        case Hangup(run_id, detail):
            inbox.hang_up(RunId(run_id), detail)
        case HeadersLeft(run_id):
            inbox.headers_left(RunId(run_id))
        case Taken(run_id, total_bytes):
            inbox.taken(RunId(run_id), total_bytes)


def _retire(parts: Parts, session_id: SessionId, asked_by: ProcessId) -> None:
    """Has a session retired, and who asked for it told."""

    def told(retirement: Retirement) -> None:
        parts.outbox.put(asked_by, Retired(session_id, retirement))

    if parts.half is None:
        told(Retirement.NOT_OWNER)
    else:
        parts.half.worker.retire(session_id, told)
