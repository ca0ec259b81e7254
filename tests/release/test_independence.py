"""Which trials count as independent of those before."""

from release_trials import trial

from mix2api.release.independence import Independence, Lately

HOUR_MS = 3_600_000


def test_a_turn_that_a_client_resends_five_times_counts_once() -> None:
    independence = Independence()
    attempts = [trial(bad=True, turn="same") for _ in range(6)]
    assert [independence.admits(each) for each in attempts] == [True, *[False] * 5]
    assert independence.repeats == 5


def test_a_resent_turn_that_succeeds_at_last_does_not_count_either() -> None:
    independence = Independence()
    assert independence.admits(trial(bad=True, turn="same"))
    assert not independence.admits(trial(turn="same", canary=True))


def test_a_session_counts_as_bad_once() -> None:
    independence = Independence()
    assert independence.admits(trial(session="one"))
    assert independence.admits(trial(session="one", bad=True))
    assert not independence.admits(trial(session="one", bad=True))
    assert independence.admits(trial(session="two", bad=True))


def test_equal_questions_that_are_answered_count_each() -> None:
    independence = Independence()
    assert all(independence.admits(trial(turn="ping")) for _ in range(3))


def test_without_a_digest_of_the_turn_the_session_alone_decides() -> None:
    independence = Independence()
    assert independence.admits(trial(bad=True, turn=None))
    assert independence.admits(trial(bad=True, turn=None))


def test_a_session_counts_once_for_times_and_once_more_when_it_goes_on() -> None:
    independence = Independence()
    opened = trial(session="one")
    assert independence.is_first(opened)
    assert not independence.is_first(opened)
    later = [trial(session="one", continued=True) for _ in range(2)]
    assert [independence.is_first(each) for each in later] == [True, False]


def test_what_is_remembered_is_forgotten_after_one_or_two_hours() -> None:
    lately = Lately()
    lately.add("early", HOUR_MS)
    lately.add("late", 2 * HOUR_MS)
    assert "early" in lately
    lately.add("latest", 3 * HOUR_MS)
    assert "early" not in lately
    assert "late" in lately


def test_a_flood_is_remembered_within_its_bound() -> None:
    lately = Lately()
    for number in range(250_000):
        lately.add(str(number), 1)
    assert "249999" in lately
    assert "0" not in lately
