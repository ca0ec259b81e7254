"""The invariant over 20,000 steps."""

from itertools import count

import pytest
from invariant.trials import Totals, run_trial
from redis_server import RedisServer

_STEPS = 20_000
_FIRST_SEED = 1000


@pytest.mark.soak
async def test_no_session_is_shared_in_twenty_thousand_steps(redis_server: RedisServer) -> None:
    totals = Totals()
    for number in count(_FIRST_SEED):
        totals += await run_trial(redis_server, number)
        redis_server.command("FLUSHALL")
        print(f"seed {number}: {totals}")  # noqa: T201 - shown with a failure, and by `pytest -s`
        if totals.steps >= _STEPS:
            break
    assert totals.continued >= totals.steps // 4
