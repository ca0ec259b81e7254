"""No two conversations ever share an upstream session, and each goes on in its own: many steps, drawn by chance.

A failure names its seed: the same seed tells the same story again. With `Phase.shrink` among the phases of `run_trial`
hypothesis makes it short.
"""

import os
from typing import Final

import pytest
from invariant.trials import run_trial
from redis_server import RedisServer

WINDOW: Final = 400
"""Tokens: a few turns fill it, and an image of unknown size alone is too much for it."""
CROWDS: Final = int(os.environ.get("BUDGET_CROWDS", "2"))


# With this version of hypothesis, these two of the drawn stories name sessions, restart and empty the store.
@pytest.mark.parametrize("number", [2, 4])
async def test_a_session_holds_what_its_one_user_typed_and_got(
    number: int, redis_server: RedisServer
) -> None:
    totals = await run_trial(redis_server, number)
    assert totals.steps >= 500
    assert totals.users >= 20
    assert totals.restarts > 0
    assert totals.emptied > 0
    assert totals.named > 0
    # Not by never continuing anything.
    assert totals.continued >= totals.steps // 4


async def test_a_session_holds_parts_of_its_one_users_conversation_where_windows_are_small(
    redis_server: RedisServer,
) -> None:
    """Histories are trimmed, and full sessions left. `make budgets` has more crowds."""
    totals = await run_trial(redis_server, 2, crowds=CROWDS, rules=40, window=WINDOW)
    assert min(totals.trimmed, totals.rolled_over, totals.continued) > 0, totals
