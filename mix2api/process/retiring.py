"""Retiring a session: the process that owns its shard does it; where nobody owns the shard, this one does."""

from typing import Final

import msgspec
import trio

from mix2api.actors.retirement import retire
from mix2api.events.codec import UnreadableEvent
from mix2api.identity import shard_of
from mix2api.relay.messages import Retire, Retired, decode_mail, encode_mail
from mix2api.sessions.evolve import IllegalEvent
from mix2api.sessions.snapshot import state_of
from mix2api.store.store import Store
from mix2api.vocabulary import ProcessId, Retirement, SessionId

ANSWER_LIMIT_S: Final = 10.0
"""How long the owner may take: it first lets the run under way end. It goes on without us."""
_AGAIN_S: Final = 0.1
"""Before the next attempt, where the shard is just changing hands."""


async def retire_session(
    store: Store, session_id: SessionId, limit_s: float = ANSWER_LIMIT_S
) -> Retirement | None:
    """Retires one session. None: that was asked for, and is not yet confirmed.

    Args:
        store: which has it.
        session_id: of the session.
        limit_s: how long the owner is waited for.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    with trio.move_on_after(limit_s):
        return await _retire(store, session_id)
    return None


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
