"""The circuit breaker: it opens on a share of failures, and never on a few."""

from mix2api.accounts.breaker import Breaker


def test_five_failures_in_a_row_open_it_once() -> None:
    breaker = Breaker()
    assert [breaker.failed() for _ in range(6)] == [False] * 4 + [True, False]


def test_a_small_share_of_failures_never_opens_it() -> None:
    breaker = Breaker()
    for _ in range(200):
        breaker.succeeded()
        breaker.succeeded()
        assert not breaker.failed()


def test_every_second_call_that_fails_opens_it() -> None:
    breaker, opened = Breaker(), False
    for _ in range(10):
        breaker.succeeded()
        opened = breaker.failed() or opened
    assert opened
