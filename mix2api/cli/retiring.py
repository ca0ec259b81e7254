"""`mix2api sessions retire`: the process that owns the session's shard retires it; where nobody does, this one."""

from typing import Final, TextIO

import msgspec
import trio

from mix2api.actors.retirement import retire
from mix2api.clock import Clock
from mix2api.events.codec import UnreadableEvent
from mix2api.identity import shard_of
from mix2api.relay.messages import Retire, Retired, decode_mail, encode_mail
from mix2api.sessions.evolve import IllegalEvent
from mix2api.sessions.snapshot import state_of
from mix2api.store.finding import find
from mix2api.store.opening import Store
from mix2api.vocabulary import ProcessId, Retirement, SessionId

ANSWER_LIMIT_S: Final = 10.0
"""How long the owner may take: it first lets the run under way end. It goes on without us."""
_AGAIN_S: Final = 0.1
"""Before the next attempt, where the shard is just changing hands."""
_NOT_FOUND: Final = 3
_NOT_RETIRED: Final = 1
_SAID: Final = {
    Retirement.RETIRED: "retired: it will not be continued",
    Retirement.ALREADY: "it was retired already",
    Retirement.VACANT: "nothing is known of it any more",
    Retirement.UNREADABLE: "its log cannot be read: it is not continued anyway",
    Retirement.BUSY: "not retired: a lost process left a run in it; try again when that has been ended",
    Retirement.NOT_OWNER: "not retired: its shard is changing hands; try again",
    Retirement.UNAVAILABLE: "not known to be retired: the store did not answer in time; try again",
}
_DONE: Final = frozenset({Retirement.RETIRED, Retirement.ALREADY, Retirement.UNREADABLE})


async def retire_session(
    store: Store, word: str, out: TextIO, clock: Clock, limit_s: float = ANSWER_LIMIT_S
) -> int:
    """Retires one session, says what became of it, and gives the exit code.

    Args:
        store: which has it.
        word: a session, run or request id.
        out: where it is said.
        clock: for finding runs.
        limit_s: how long the owner is waited for.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    found = await find(store, word, clock)
    if found is None:
        print(f"no session is known by {word!r}", file=out)
        return _NOT_FOUND
    retirement: Retirement | None = None
    with trio.move_on_after(limit_s):
        retirement = await _retire(store, found.session_id)
    if retirement is None:
        print(
            f"{found.session_id}: asked for, not yet confirmed: a run may be under way, look at it later",
            file=out,
        )
        return _NOT_RETIRED
    print(f"{found.session_id}: {_SAID[retirement]}", file=out)
    if retirement is Retirement.VACANT:
        return _NOT_FOUND
    return 0 if retirement in _DONE else _NOT_RETIRED


async def _retire(store: Store, session_id: SessionId) -> Retirement:
    shard = shard_of(session_id)
    while True:
        owner = await store.post.lease_owner(shard)
        if owner is not None:
            retirement = await _asked(store, session_id, owner)
        else:
            await store.heartbeat.hear()  # in which version to write
            await store.leases.acquire([shard])
            retirement = await _by_ourselves(store, session_id)
            await store.leases.release()
        if retirement is not Retirement.NOT_OWNER:
            return retirement
        await trio.sleep(_AGAIN_S)


async def _asked(store: Store, session_id: SessionId, owner: ProcessId) -> Retirement:
    """What the owner made of it. Waits for its answer as long as the caller does."""
    await store.post.mail(owner, encode_mail(Retire(session_id, store.process)))
    while True:
        for payload in await store.mail.take():
            try:
                message = decode_mail(payload)
            except msgspec.MsgspecError:
                continue
            if isinstance(message, Retired) and message.session_id == session_id:
                return message.retirement


async def _by_ourselves(store: Store, session_id: SessionId) -> Retirement:
    try:
        state = state_of(await store.log.history(session_id))
    except (UnreadableEvent, IllegalEvent):
        return Retirement.UNREADABLE
    return await retire(store.log, session_id, state)
