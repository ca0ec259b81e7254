"""The weights of a gateway's channels."""

import pytest
from msgspec.structs import replace
from release.releases import after, roll_back, start, step, stepped

from mix2api.release.gateway import GatewayNews, Weights, weights_of
from mix2api.release.release import ReleaseState

OLD, NEW = frozenset({"1.9"}), frozenset({"2.0"})
STARTED = after(ReleaseState(), start())


@pytest.mark.parametrize(("steps", "canary"), [(0, 0), (1, 5), (2, 20), (3, 50), (4, 100)])
def test_the_weights_are_the_shares(steps: int, canary: int) -> None:
    assert weights_of(stepped(STARTED, steps), OLD) == Weights(100 - canary, canary)


def test_a_rollback_takes_all_weight_from_the_canary() -> None:
    assert weights_of(after(stepped(STARTED, 3), roll_back()), OLD) == Weights(100, 0)


def test_a_promoted_canary_keeps_the_weight_until_all_stable_processes_run_its_version() -> None:
    at_100 = stepped(STARTED, 4)
    promoted = after(at_100, step(at_100, promote=True))
    for versions in (OLD, OLD | NEW, frozenset[str]()):
        assert weights_of(promoted, versions) == Weights(0, 100)
    assert weights_of(promoted, NEW) == Weights(100, 0)
    assert weights_of(at_100, NEW) == Weights(0, 100)


def test_news_tells_of_one_event_and_its_weights() -> None:
    state = stepped(STARTED, 1)
    news = GatewayNews(number=state.number, release=state.release, at_ms=1, who="ann", stable=95, canary=5)
    failed = replace(news, fault="away", at_ms=2)
    assert news.tells(state, Weights(95, 5))
    assert not news.tells(state, Weights(100, 0))
    assert not news.tells(stepped(state, 1), Weights(95, 5))
    assert not failed.tells(state, Weights(95, 5))
    assert (failed.repeats(None), failed.repeats(news), failed.repeats(replace(failed, at_ms=9))) == (
        False,
        False,
        True,
    )
    assert news.line == "new-api has weight 95 for stable and 5 for the canary"
    assert failed.line == "new-api does not have weight 95 for stable and 5 for the canary: away"
