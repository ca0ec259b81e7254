"""`mix2api sessions retire`: retires a session, and says what became of it."""

from typing import Final, TextIO

from mix2api.clock import Clock
from mix2api.process import retiring
from mix2api.store.finding import find
from mix2api.store.store import Store
from mix2api.vocabulary import Retirement

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
    store: Store, word: str, out: TextIO, clock: Clock, limit_s: float = retiring.ANSWER_LIMIT_S
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
    retirement = await retiring.retire_session(store, found.session_id, limit_s)
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
