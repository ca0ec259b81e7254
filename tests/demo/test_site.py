import pytest
import trio.testing

from mix2api.demo.directives import NOTHING_ASKED, find_directives
from mix2api.demo.options import DemoOptions
from mix2api.demo.site import Site, UnknownSession


def test_a_started_site_knows_no_id_of_an_earlier_one() -> None:
    ids = {Site(DemoOptions()).open_session().id for _ in range(20)}
    assert len(ids) == 20


def test_over_the_limit_the_session_unused_for_longest_goes() -> None:
    site = Site(DemoOptions(max_sessions=2))
    first, second = site.open_session(), site.open_session()
    site.continue_session(first.id, NOTHING_ASKED)
    third = site.open_session()
    assert list(site.sessions) == [first.id, third.id]
    with pytest.raises(UnknownSession):
        site.session(second.id)


def test_a_forgotten_session_is_unknown_and_cannot_be_forgotten_twice() -> None:
    site = Site(DemoOptions())
    session = site.open_session()
    site.forget(session.id)
    with pytest.raises(UnknownSession):
        site.forget(session.id)


def test_a_swap_is_for_one_turn() -> None:
    site = Site(DemoOptions())
    session = site.open_session()
    session.swap_next = True
    other = site.continue_session(session.id, NOTHING_ASKED)
    assert other.id != session.id
    assert site.continue_session(session.id, NOTHING_ASKED) is session


def test_a_key_is_obeyed_once() -> None:
    site = Site(DemoOptions())
    words = find_directives("[[once:k]] [[hang]]")
    assert site.first_sight(words) is words
    assert site.first_sight(words) is NOTHING_ASKED
    plain = find_directives("[[hang]]")
    assert site.first_sight(plain) is plain


async def test_a_token_expires_by_time_or_by_order(autojump_clock: trio.testing.MockClock) -> None:
    site = Site(DemoOptions(token_ttl_s=10))
    token = site.log_in()
    autojump_clock.jump(9.9)
    assert site.knows(token)
    autojump_clock.jump(0.2)
    assert not site.knows(token)
    second = site.log_in()
    site.expire_tokens()
    assert not site.knows(second)
    assert site.stats.logins == 2
