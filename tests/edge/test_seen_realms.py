"""When a summary stands for what a realm's session holds: a while after a turn, and once."""

from histories import messages, user

from mix2api.edge.seen_realms import NEVER, Seen, SeenRealms

ONE = messages(user("<conversation-checkpoint> one"))
TWO = messages(user("<conversation-checkpoint> two"))


def seen_at(at_s: float) -> SeenRealms:
    seen = SeenRealms(life_s=10)
    seen.turns[1] = Seen(at_s, None)
    return seen


def test_a_summary_counts_for_as_long_as_a_session_waits() -> None:
    assert seen_at(20).is_compacted(1, Seen(10, None), ONE)
    assert not seen_at(20.1).is_compacted(1, Seen(10, None), ONE)
    assert not seen_at(20).is_compacted(1, NEVER, ONE)


def test_a_history_without_a_summary_is_none() -> None:
    assert not seen_at(1).is_compacted(1, Seen(0, None), messages(user("one")))


def test_a_summary_counts_once_and_another_one_counts_again() -> None:
    seen = seen_at(1)
    assert seen.is_compacted(1, Seen(0, None), ONE)
    assert not seen.is_compacted(1, seen.turns[1], ONE)
    assert seen.is_compacted(1, seen.turns[1], TWO)


def test_of_two_at_the_same_moment_one_counts() -> None:
    seen, before = seen_at(1), Seen(0, None)
    assert [seen.is_compacted(1, before, ONE), seen.is_compacted(1, before, ONE)] == [True, False]


def test_a_realm_that_was_forgotten_meanwhile_counts_for_nothing() -> None:
    assert not SeenRealms().is_compacted(1, Seen(0, None), ONE)
